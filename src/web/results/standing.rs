//! Which version of the ranking is shown, what it changed and why, and whether it can still change. It stands before any
//! name.

use super::super::number;
use super::super::site::{Link, Pill, Sentence, Tone};
use super::super::timestamp::Timestamp;
use crate::board::{Moved, TrackResults};
use crate::domain::official_ranking::RankingChange;
use crate::store::track::Track;

/// The version and what is to be known of it.
pub(super) struct Standing {
    pub(super) state: Pill,
    pub(super) version: String,
    pub(super) made: Timestamp,
    /// Where there is a newer version: that, and the way to it.
    pub(super) newer: Option<(String, Link)>,
    /// What made this version, from the second on.
    pub(super) change: Option<VersionChange>,
    /// Whether it may change, as a sentence; `None` of an older version.
    pub(super) finality: Option<Sentence>,
}

/// What a version changed against the one before.
pub(super) struct VersionChange {
    /// As in `Version 2, because a submission was disqualified.`
    pub(super) headline: String,
    /// Why, in an organiser's words; may be empty.
    pub(super) reason: String,
    /// What it did to places.
    pub(super) moved: String,
    pub(super) before: Option<Link>,
}

impl Standing {
    pub(super) fn of(base: &str, track: &Track, of_track: &TrackResults) -> Self {
        let info = &of_track.results.info;
        let version = |version: u32| Link {
            label: format!("Version {version}"),
            href: format!("{base}/results?version={version}"),
        };
        let newest = of_track.versions.last().filter(|_| of_track.is_outdated());
        let final_at = track.ending.results_final_at;
        let (word, tone) = match (newest, final_at) {
            (Some(_), _) => ("An earlier version", Tone::Quiet),
            (None, None) => ("Provisional", Tone::Wait),
            (None, Some(_)) => ("Final", Tone::Good),
        };
        Self {
            state: Pill { word: word.to_owned(), tone },
            version: info.version.to_string(),
            made: Timestamp::day(info.made_at),
            newer: newest.map(|newest| {
                let text = format!(
                    "This is version {} of {}: it does not hold any more. {} came",
                    info.version,
                    newest.version,
                    if newest.version == info.version + 1 { "Another" } else { "Others" }
                );
                let changes: Vec<RankingChange> = of_track
                    .versions
                    .iter()
                    .filter(|one| one.version > info.version)
                    .flat_map(|one| one.changes.iter().copied())
                    .collect();
                (
                    format!("{text}, because {}.", RankingChange::all_words(&changes)),
                    Link { label: "The newest results".to_owned(), href: format!("{base}/results") },
                )
            }),
            change: of_track.moved.map(|moved| VersionChange {
                headline: format!("Version {}, because {}.", info.version, RankingChange::all_words(&info.changes)),
                reason: info.reason.clone().unwrap_or_default(),
                moved: moved_words(moved),
                before: of_track.before().map(|before| version(before.version)),
            }),
            finality: match (newest, final_at) {
                (Some(_), _) => None,
                (None, None) => Some(Sentence::plain(
                    "Provisional: the organisers have not yet declared the results final. Objections may still change \
                     them, and every change is a version of its own.",
                )),
                (None, Some(at)) => Some(Sentence::with("Declared final on ", Timestamp::day(at), ".")),
            },
        }
    }

    /// Whether there is something to be told before the names.
    pub(super) fn is_told(&self) -> bool {
        self.newer.is_some() || self.change.is_some() || self.finality.is_some()
    }
}

/// What a version did to places, as a sentence.
fn moved_words(moved: Moved) -> String {
    let Moved { ranks, entries, joined, left } = moved;
    let count = |n: usize, one, many| number::counted(n as u64, one, many);
    let mut parts = Vec::new();
    if left > 0 {
        parts.push(format!("{} in it no more", count(left, "participant is", "participants are")));
    }
    if joined > 0 {
        parts.push(format!("{} new in it", count(joined, "participant is", "participants are")));
    }
    if entries > 0 {
        parts.push(format!("the entry of {} is another submission", count(entries, "participant", "participants")));
    }
    match (ranks, parts.is_empty()) {
        (0, true) => "No place changed.".to_owned(),
        (0, false) => format!("{}; no other place changed.", sentence_case(&parts.join(", "))),
        (_, true) => format!("{} changed.", count(ranks, "place", "places")),
        (_, false) => {
            format!("{}; {} changed.", sentence_case(&parts.join(", ")), count(ranks, "other place", "other places"))
        }
    }
}

fn sentence_case(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_places_is_a_sentence() {
        let moved = |ranks, entries, joined, left| moved_words(Moved { ranks, entries, joined, left });
        assert_eq!(moved(0, 0, 0, 0), "No place changed.");
        assert_eq!(moved(3, 0, 0, 0), "3 places changed.");
        assert_eq!(moved(2, 0, 0, 1), "1 participant is in it no more; 2 other places changed.");
        assert_eq!(moved(0, 1, 0, 0), "The entry of 1 participant is another submission; no other place changed.");
    }
}
