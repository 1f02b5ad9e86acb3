//! What a track's log tells: one kind of event for everything that happens to a track. docs/LOG.md has the same list.
//!
//! An event holds no name, no address and no words about a person: participants are called by a random id of the track.
//! Who did something, and why in words, is kept in a table beside the log, which can be erased.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::ids::SubmissionId;
use super::sha256::Sha256;

/// The id by which the log calls a participant: random, one for each participant of a track.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct LogParticipant(Uuid);

impl From<Uuid> for LogParticipant {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl LogParticipant {
    /// The id as a plain UUID.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl std::fmt::Display for LogParticipant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A step of a track's life, by the word that commands and the API have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    /// From draft to open.
    Open,
    /// From open to closed.
    Close,
    /// Another, later close.
    Extend,
    /// From closed back to open.
    Reopen,
    /// The final scores are made, for organisers.
    Preview,
    /// From closed to revealed.
    Reveal,
    /// The labels become public.
    OpenLabels,
    /// The labels are corrected.
    Correct,
    /// The results are no longer provisional.
    Final,
    /// From revealed to benchmark: open again for entries that stand beside the official ranking.
    Benchmark,
    /// From benchmark back to revealed.
    End,
}

impl StepName {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Extend => "extend",
            Self::Reopen => "reopen",
            Self::Preview => "preview",
            Self::Reveal => "reveal",
            Self::OpenLabels => "open-labels",
            Self::Correct => "correct",
            Self::Final => "final",
            Self::Benchmark => "benchmark",
            Self::End => "end",
        }
    }
}

/// What was said of the final split's labels when a track opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinalLabels {
    /// They were here, and the commitment is to them.
    Committed,
    /// They are kept elsewhere until the close; the commitment is to them.
    Elsewhere,
    /// Nobody committed to them.
    Uncommitted,
}

/// A participant with the submission that stands for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenEntry {
    /// Whose entry it is.
    pub participant: LogParticipant,
    /// The submission.
    pub submission: SubmissionId,
}

/// An entry of an official ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankedCounts {
    /// Whose entry it is.
    pub participant: LogParticipant,
    /// The submission.
    pub submission: SubmissionId,
    /// Its rank; null: out of competition.
    pub rank: Option<u32>,
    /// `[tp, P, fp, N]` of each scenario at the point that decides; null: left out.
    pub counts: Vec<Option<[u64; 4]>>,
}

/// A step of the track's life, as it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Which.
    pub step: StepName,
    /// When the track closes, or closed, where the step decides that (RFC 3339).
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<OffsetDateTime>,
    /// Of the opening: what was said of the final labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_labels: Option<FinalLabels>,
    /// Of the reveal: whether the labels were opened with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels_opened: Option<bool>,
    /// Why, in the organiser's words; public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Step {
    /// A step of which nothing else is said.
    pub fn of(step: StepName) -> Self {
        Self { step, closes_at: None, final_labels: None, labels_opened: None, reason: None }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "public", rename_all = "snake_case", deny_unknown_fields)]
