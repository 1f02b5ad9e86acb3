//! The final ranking as a table, and how it differs from the dev board.

use super::super::markup::Markup;
use super::super::number;
use super::super::site::Link;
use crate::board::TrackResults;
use crate::domain::ids::ParticipantId;
use crate::domain::results::{Agreement, ResultRow, Results};
use crate::store::track::Track;
use figures::interval_plot::{Axis, interval_svg};
use figures::place_plot::{Moved, change_svg, change_word, places_svg};
use figures::series::Series;

/// Rows that are shown before all are asked for.
const FIRST: usize = 100;
/// Entries in the picture of all places.
const DRAWN: usize = 30;
/// The score of guessing.
const CHANCE: f64 = 0.1;

/// How a reader asks for the table.
pub(super) struct Asked {
    pub(super) all: bool,
    /// The address that shows all rows.
    pub(super) all_href: String,
    /// The reader as a participant.
    pub(super) reader: Option<ParticipantId>,
    /// Whether the reader may open every submission.
    pub(super) is_staff: bool,
}

/// The ranking.
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) axis: Markup,
    pub(super) rows: Vec<Row>,
    /// The way to the rows that are not shown.
    pub(super) rest: Option<Link>,
    pub(super) notes: Vec<String>,
}

/// An entry.
pub(super) struct Row {
    pub(super) rank: String,
    pub(super) competes: bool,
    pub(super) is_shared: bool,
    pub(super) is_mine: bool,
    pub(super) key: Option<Markup>,
    pub(super) name: String,
    /// The submission's page, if the reader may see it.
    pub(super) href: Option<String>,
    pub(super) description: String,
    pub(super) method_url: Option<String>,
    /// Whether the write-up came after the reveal.
    pub(super) is_late: bool,
    pub(super) score: String,
    pub(super) interval: Markup,
    pub(super) is_tied: bool,
    /// Its score on dev; a dash where it has none.
    pub(super) dev_score: String,
    pub(super) slope: Option<Slope>,
}

/// The change of a place.
pub(super) struct Slope {
    pub(super) picture: Markup,
    pub(super) word: String,
}

impl Table {
    pub(super) fn of(track: &Track, of_track: &TrackResults, asked: Asked) -> Self {
        let results = &of_track.results;
        let shown = if asked.all { results.rows.len() } else { FIRST };
        let rows = || results.rows.iter().take(shown);
        let interval = |row: &ResultRow| (row.entry().result.interval.low, row.entry().result.interval.high);
        let axis = Axis::spanning(CHANCE, rows().map(interval));
        let writer = Writer { axis: &axis, of_track, asked: &asked, places: results.competing().count() };
        let hidden = results.rows.len().saturating_sub(shown);
        Self {
            caption: format!(
                "Final ranking of {}: place, participant, final score with interval, dev score, and the change of place \
                 from dev to final",
                track.settings.title
            ),
            rows: rows().enumerate().map(|(i, row)| writer.row(row, Series::nth(i))).collect(),
            rest: (hidden > 0).then(|| Link {
                label: format!("Show all {} entries", number::count(results.rows.len() as u64)),
                href: asked.all_href.clone(),
            }),
            notes: notes(track, results),
            axis: Markup::from_svg(axis.svg()),
        }
    }
}

/// What all rows are written with.
struct Writer<'a> {
    axis: &'a Axis,
    of_track: &'a TrackResults,
    asked: &'a Asked,
    /// How many places there are.
    places: usize,
}

