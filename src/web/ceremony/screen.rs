//! What the ceremony shows on each screen. Nothing on a screen tells of a place that has not been shown: neither how many
//! share it, nor which comes next.

use std::collections::HashSet;

use super::super::markup::Markup;
use super::super::number;
use crate::domain::results::{ResultRow, Results};
use figures::ladder_plot::{Climb, Rung, ladder_svg};
use figures::place_plot::change_word;

/// Places that are shown one by one; those below come several to a screen.
const SINGLY: usize = 12;
/// Places on a screen where they come several.
const TOGETHER: usize = 6;
/// Rungs beside the one that was just shown.
const RUNGS: usize = 6;
/// Rungs above it that are always kept, to say that there is more to come.
const ABOVE: usize = 3;
/// Names that are written out where more share a place.
const NAMES: usize = 4;

/// Everybody who competes, by place.
pub(super) struct Field {
    /// Best first.
    places: Vec<Place>,
    /// Whether winner and runner-up differ within chance.
    leaders_are_tied: bool,
}

/// A place, and who has it.
struct Place {
    no: usize,
    people: Vec<Person>,
    score: String,
    interval: String,
}

#[derive(Clone)]
struct Person {
    name: String,
    on_dev: Option<usize>,
}

/// One screen of the ceremony.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Screen {
    Opening,
    /// These places, by their index, the lower one last.
    Places {
        from: usize,
        to: usize,
    },
    Pause,
    /// The winner or the runner-up, by the index of the place.
    Award(usize),
    /// Both of them.
    Awards,
    Nobody,
}

/// What a screen shows.
pub(super) enum Body {
    Opening,
    Ladder(Ladder),
    Pause,
    Award(Award),
    Awards { awards: Vec<Award>, tied: bool },
    Nobody,
}

/// The ladder of places.
pub(super) struct Ladder {
    /// As in `Place 4`.
    pub(super) title: String,
    pub(super) picture: Markup,
    pub(super) rungs: Vec<LadderRung>,
}

/// A rung, from the top down.
pub(super) struct LadderRung {
    pub(super) no: usize,
    pub(super) shown: Option<ShownPlace>,
    /// Whether it appeared with this screen.
    pub(super) is_now: bool,
    /// Whether it did so alone, large.
    pub(super) is_tall: bool,
}

/// A place that may be seen.
pub(super) struct ShownPlace {
    pub(super) people: Vec<ShownPerson>,
    /// How many more share it than are named.
    pub(super) others: usize,
    pub(super) is_shared: bool,
    pub(super) score: String,
    pub(super) interval: String,
    /// The class of the names' size.
    pub(super) size: &'static str,
}

/// Somebody at a place.
pub(super) struct ShownPerson {
    pub(super) name: String,
    /// As in `from place 2 on dev, down 2`; may be empty.
    pub(super) from: String,
}

/// An award.
pub(super) struct Award {
    pub(super) word: &'static str,
    pub(super) place: ShownPlace,
}

impl Field {
    /// Those who compete in results.
    pub(super) fn of(results: &Results, leaders_are_tied: Option<bool>) -> Self {
        let mut places: Vec<Place> = Vec::new();
        for row in results.competing() {
            let Some(no) = row.ranked.rank else { continue };
            let person =
                Person { name: row.entry().participant.clone(), on_dev: row.dev.as_ref().and_then(|dev| dev.rank) };
            match places.last_mut().filter(|last| last.no == no) {
                Some(place) => place.people.push(person),
                None => places.push(Place::of(no, row, person)),
            }
        }
        Self { places, leaders_are_tied: leaders_are_tied == Some(true) }
    }

    /// A field of which nothing is known but how many they are: one place of it is shared, so that this is tried, too.
    pub(super) fn rehearsed(participants: usize) -> Self {
        let count = if participants == 0 { 8 } else { participants };
        let shared = (count >= 6).then_some(5);
        let person = |place: usize| Person {
            name: format!("Name of place {place}"),
            // Neighbours change places.
            on_dev: Some(if place.is_multiple_of(2) { place - 1 } else { (place + 1).min(count) }),
        };
        let numbers = (1..=count).filter(|place| shared.is_none_or(|shared| *place != shared + 1));
        let place = |no: usize| Place {
            no,
            people: if shared == Some(no) { vec![person(no), person(no + 1)] } else { vec![person(no)] },
            score: "0.····".to_owned(),
            interval: "0.··· – 0.···".to_owned(),
        };
        Self { places: numbers.map(place).collect(), leaders_are_tied: false }
    }