pub enum LogEvent {
    /// A step of the track's life.
    Step(Step),
    /// A setting became another. Texts are told by their SHA-256.
    Settings {
        /// Its name.
        field: String,
        /// What it was.
        old: String,
        /// What it is.
        new: String,
    },
    /// The shape of submissions was imported; nothing is told of labels.
    Import {
        /// SHA-256 of the shape as JSON.
        shape_sha256: Sha256,
    },
    /// Somebody committed to the labels.
    Commitment {
        /// SHA-256 of commitment.txt.
        root: Sha256,
        /// Which version of the labels it is about.
        version: u32,
    },
    /// A submission was taken.
    SubmissionAccepted {
        /// The submission.
        submission: SubmissionId,
        /// Whose it is.
        participant: LogParticipant,
        /// SHA-256 of the zip.
        sha256: Sha256,
        /// When its last byte came.
        #[serde(with = "time::serde::rfc3339")]
        arrived_at: OffsetDateTime,
    },
    /// A submission was scored on the dev split.
    Scored {
        /// The submission.
        submission: SubmissionId,
        /// The split: dev.
        split: String,
        /// SHA-256 of 32 random bytes and the stored result, never a number.
        result_sha256: Sha256,
    },
    /// A participant chose their entry.
    EntryChosen {
        /// Whose.
        participant: LogParticipant,
        /// What they chose.
        submission: SubmissionId,
    },
    /// A submission was taken out.
    Disqualified {
        /// Which.
        submission: SubmissionId,
    },
    /// A disqualified submission counts again.
    Restored {
        /// Which.
        submission: SubmissionId,
    },
    /// A participant withdrew or was denied: nothing of theirs counts.
    ParticipantRemoved {
        /// Who.
        participant: LogParticipant,
    },
    /// A participant that was removed takes part again.
    ParticipantReturned {
        /// Who.
        participant: LogParticipant,
    },
    /// A participant stands on boards without a rank from here on, or competes again.
    OutOfCompetition {
        /// Who.
        participant: LogParticipant,
        /// Whether they stand without a rank.
        out: bool,
    },
    /// The entries that the final ranking is made of.
    EntriesFrozen {
        /// They, in the order in which they arrived.
        entries: Vec<FrozenEntry>,
    },
    /// Final scores exist from here on, for organisers.
    FinalBegun {},
    /// A final ranking became public.
    OfficialRanking {
        /// Its number.
        version: u32,
        /// SHA-256 of ranking.json.
        ranking_sha256: Sha256,
        /// SHA-256 of results.json.
        results_sha256: Sha256,
        /// The entries, best first.
        entries: Vec<RankedCounts>,
    },
    /// Two participants became one.
    Merged {
        /// Who is no more.
        from: LogParticipant,
        /// Who has their submissions.
        into: LogParticipant,
    },
    /// Labels were corrected.
    Corrected {
        /// The commitment before; null: there was none.
        old_root: Option<Sha256>,
        /// The commitment to the new labels.
        new_root: Sha256,
        /// The new version of the labels.
        version: u32,
        /// The models whose labels changed, as `scenario/split/model`.
        models: Vec<String>,
    },
    /// The results of a rescoring took the place of those before.
    Rescored {
        /// The batch.
        batch: Uuid,
        /// How many scores of submissions changed or were made again.
        scores: u32,
    },
    /// What follows was done on a copy of an earlier state.
    RestoredFromBackup {},
}

/// An event with its place in the log: what is hashed, and told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Logged {
    /// Its number, counted from 1 without gaps.
    pub seq: u64,
    /// When it happened; never before the event above it.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What happened.
    #[serde(flatten)]
    pub event: LogEvent,
}

/// Why bytes are no event.
#[derive(Debug, thiserror::Error)]
#[error("not an event of this version's log: {0}")]
pub struct LogEventError(#[from] serde_json::Error);

impl Logged {
    /// The bytes that are hashed.
    ///
    /// # Errors
    /// A time beyond the year 9999.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LogEventError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Reads an event back. Fields that this version does not know are refused.
    ///
    /// # Errors
    /// The bytes are no event, or have unknown kinds or fields.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LogEventError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            seq: u64,
            #[serde(with = "time::serde::rfc3339")]
            at: OffsetDateTime,
            kind: serde_json::Value,
            public: serde_json::Value,
        }
        let Written { seq, at, kind, public } = serde_json::from_slice(bytes)?;
        let event = serde_json::from_value(serde_json::json!({ "kind": kind, "public": public }))?;
        Ok(Self { seq, at, event })
    }
}

