//! Who won, and what the number means, in words.

use scoring::{Metric, RankingKind, RankingNumber, Split};

use super::super::number;
use super::super::scenario::ScenarioName;
use super::super::timestamp::Timestamp;
use crate::board::TrackResults;
use crate::domain::results::{ResultRow, Results};
use crate::store::track::Track;

/// Of a place that very many share so many are named; the table has all.
pub(super) const MOST_NAMED: usize = 8;

/// How many more share a place than are named, in words; empty: all are.
pub(super) fn more(all: usize) -> String {
    match all.saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("{} more", number::count(more as u64)),
    }
}

/// Winner and runner-up, of each several where the place is shared.
pub(super) struct Awards {
    /// As in `Winner`.
    pub(super) first_word: &'static str,
    pub(super) winners: Vec<Award>,
    pub(super) more_winners: String,
    pub(super) second_word: &'static str,
    pub(super) runners_up: Vec<Award>,
    pub(super) more_runners_up: String,
    /// What lies between the two, or why there is no runner-up.
    pub(super) between: String,
}

/// Somebody who won something.
pub(super) struct Award {
    pub(super) name: String,
    pub(super) score: String,
    /// What the number means; `None` beside the runner-up.
    pub(super) meaning: String,
    /// Where it stood on dev, as a sentence; may be empty.
    pub(super) on_dev: String,
    pub(super) method_url: Option<String>,
    pub(super) is_late: bool,
}

impl Awards {
    pub(super) fn of(of_track: &TrackResults, names: &[ScenarioName]) -> Self {
        let results = &of_track.results;
        let revealed_at = of_track.versions.first().map(|first| first.made_at);
        let award = |row: &ResultRow| {
            let entry = row.entry();
            Award {
                name: entry.participant.clone(),
                score: number::score(entry.result.ranking_value),
                meaning: meaning(row, names),
                on_dev: on_dev(row),
                method_url: entry.method_url.clone(),
                is_late: entry.method_url_at.zip(revealed_at).is_some_and(|(at, revealed)| at >= revealed),
            }
        };
        let (first, second) = (results.winners().count(), results.runners_up().count());
        Self {
            first_word: if first > 1 { "Winners, of a shared first place" } else { "Winner" },
            second_word: if second > 1 { "Runners-up, of a shared second place" } else { "Runner-up" },
            between: between(of_track, first),
            winners: results.winners().take(MOST_NAMED).map(award).collect(),
            more_winners: more(first),
            runners_up: results.runners_up().take(MOST_NAMED).map(award).collect(),
            more_runners_up: more(second),
        }
    }
}

/// What the ranking number says of an attack.
fn meaning(row: &ResultRow, names: &[ScenarioName]) -> String {
    let result = &row.entry().result;
    let of_hundred = |value: f64| format!("{:.0} of 100", value * 100.0);
    let found = of_hundred(result.ranking_value);
    let best = names
        .iter()
        .filter_map(|name| Some((name, result.scenario(&name.folder)?.numbers.get(Metric::RANKING))))
        .fold(None, |best: Option<(&ScenarioName, f64)>, one| best.filter(|best| best.1 >= one.1).or(Some(one)));
    let members = match (result.ranking.number(), best) {
        (RankingKind::Max, Some((name, _))) if names.len() > 1 => {
            format!("{found} members in “{}”, its best", name.label)
        }
        (RankingKind::Mean, Some((name, value))) if names.len() > 1 => {
            format!("{found} members in the mean, {} in “{}”", of_hundred(value), name.label)
        }
        _ => format!("{found} members"),
    };
    format!("at one false alarm in ten, this attack finds {members}. Guessing finds ten.")
}

/// Where an entry stood on dev, and how far it came.
fn on_dev(row: &ResultRow) -> String {
    let Some(before) = row.dev.as_ref().and_then(|dev| dev.rank) else { return String::new() };
    match row.rise() {
        Some(0) => format!("{} on the dev board, too.", ordinal(before)),
        Some(rise) if rise > 0 => format!("{} on the dev board, up {}.", ordinal(before), spelt(rise.unsigned_abs())),
        Some(rise) => format!("{} on the dev board, down {}.", ordinal(before), spelt(rise.unsigned_abs())),
        None => String::new(),
    }
}