impl Writer<'_> {
    fn row(&self, row: &ResultRow, series: Option<Series>) -> Row {
        let (ranked, entry) = (&row.ranked, row.entry());
        let result = &entry.result;
        let is_mine = self.asked.reader == Some(entry.participant_id);
        let interval = (result.interval.low, result.interval.high);
        let revealed_at = self.of_track.versions.first().map(|first| first.made_at);
        let slope = |before: usize, after: usize| Slope {
            picture: Markup::from_svg(change_svg(before, after, self.places)),
            word: change_word(before, after),
        };
        let before = row.dev.as_ref().and_then(|dev| dev.rank);
        Row {
            rank: ranked.rank_shown(),
            competes: ranked.rank.is_some(),
            is_shared: ranked.is_shared,
            is_mine,
            key: series.map(|series| Markup::from_svg(series.key_svg())),
            name: entry.participant.clone(),
            href: (is_mine || self.asked.is_staff).then(|| format!("/submissions/{}", entry.submission)),
            description: entry.description.clone(),
            method_url: entry.method_url.clone(),
            is_late: entry.method_url_at.zip(revealed_at).is_some_and(|(at, revealed)| at >= revealed),
            score: number::score(result.ranking_value),
            interval: Markup::from_svg(interval_svg(self.axis, result.ranking_value, interval, series)),
            is_tied: ranked.tied_with_above,
            dev_score: row.dev.as_ref().map_or_else(|| "–".to_owned(), |dev| number::score(dev.result.ranking_value)),
            slope: before.zip(ranked.rank).map(|(before, after)| slope(before, after)),
        }
    }
}

fn notes(track: &Track, results: &Results) -> Vec<String> {
    let mut notes = vec![format!(
        "The score is the true-positive rate at 10 % false-positive rate, {}, on the test networks. The dashed tick is \
         chance (0.1); the band is the 95 % interval over 2,000 resamplings of the networks.",
        track.shape.ranking().phrase()
    )];
    notes.extend(track.shape.ranking().on_leaving_out().map(str::to_owned));
    let mut words = Vec::new();
    if results.rows.iter().any(|row| row.ranked.is_shared) {
        words.push("“Shared”: exactly equal counts.");
    }
    if results.rows.iter().any(|row| row.ranked.tied_with_above) {
        words.push("“Tied”: the difference to the entry above is within chance; it changes no place.");
    }
    if results.rows.iter().any(|row| row.ranked.rank.is_none()) {
        words.push("A dash: out of competition, no place and no award.");
    }
    if !words.is_empty() {
        notes.push(words.join(" "));
    }
    notes
}

/// How dev and final differ.
pub(super) struct Change {
    pub(super) picture: Option<Markup>,
    /// How many are drawn of how many, where not all are.
    pub(super) rest: Option<String>,
    /// Kendall's tau-b; a dash where there is none.
    pub(super) tau_b: String,
    /// Why there is none.
    pub(super) why_none: Option<&'static str>,
    pub(super) same_order: (String, String),
    pub(super) moved: (String, String),
    /// Pairs that are equal on one of the two.
    pub(super) equal: Option<String>,
}

impl Change {
    pub(super) fn of(results: &Results) -> Option<Self> {
        let placed: Vec<(&ResultRow, usize, usize)> =
            results.competing().filter_map(|row| Some((row, row.dev.as_ref()?.rank?, row.ranked.rank?))).collect();
        if placed.is_empty() {
            return None;
        }
        let drawn: Vec<Moved<'_>> = placed
            .iter()
            .take(DRAWN)
            .filter_map(|(row, before, after)| {
                let dev = &row.dev.as_ref()?.result;
                Some(Moved {
                    name: &row.entry().participant,
                    before: (*before, number::score(dev.ranking_value)),
                    after: (*after, number::score(row.entry().result.ranking_value)),
                })
            })
            .collect();
        let Agreement { tau_b, concordant, discordant, tied } = results.agreement;
        let count = |n: usize| number::count(n as u64);
        Some(Self {
            picture: places_svg(&drawn).map(Markup::from_svg),
            rest: (placed.len() > DRAWN)
                .then(|| format!("The first {DRAWN} of {} places are drawn.", count(placed.len()))),
            // A number under 0.005 rounds to no zero with a sign.
            tau_b: tau_b.map_or_else(
                || "–".to_owned(),
                |tau| format!("{:.2}", tau + 0.0).replace("-0.00", "0.00").replace('-', "−"),
            ),
            why_none: match tau_b {
                Some(_) => None,
                None if placed.len() < 2 => Some("It takes two entries to have an order."),
                None => Some("All entries are equal on one of the two, so there is no order to compare."),
            },
            same_order: (number::count(concordant), number::count(concordant + discordant)),
            moved: (count(placed.iter().filter(|(_, before, after)| before != after).count()), count(placed.len())),
            equal: (tied > 0).then(|| {
                format!(
                    "{} equal on one of the two and not counted.",
                    number::counted(tied, "more pair is", "more pairs are")
                )
            }),
        })
    }
}