impl LogEvent {
    /// The event's kind, as it is written.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Step(_) => "step",
            Self::Settings { .. } => "settings",
            Self::Import { .. } => "import",
            Self::Commitment { .. } => "commitment",
            Self::SubmissionAccepted { .. } => "submission_accepted",
            Self::Scored { .. } => "scored",
            Self::EntryChosen { .. } => "entry_chosen",
            Self::Disqualified { .. } => "disqualified",
            Self::Restored { .. } => "restored",
            Self::ParticipantRemoved { .. } => "participant_removed",
            Self::ParticipantReturned { .. } => "participant_returned",
            Self::OutOfCompetition { .. } => "out_of_competition",
            Self::EntriesFrozen { .. } => "entries_frozen",
            Self::FinalBegun {} => "final_begun",
            Self::OfficialRanking { .. } => "official_ranking",
            Self::Merged { .. } => "merged",
            Self::Corrected { .. } => "corrected",
            Self::Rescored { .. } => "rescored",
            Self::RestoredFromBackup {} => "restored_from_backup",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn logged(event: LogEvent) -> Logged {
        Logged { seq: 7, at: datetime!(2026-12-01 12:00:00.000001 UTC), event }
    }

    #[test]
    fn an_event_reads_back_as_it_was_written() {
        let participant = LogParticipant(Uuid::from_u128(1));
        let submission = SubmissionId::from(Uuid::from_u128(2));
        let sha256 = Sha256::from([3; 32]);
        let close = datetime!(2026-12-01 11:59 UTC);
        let events = [
            LogEvent::Step(Step {
                step: StepName::OpenLabels,
                closes_at: Some(close),
                final_labels: Some(FinalLabels::Elsewhere),
                labels_opened: Some(true),
                reason: Some("a power cut".to_owned()),
            }),
            LogEvent::Settings { field: "limits.per_day".into(), old: "30".into(), new: "40".into() },
            LogEvent::Import { shape_sha256: sha256 },
            LogEvent::Commitment { root: sha256, version: 1 },
            LogEvent::SubmissionAccepted { submission, participant, sha256, arrived_at: close },
            LogEvent::Scored { submission, split: "dev".into(), result_sha256: sha256 },
            LogEvent::EntryChosen { participant, submission },
            LogEvent::Disqualified { submission },
            LogEvent::Restored { submission },
            LogEvent::ParticipantRemoved { participant },
            LogEvent::ParticipantReturned { participant },
            LogEvent::OutOfCompetition { participant, out: true },
            LogEvent::EntriesFrozen { entries: vec![FrozenEntry { participant, submission }] },
            LogEvent::FinalBegun {},
            LogEvent::OfficialRanking {
                version: 1,
                ranking_sha256: sha256,
                results_sha256: sha256,
                entries: vec![RankedCounts {
                    participant,
                    submission,
                    rank: Some(1),
                    counts: vec![Some([1, 2, 3, 4]), None],
                }],
            },
            LogEvent::Merged { from: participant, into: participant },
            LogEvent::Corrected { old_root: None, new_root: sha256, version: 2, models: vec!["a/dev/b".into()] },
            LogEvent::Rescored { batch: Uuid::from_u128(4), scores: 2 },
            LogEvent::RestoredFromBackup {},
        ];
        for event in events {
            let written = logged(event.clone()).to_bytes().expect("a time of this age");
            let text = String::from_utf8(written.clone()).expect("text");
            let head = format!(r#"{{"seq":7,"at":"2026-12-01T12:00:00.000001Z","kind":"{}","public":{{"#, event.kind());
            assert!(text.starts_with(&head), "{text}");
            assert_eq!(Logged::from_bytes(&written).expect("an event"), logged(event));
        }
    }

    #[test]
    fn what_this_version_does_not_know_is_refused() {
        let good = r#"{"seq":1,"at":"2026-12-01T12:00:00Z","kind":"final_begun","public":{}}"#;
        let step = good.replace("final_begun", "step");
        assert!(Logged::from_bytes(good.as_bytes()).is_ok());
        assert!(Logged::from_bytes(step.replace("{}", r#"{"step":"final"}"#).as_bytes()).is_ok());
        assert!(Logged::from_bytes(step.replace("{}", r#"{"step":"final","by":2}"#).as_bytes()).is_err());
        for (from, to) in
            [("final_begun", "final_began"), ("{}", r#"{"name":"ada"}"#), ("\"seq\":1", "\"seq\":1,\"by\":2")]
        {
            assert!(Logged::from_bytes(good.replace(from, to).as_bytes()).is_err(), "{to}");
        }
    }
}