/// What lies between winner and runner-up.
fn between(of_track: &TrackResults, winners: usize) -> String {
    let results = &of_track.results;
    match (results.winners().next(), results.runners_up().next()) {
        (None, _) => String::new(),
        (Some(_), None) if winners > 1 => {
            "Their counts are exactly equal, so they share the place, and nobody is runner-up.".to_owned()
        }
        (Some(_), None) => "Nobody else competed.".to_owned(),
        (Some(first), Some(second)) => {
            let (above, below) = (&first.entry().result, &second.entry().result);
            let margin = match members_between(&above.ranking, &below.ranking) {
                Some((1, of)) => format!("Between the two lies one member of {}", number::count(of)),
                Some((n, of)) => format!("Between the two lie {} members of {}", number::count(n), number::count(of)),
                None => {
                    let value = number::score((above.ranking_value - below.ranking_value).max(0.0));
                    format!("Between the two lies {value}")
                }
            };
            match of_track.leaders_are_tied {
                Some(true) => format!("{margin}: within chance. The exact count decides the place."),
                _ => format!("{margin}: more than chance would make."),
            }
        }
    }
}

/// How many members more one found than the other, of how many, where all scenarios weigh the same.
fn members_between(above: &RankingNumber, below: &RankingNumber) -> Option<(u64, u64)> {
    if above.number() != RankingKind::Mean {
        return None;
    }
    let sums = |ranking: &RankingNumber| {
        let counts: Vec<(u64, u64)> = ranking.counts().iter().copied().collect::<Option<_>>()?;
        let same = counts.iter().all(|(_, of)| *of == counts[0].1);
        same.then(|| counts.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1)))
    };
    let ((above, of), (below, other)) = (sums(above)?, sums(below)?);
    (of == other && above >= below).then(|| (above - below, of))
}

/// `First`, `Second`, up to `Tenth`, then `In place 11`.
fn ordinal(place: usize) -> String {
    const WORDS: [&str; 10] =
        ["First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth"];
    place
        .checked_sub(1)
        .and_then(|i| WORDS.get(i))
        .map_or_else(|| format!("In place {place}"), |word| (*word).to_owned())
}

/// A small number as a word.
fn spelt(value: u64) -> String {
    const WORDS: [&str; 10] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let word = usize::try_from(value).ok().and_then(|n| n.checked_sub(1)).and_then(|i| WORDS.get(i));
    word.map_or_else(|| number::count(value), |word| (*word).to_owned())
}

/// How much was competed with.
pub(super) struct Totals {
    pub(super) participants: String,
    pub(super) entries: String,
    pub(super) networks: String,
    pub(super) decisions: String,
    /// From when to when it was open.
    pub(super) open: Option<(Timestamp, Timestamp)>,
    /// Who is not counted.
    pub(super) note: String,
}

impl Totals {
    pub(super) fn of(track: &Track, results: &Results) -> Self {
        let scenarios = track.shape.scenarios();
        let networks: usize = scenarios.iter().map(|scenario| scenario.models(Split::Final).len()).sum();
        let decisions: usize = scenarios.iter().map(|scenario| scenario.points(Split::Final)).sum();
        let baselines = results.rows.iter().filter(|row| row.ranked.rank.is_none()).count();
        let out = match baselines {
            0 => String::new(),
            n => format!(", and without {} out of competition", number::counted(n as u64, "entry", "entries")),
        };
        let dates = track.settings.dates;
        Self {
            participants: number::count(results.info.participants.into()),
            entries: number::count(results.info.submissions.into()),
            networks: number::count(networks as u64),
            decisions: number::count(decisions as u64),
            open: dates.opens_at.zip(dates.closes_at).map(|(from, to)| (Timestamp::day(from), Timestamp::day(to))),
            note: format!("Without rejected, failed, disqualified and pending ones{out}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_between_two_are_counted_where_scenarios_weigh_the_same() {
        let of = |kind, counts: &[Option<(u64, u64)>]| RankingNumber::new(kind, counts.to_vec()).expect("sound");
        let above = of(RankingKind::Mean, &[Some((9, 15)), Some((8, 15))]);
        let below = of(RankingKind::Mean, &[Some((7, 15)), Some((9, 15))]);
        assert_eq!(members_between(&above, &below), Some((1, 30)));
        assert_eq!(members_between(&above, &of(RankingKind::Mean, &[Some((7, 15)), None])), None);
        assert_eq!(members_between(&above, &of(RankingKind::Mean, &[Some((7, 15)), Some((9, 16))])), None);
        let greatest = of(RankingKind::Max, &[Some((9, 15)), Some((8, 15))]);
        assert_eq!(members_between(&greatest, &greatest), None);
    }

    #[test]
    fn of_a_crowd_some_are_named() {
        assert_eq!((more(1), more(MOST_NAMED)), (String::new(), String::new()));
        assert_eq!(more(MOST_NAMED + 1_242), "1,242 more");
    }

    #[test]
    fn places_and_steps_are_words() {
        assert_eq!((ordinal(1), ordinal(10), ordinal(11)), ("First".into(), "Tenth".into(), "In place 11".into()));
        assert_eq!((spelt(2), spelt(1200)), ("two".to_owned(), "1,200".to_owned()));
    }
}
