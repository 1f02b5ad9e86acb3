//! Submissions: submitting one, the list of the reader's own, and the page of one.

pub(crate) mod describe;
pub(crate) mod list;
pub(crate) mod new;
pub(crate) mod organise;
pub(crate) mod show;

use time::{Duration, OffsetDateTime};

use super::number;
use super::site::{Pill, Tone};
use super::timestamp::Timestamp;
use crate::app::App;
use crate::domain::ids::ParticipantId;
use crate::domain::quota;
use crate::domain::submission::SubmissionState;
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// How many attempts a participant has left.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    pub(crate) today: String,
    pub(crate) total: String,
    pub(crate) per_day: String,
    pub(crate) limit: String,
    /// What the limit is of: `in all`, or `this year` of a benchmark.
    pub(crate) period: &'static str,
    /// When the next day's attempts begin.
    pub(crate) renewed: Timestamp,
}

impl Attempts {
    async fn load(app: &App, track: &Track, participant: ParticipantId) -> Result<Self, StoreError> {
        let now = app.clock.now();
        let allowance = track.allowance(now);
        let limits = allowance.limits;
        let left = allowance.left(store::submission::attempts_used(&app.db, participant, allowance, now).await?);
        Ok(Self {
            today: number::count(left.today.into()),
            total: number::count(left.total.into()),
            per_day: number::count(limits.per_day.into()),
            limit: number::count(limits.total.into()),
            period: if allowance.is_benchmark { "this year" } else { "in all" },
            renewed: Timestamp::until(quota::day_start(now) + Duration::DAY, now),
        })
    }
}

/// A submission's state as a label; `took` is the time from its arrival to its final state.
fn state_pill(state: SubmissionState, took: Option<Duration>) -> Pill {
    let (word, tone) = match state {
        SubmissionState::Queued => ("waiting".to_owned(), Tone::Wait),
        SubmissionState::Scoring => ("scoring".to_owned(), Tone::Wait),
        SubmissionState::Scored => (scored_in(took), Tone::Good),
        SubmissionState::Rejected => ("rejected".to_owned(), Tone::Bad),
        SubmissionState::Failed => ("failed".to_owned(), Tone::Bad),
    };
    Pill { word, tone }
}

fn scored_in(took: Option<Duration>) -> String {
    match took.map(Duration::as_seconds_f64) {
        Some(seconds) if (0.0..10.0).contains(&seconds) => format!("scored in {seconds:.2} s"),
        _ => "scored".to_owned(),
    }
}

/// How long a submission took, if it is finished.
fn took(received_at: OffsetDateTime, finished_at: Option<OffsetDateTime>) -> Option<Duration> {
    finished_at.map(|finished| finished - received_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_quick_scoring_shows_its_time() {
        assert_eq!(scored_in(Some(Duration::milliseconds(214))), "scored in 0.21 s");
        assert_eq!(scored_in(Some(Duration::hours(2))), "scored");
        assert_eq!(scored_in(None), "scored");
    }
}
