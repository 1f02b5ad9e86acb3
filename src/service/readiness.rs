//! What a step of a track's life waits for, in codes for programs and sentences for people.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::entries::{self, FreezeWait};
use super::labels;
use crate::domain::timestamp::rfc3339;
use crate::domain::visibility::VisibleSplit;
use crate::store::job::TroubledJob;
use crate::store::ranking::FinalCounts;
use crate::store::rescoring::RescoringState;
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// Something that keeps a step from being taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct NotReady {
    /// A stable code for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
    /// What the freeze waits for, where that is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeWait>,
}

impl NotReady {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), freeze: None }
    }
}

/// What keeps the first final scores from being made; empty: nothing does.
///
/// # Errors
/// The database cannot answer.
pub(super) async fn cannot_begin(
    db: &mut PgConnection,
    track: &Track,
    now: OffsetDateTime,
) -> Result<Vec<NotReady>, StoreError> {
    let mut problems = Vec::new();
    if track.ending.entries_frozen_at.is_none() {
        let wait = entries::freeze_wait(db, track.id, track.settings.dates.closes_at, now).await?;
        problems.push(NotReady { code: "not_frozen", detail: freeze_sentence(wait), freeze: wait });
    }
    if !labels::are_complete(db, track.id).await? {
        problems.push(NotReady::new(
            "no_final_labels",
            "The labels of the final split are missing: import them (`callimico import DIR --final-labels`).",
        ));
    }
    Ok(problems)
}

/// What the freeze waits for, as a sentence.
pub fn freeze_sentence(wait: Option<FreezeWait>) -> String {
    match wait {
        None => "The entries are being frozen; ask again in a few seconds.".to_owned(),
        Some(FreezeWait { waiting_for_rescoring: 1.., .. }) => {
            "Labels were corrected: the entries wait for the rescoring to be applied.".to_owned()
        }
        Some(FreezeWait { waiting_for_dev: 0, not_before: Some(at), .. }) => {
            format!("Uploads that were under way at the close are taken until {}.", rfc3339(at))
        }
        Some(FreezeWait { waiting_for_dev, not_before, .. }) => {
            let scores =
                if waiting_for_dev == 1 { "1 dev score".to_owned() } else { format!("{waiting_for_dev} dev scores") };
            match not_before {
                Some(at) => format!(
                    "The entries wait for {scores}, and uploads that were under way at the close are taken until {}.",
                    rfc3339(at)
                ),
                None => format!("The entries wait for {scores}."),
            }
        }
    }
}

/// What keeps the final ranking from being revealed; empty: nothing does.
///
/// # Errors
/// The database cannot answer.
pub async fn cannot_reveal(db: &mut PgConnection, track: &Track) -> Result<Vec<NotReady>, StoreError> {
    let counts = store::ranking::final_counts(&mut *db, VisibleSplit::for_official_ranking(track.id)).await?;
    let troubled = store::job::troubled_final(&mut *db, track.id).await?;
    cannot_reveal_with(db, track, counts, &troubled).await
}

/// Likewise of a track whose final scores were counted already, with its final jobs that went wrong.
pub(super) async fn cannot_reveal_with(
    db: &mut PgConnection,
    track: &Track,
    counts: FinalCounts,
    troubled: &[TroubledJob],
) -> Result<Vec<NotReady>, StoreError> {
    let visible = VisibleSplit::for_official_ranking(track.id);
    let mut problems = Vec::new();
    if track.ending.final_begun_at.is_none() {
        problems.push(NotReady::new("no_preview", "The final scores have not been made: begin the preview first."));
        return Ok(problems);
    }
    if !counts.is_complete() {
        let text = format!("{} of {} final scores are there.", counts.ready, counts.of);
        problems.push(NotReady::new("final_scores_missing", text));
    }
    for job in troubled.iter().filter(|job| job.next_try.is_none()) {
        let text = format!(
            "Submission {} could not be scored ({}): score it again or disqualify it.",
            job.submission, job.error
        );
        problems.push(NotReady::new("final_score_failed", text));
    }
    if store::rescoring::stale_final_scores(&mut *db, visible).await? > 0 {
        let text = "Labels were corrected after final scores were made: apply the rescoring.";
        problems.push(NotReady::new("rescoring_open", text));
    }
    let open = store::rescoring::of_track(&mut *db, track.id).await?;
    if let Some(batch) = open.iter().find(|batch| batch.state == RescoringState::Running) {
        let text = format!("Rescoring {} is open: apply or drop it.", batch.id);
        problems.push(NotReady::new("rescoring_open", text));
    }
    Ok(problems)
}