    pub(super) fn participants(&self) -> usize {
        self.places.iter().map(|place| place.people.len()).sum()
    }

    /// How many places are awards: those of winner and runner-up.
    fn awards(&self) -> usize {
        self.places.iter().take_while(|place| place.no <= 2).count()
    }

    /// All screens in their order.
    pub(super) fn screens(&self) -> Vec<Screen> {
        let awards = self.awards();
        if awards == 0 {
            return vec![Screen::Nobody];
        }
        let mut screens = vec![Screen::Opening];
        let mut to = self.places.len();
        while to > awards {
            let from = if to > SINGLY { to.saturating_sub(TOGETHER).max(SINGLY) } else { to - 1 };
            screens.push(Screen::Places { from, to });
            to = from;
        }
        screens.push(Screen::Pause);
        screens.extend((0..awards).rev().map(Screen::Award));
        screens.push(Screen::Awards);
        screens
    }

    pub(super) fn body(&self, screen: Screen) -> Body {
        match screen {
            Screen::Opening => Body::Opening,
            Screen::Places { from, to } => Body::Ladder(self.ladder(from, to)),
            Screen::Pause => Body::Pause,
            Screen::Award(index) => Body::Award(self.award(index)),
            Screen::Awards => Body::Awards {
                awards: (0..self.awards()).map(|index| self.award(index)).collect(),
                tied: self.leaders_are_tied,
            },
            Screen::Nobody => Body::Nobody,
        }
    }

    fn award(&self, index: usize) -> Award {
        let place = &self.places[index];
        let word = match (place.no, place.people.len()) {
            (1, 1) => "Winner",
            (1, _) => "Winners",
            (_, 1) => "Runner-up",
            _ => "Runners-up",
        };
        Award { word, place: place.shown() }
    }

    fn ladder(&self, from: usize, to: usize) -> Ladder {
        let now = &self.places[from..to];
        let is_tall = now.len() == 1;
        let room = if is_tall { RUNGS } else { RUNGS + 2 - now.len() };
        // Above there is a rung for every number, so that none tells whether somebody shares a place that is to come.
        let hidden = now[0].no - 1;
        let below = (self.places.len() - to).min(room.saturating_sub(hidden.min(ABOVE)));
        let above = hidden.min(room - below);
        let mut rungs: Vec<LadderRung> = (hidden - above + 1..=hidden)
            .map(|no| LadderRung { no, shown: None, is_now: false, is_tall: false })
            .collect();
        let seen = self.places[from..(to + below).min(self.places.len())].iter().enumerate();
        rungs.extend(seen.map(|(i, place)| LadderRung {
            no: place.no,
            shown: Some(place.shown()),
            is_now: i < now.len(),
            is_tall: is_tall && i == 0,
        }));
        let heights: Vec<Rung> = rungs.iter().map(|rung| Rung { place: rung.no, is_tall: rung.is_tall }).collect();
        let climbs: Vec<Climb> = self.places[from..to + below]
            .iter()
            .enumerate()
            .flat_map(|(i, place)| {
                let climb = move |person: &Person| {
                    Some(Climb { before: person.on_dev?, rung: above + i, is_now: i < now.len() })
                };
                place.people.iter().filter_map(climb)
            })
            .collect();
        let taken: HashSet<usize> =
            self.places[from..].iter().flat_map(|place| &place.people).filter_map(|person| person.on_dev).collect();
        let title = match now {
            [one] => format!("Place {}", number::count(one.no as u64)),
            _ => format!("Places {} to {}", now[0].no, now[now.len() - 1].no),
        };
        Ladder {
            title,
            picture: Markup::from_svg(ladder_svg(&heights, &climbs, |place| !taken.contains(&place))),
            rungs,
        }
    }
}

impl Place {
    fn of(no: usize, row: &ResultRow, person: Person) -> Self {
        let result = &row.entry().result;
        Self {
            no,
            people: vec![person],
            score: number::score(result.ranking_value),
            interval: number::interval(result.interval.low, result.interval.high),
        }
    }

