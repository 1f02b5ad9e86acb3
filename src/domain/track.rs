//! A track: its phase, its limits, its entry rule, and whether it takes a submission at a given moment.

use std::collections::BTreeMap;

use time::OffsetDateTime;

/// Where a track stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "track_phase", rename_all = "lowercase")]
pub enum Phase {
    /// Being prepared: not listed, takes no submissions.
    Draft,
    /// Takes submissions; the dev board is live.
    Open,
    /// Takes no more; the final split is scored and checked.
    Closed,
    /// The final ranking is public.
    Revealed,
    /// Revealed, and open again for entries that stand beside the official ranking.
    Benchmark,
}

impl Phase {
    /// Whether the final ranking is public.
    pub fn is_revealed(self) -> bool {
        matches!(self, Self::Revealed | Self::Benchmark)
    }

    /// The word shown to people and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Revealed => "revealed",
            Self::Benchmark => "benchmark",
        }
    }
}

/// How the submission that stands on the board is picked for a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "entry_rule", rename_all = "lowercase")]
pub enum EntryRule {
    /// The one received last.
    Latest,
    /// The one with the greatest ranking number on the dev split; the earlier of equal ones.
    Best,
    /// The one the participant chose; the latest while none is chosen.
    Chosen,
}

impl EntryRule {
    /// The word shown to people and scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Best => "best",
            Self::Chosen => "chosen",
        }
    }
}

/// How much a participant may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubmissionLimits {
    /// Submissions that count within one UTC day.
    pub per_day: u32,
    /// Submissions that count in all.
    pub total: u32,
    /// Bytes of one upload.
    pub bytes: u64,
}

impl SubmissionLimits {
    /// What MICO allowed: 30 a day, 1,000 in all, 2 MB (of 10^6 bytes).
    pub const MICO: Self = Self { per_day: 30, total: 1000, bytes: 2_000_000 };
}

/// When a track opens and closes; `None` is "not set".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dates {
    /// No submission is taken before this moment.
    pub opens_at: Option<OffsetDateTime>,
    /// No submission is taken at or after this moment.
    pub closes_at: Option<OffsetDateTime>,
}

/// How a scenario is called for people.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioLabel {
    /// A short name, such as `High ε`; the scenario's folder name where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The privacy budget in words, such as `10` or `∞`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<String>,
}

/// Labels by the scenario's folder name.
pub type ScenarioLabels = BTreeMap<String, ScenarioLabel>;

/// A track's texts, in Markdown.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pages {
    /// What the track is about and how to begin.
    pub overview: String,
    /// How entries are scored and ranked.
    pub evaluation: String,
    /// What the files are.
    pub data: String,
    /// What a participant agrees to.
    pub terms: String,
}

/// Why a track takes no submission now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaking {
    /// It has not begun; the moment it does, where one is set.
    NotYetOpen(Option<OffsetDateTime>),
    /// It is over; the moment it closed, where one was set.
    Closed(Option<OffsetDateTime>),
}

/// Whether somebody may enrol in a track in `phase`: before and while it takes submissions.
pub fn takes_participants(phase: Phase) -> bool {
    matches!(phase, Phase::Draft | Phase::Open)
}

/// Whether a track in `phase` with these dates gives out its files at `now`: from its opening on, and for good.
pub fn gives_files(phase: Phase, dates: Dates, now: OffsetDateTime) -> bool {
    phase != Phase::Draft && dates.opens_at.is_none_or(|opens| opens <= now)
}

/// Whether a track in `phase` with these dates takes a submission at `now`.
///
/// The moment that counts is the one at which the upload has arrived whole: begun before and finished after
/// the closing time is late. All comparisons are of instants, so no time zone or clock change matters.
///
/// # Errors
/// Says which side of the open time `now` lies on.
pub fn takes_submissions(phase: Phase, dates: Dates, now: OffsetDateTime) -> Result<(), NotTaking> {
    match phase {
        Phase::Draft => Err(NotTaking::NotYetOpen(dates.opens_at)),
        Phase::Closed | Phase::Revealed | Phase::Benchmark => Err(NotTaking::Closed(dates.closes_at)),
        Phase::Open => {
            if dates.opens_at.is_some_and(|opens| now < opens) {
                Err(NotTaking::NotYetOpen(dates.opens_at))
            } else if dates.closes_at.is_some_and(|closes| now >= closes) {
                Err(NotTaking::Closed(dates.closes_at))
            } else {
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn an_open_track_takes_submissions_from_its_opening_until_just_before_its_close() {
        let opens = datetime!(2026-11-01 00:00 UTC);
        let closes = datetime!(2026-12-01 00:00 UTC);
        let dates = Dates { opens_at: Some(opens), closes_at: Some(closes) };
        let second = time::Duration::SECOND;
        assert_eq!(takes_submissions(Phase::Open, dates, opens - second), Err(NotTaking::NotYetOpen(Some(opens))));
        assert_eq!(takes_submissions(Phase::Open, dates, opens), Ok(()));
        assert_eq!(takes_submissions(Phase::Open, dates, closes - second), Ok(()));
        assert_eq!(takes_submissions(Phase::Open, dates, closes), Err(NotTaking::Closed(Some(closes))));
    }

    #[test]
    fn files_are_given_out_from_the_opening_on() {
        let opens = datetime!(2026-11-01 00:00 UTC);
        let dates = Dates { opens_at: Some(opens), closes_at: None };
        assert!(!gives_files(Phase::Draft, Dates::default(), opens));
        assert!(!gives_files(Phase::Open, dates, opens - time::Duration::SECOND));
        for phase in [Phase::Open, Phase::Closed, Phase::Revealed, Phase::Benchmark] {
            assert!(gives_files(phase, dates, opens));
        }
    }

    #[test]
    fn no_other_phase_takes_submissions_whatever_the_dates() {
        let now = datetime!(2026-11-15 00:00 UTC);
        assert_eq!(takes_submissions(Phase::Draft, Dates::default(), now), Err(NotTaking::NotYetOpen(None)));
        for phase in [Phase::Closed, Phase::Revealed, Phase::Benchmark] {
            assert_eq!(takes_submissions(phase, Dates::default(), now), Err(NotTaking::Closed(None)));
        }
        assert_eq!(takes_submissions(Phase::Open, Dates::default(), now), Ok(()));
    }
}
