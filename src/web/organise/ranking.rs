//! The final ranking before the reveal, and whether it can be revealed.

use std::collections::HashMap;

use scoring::Split;

use super::super::number;
use super::super::timestamp::Timestamp;
use crate::app::App;
use crate::domain::ids::ParticipantId;
use crate::domain::visibility::{Preview, TrackAccess, VisibleSplit};
use crate::http::error::HttpError;
use crate::service::status::Status;
use crate::store::track::Track;

/// The rows that the page shows before it is asked for all.
const FIRST: usize = 10;

/// An entry in the preview of the final ranking.
pub(super) struct PreviewRow {
    pub(super) rank: String,
    pub(super) is_shared: bool,
    pub(super) out_of_competition: bool,
    pub(super) is_tied: bool,
    pub(super) name: String,
    pub(super) href: String,
    pub(super) score: String,
    /// Its score and place on dev; dashes where its participant is not on the dev board.
    pub(super) dev_score: String,
    pub(super) dev_rank: String,
}

/// The first rows of the final ranking, or all of them, and how many there are.
pub(super) async fn rows(
    app: &App,
    access: TrackAccess,
    track: &Track,
    visible: VisibleSplit<Preview>,
    all: bool,
) -> Result<(Vec<PreviewRow>, usize), HttpError> {
    let board = app.boards.preview(track, visible).await?;
    let dev: HashMap<ParticipantId, (String, f64)> = match access.board(Split::Dev) {
        Some(visible) => {
            let dev = app.boards.of_track(track, visible).await?;
            let place =
                |one: &crate::domain::leaderboard::RankedEntry| (one.rank_shown(), one.entry.result.ranking_value);
            dev.entries.iter().map(|one| (one.entry.participant_id, place(one))).collect()
        }
        None => HashMap::new(),
    };
    let row = |one: &crate::domain::leaderboard::RankedEntry| {
        let on_dev = dev.get(&one.entry.participant_id);
        let dash = || "–".to_owned();
        PreviewRow {
            rank: one.rank_shown(),
            is_shared: one.is_shared,
            out_of_competition: one.entry.out_of_competition,
            is_tied: one.tied_with_above,
            name: one.entry.participant.clone(),
            href: format!("/submissions/{}", one.entry.submission),
            score: number::score(one.entry.result.ranking_value),
            dev_score: on_dev.map_or_else(dash, |(_, score)| number::score(*score)),
            dev_rank: on_dev.map_or_else(dash, |(rank, _)| rank.clone()),
        }
    };
    let shown = if all { board.entries.len() } else { FIRST };
    Ok((board.entries.iter().take(shown).map(row).collect(), board.entries.len()))
}

/// What the reveal needs.
pub(super) struct Ready {
    pub(super) scores: String,
    pub(super) failed: String,
    /// When the commitment was made that the labels fit.
    pub(super) committed: Option<Timestamp>,
    /// Whether nobody had committed to the labels when the track closed.
    pub(super) is_late: bool,
    pub(super) rescorings: &'static str,
}

/// What the reveal needs, as it is.
pub(super) fn ready(status: &Status) -> Ready {
    let failed = status.troubled.iter().filter(|job| job.next_try.is_none()).count();
    let label = status.labels.as_ref().filter(|label| label.root.is_some());
    let frozen_at = status.track.ending.entries_frozen_at;
    Ready {
        scores: status.final_scores.map_or_else(String::new, |counts| format!("{} of {}", counts.ready, counts.of)),
        failed: if failed == 0 { "none".to_owned() } else { number::count(failed as u64) },
        is_late: label.is_some_and(|label| label.version == 1 && frozen_at.is_some_and(|at| label.made_at >= at)),
        committed: label.map(|label| Timestamp::date(label.made_at)),
        rescorings: match status.before_reveal.iter().any(|one| one.code == "rescoring_open") {
            true => "open",
            false => "none open",
        },
    }
}