    fn shown(&self) -> ShownPlace {
        let from = |person: &Person| match person.on_dev {
            None => String::new(),
            Some(before) if before == self.no => format!("from place {before} on dev, the same"),
            Some(before) => format!("from place {before} on dev, {}", change_word(before, self.no)),
        };
        let named = self.people.iter().take(NAMES);
        let letters: usize = named.clone().map(|person| person.name.chars().count()).sum();
        ShownPlace {
            people: named.map(|person| ShownPerson { name: person.name.clone(), from: from(person) }).collect(),
            others: self.people.len().saturating_sub(NAMES),
            is_shared: self.people.len() > 1,
            score: self.score.clone(),
            interval: self.interval.clone(),
            size: match (self.people.len(), letters) {
                (1, ..=15) => "large",
                (1, ..=24) | (2, ..=24) => "medium",
                _ => "small",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(places: &[(usize, usize)]) -> Field {
        let place = |(no, people): &(usize, usize)| Place {
            no: *no,
            people: (0..*people).map(|i| Person { name: format!("{no}.{i}"), on_dev: Some(no + i) }).collect(),
            score: "0.2000".to_owned(),
            interval: String::new(),
        };
        Field { places: places.iter().map(place).collect(), leaders_are_tied: false }
    }

    #[test]
    fn places_come_from_the_last_up_and_the_awards_after_a_pause() {
        use Screen::{Award, Awards, Nobody, Opening, Pause, Places};
        let one = |i: usize| Places { from: i, to: i + 1 };
        assert_eq!(
            field(&[(1, 1), (2, 1), (3, 2), (5, 1)]).screens(),
            [Opening, one(3), one(2), Pause, Award(1), Award(0), Awards]
        );
        // A shared first place leaves no runner-up, a shared second one has all of them on a screen.
        assert_eq!(field(&[(1, 2), (3, 1)]).screens(), [Opening, one(1), Pause, Award(0), Awards]);
        assert_eq!(field(&[(1, 1), (2, 2)]).screens(), [Opening, Pause, Award(1), Award(0), Awards]);
        assert_eq!(field(&[(1, 1)]).screens(), [Opening, Pause, Award(0), Awards]);
        assert_eq!(field(&[]).screens(), [Nobody]);
    }

    #[test]
    fn a_large_field_comes_several_places_to_a_screen_until_the_first_twelve() {
        let all: Vec<(usize, usize)> = (1..=1000).map(|no| (no, 1)).collect();
        let screens = field(&all).screens();
        assert!(screens.len() < 200, "{}", screens.len());
        assert_eq!(screens[1], Screen::Places { from: 994, to: 1000 });
        assert_eq!(
            screens.iter().filter(|one| matches!(one, Screen::Places { from, to } if to - from == 1)).count(),
            10
        );
    }

    #[test]
    fn nothing_above_tells_who_shares_a_place_that_is_to_come() {
        let numbers = |places: &[(usize, usize)], at: usize| {
            let ladder = field(places).ladder(at, at + 1);
            let above = ladder.rungs.iter().take_while(|rung| rung.shown.is_none());
            above.map(|rung| rung.no).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&[(1, 1), (2, 1), (3, 1), (4, 1)], 3), [1, 2, 3]);
        assert_eq!(numbers(&[(1, 2), (3, 1), (4, 1)], 2), [1, 2, 3]);
        assert_eq!(numbers(&[(1, 3), (4, 1)], 1), [1, 2, 3]);
    }

    #[test]
    fn every_screen_of_every_field_can_be_drawn() {
        for count in [1, 2, 3, 7, 8, 13, 14, 40, 1000] {
            let field = Field::rehearsed(count);
            assert_eq!(field.participants(), count);
            for screen in field.screens() {
                if let Body::Ladder(ladder) = field.body(screen) {
                    let height: usize = ladder.rungs.iter().map(|rung| if rung.is_tall { 232 } else { 86 }).sum();
                    assert!(height <= 748, "{count} {screen:?}: {height}");
                    assert!(ladder.rungs.iter().any(|rung| rung.is_now) && ladder.rungs[0].no >= 1);
                }
            }
        }
    }
}
