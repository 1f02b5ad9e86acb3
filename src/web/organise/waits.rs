//! What a track waits for, and what failed: whose fault it is, and what helps.

use super::super::number;
use super::super::site::Sentence;
use super::super::timestamp::Timestamp;
use crate::domain::phase::Phase;
use crate::service::status::Status;
use crate::store::job::TroubledJob;

/// Something that is waited for, or that failed.
pub(super) struct Wait {
    pub(super) title: String,
    /// Whose submission it is about, and the address of that; empty of others.
    pub(super) submissions: Vec<(String, String)>,
    pub(super) sentence: Sentence,
    /// How many of how many are there.
    pub(super) progress: Option<(i64, i64)>,
    /// A few words beside it; may be empty.
    pub(super) aside: String,
    pub(super) retry: Option<Retry>,
}

/// What is scored again.
pub(super) enum Retry {
    /// The final score of this submission.
    Final(String),
    /// All that failed.
    All,
}

impl Wait {
    fn new(title: String, sentence: Sentence) -> Self {
        Self { title, submissions: Vec::new(), sentence, progress: None, aside: String::new(), retry: None }
    }
}

/// What the track waits for.
pub(super) fn of(status: &Status) -> Vec<Wait> {
    let mut waits = Vec::new();
    waits.extend(freeze(status));
    if let Some(counts) = status.final_scores.filter(|counts| !counts.is_complete()) {
        let sentence = match status.track.phase {
            Phase::Closed => {
                "The ranking is shown when all are there, to organisers alone. Load the page again to see how far they are."
            }
            _ => "The next version of the ranking is made when all are there.",
        };
        waits.push(Wait {
            progress: Some((counts.ready, counts.of)),
            ..Wait::new(format!("Final scores {} of {}", counts.ready, counts.of), Sentence::plain(sentence))
        });
    }
    waits.extend(status.troubled.iter().map(troubled));
    waits.extend(failed(status));
    if let Some(batch) = &status.rescoring {
        let sentence = "It is applied or dropped by a command on the server (`callimico track rescore`) or over the API; \
                        until then nothing is revealed or declared final.";
        waits.push(Wait {
            aside: match batch.waiting {
                0 => String::new(),
                waiting => format!("{} to be scored", number::count(waiting.unsigned_abs())),
            },
            ..Wait::new("A rescoring is open".to_owned(), Sentence::plain(sentence))
        });
    }
    let stale = status.before_reveal.iter().filter(|one| one.code == "rescoring_open" && status.rescoring.is_none());
    waits.extend(stale.map(|one| Wait::new("A rescoring is needed".to_owned(), Sentence::plain(one.detail.as_str()))));
    waits
}

fn freeze(status: &Status) -> Option<Wait> {
    let wait = status.freeze?;
    let title = match wait.waiting_for_dev {
        0 if wait.not_before.is_some() => "Waiting for uploads that were under way at the close".to_owned(),
        0 => "The entries are being frozen".to_owned(),
        scores => format!("Waiting for {}", number::counted(scores.unsigned_abs(), "dev score", "dev scores")),
    };
    let sentence = match wait.not_before {
        Some(at) => Sentence::with(
            "Uploads whose last byte came in time are taken until ",
            Timestamp::date(at),
            ". Once nothing is queued, the entries freeze by themselves.",
        ),
        None => Sentence::plain("Once nothing is queued, the entries freeze by themselves."),
    };
    let counts = status.submissions;
    Some(Wait {
        aside: format!(
            "{} of {} scored",
            number::count(counts.scored.unsigned_abs()),
            number::count((counts.scored + counts.unfinished).unsigned_abs())
        ),
        ..Wait::new(title, sentence)
    })
}

fn troubled(job: &TroubledJob) -> Wait {
    let times = number::counted(job.errors.unsigned_abs().into(), "time", "times");
    let text =
        format!("It went wrong {times}, last with: {}. It is our fault, not theirs.", job.error.trim_end_matches('.'));
    let (title, sentence) = match job.next_try {
        Some(at) => (
            "A final score is late".to_owned(),
            Sentence::with(format!("{text} It is tried again by itself at "), Timestamp::date(at), "."),
        ),
        None => (
            "1 failed".to_owned(),
            Sentence::plain(format!("{text} The reveal waits until it is scored or disqualified.")),
        ),
    };
    Wait {
        submissions: vec![(job.participant.clone(), format!("/submissions/{}", job.submission))],
        retry: Some(Retry::Final(job.submission.to_string())),
        ..Wait::new(title, sentence)
    }
}

/// Submissions without a dev score.
fn failed(status: &Status) -> Option<Wait> {
    /// The most that are named.
    const NAMED: usize = 20;
    let failed = &status.failed;
    if failed.is_empty() {
        return None;
    }
    let sentence = match (status.track.phase, status.track.ending.final_begun_at) {
        (Phase::Closed, None) => {
            "It is our fault, not theirs, and cost no attempt. The freeze does not wait for them; scored again before the \
             first preview, they can still become entries, and the freeze is made anew."
        }
        (Phase::Draft | Phase::Open, _) => "It is our fault, not theirs, and cost no attempt.",
        _ => "It is our fault, not theirs, and cost no attempt. The entries stand: what is scored now becomes none.",
    };
    let link =
        |one: &crate::store::submission::Submission| (one.participant_name.clone(), format!("/submissions/{}", one.id));
    let title =
        format!("{} without a dev score", number::counted(failed.len() as u64, "submission is", "submissions are"));
    Some(Wait {
        submissions: failed.iter().take(NAMED).map(link).collect(),
        aside: if failed.len() > NAMED { format!("and {} more", failed.len() - NAMED) } else { String::new() },
        retry: Some(Retry::All),
        ..Wait::new(title, Sentence::plain(sentence))
    })
}
