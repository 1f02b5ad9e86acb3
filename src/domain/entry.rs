//! Which of a participant's scored submissions stands on the board.

use scoring::RankingNumber;
use time::OffsetDateTime;

use super::ids::{ScoringId, SubmissionId};
use super::track::EntryRule;

/// A scored submission that could stand on the board.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The submission.
    pub submission: SubmissionId,
    /// Its present scoring on the dev split.
    pub scoring: ScoringId,
    /// When it arrived.
    pub received_at: OffsetDateTime,
    /// Its ranking number on the dev split.
    pub ranking: RankingNumber,
}

/// Picks the entry among a participant's candidates; `None` only when there are none.
///
/// `Chosen` falls back to the latest while nothing is chosen.
pub fn standing(rule: EntryRule, candidates: Vec<Candidate>) -> Option<Candidate> {
    let latest = |a: &Candidate, b: &Candidate| (a.received_at, a.submission).cmp(&(b.received_at, b.submission));
    match rule {
        EntryRule::Latest | EntryRule::Chosen => candidates.into_iter().max_by(latest),
        EntryRule::Best => candidates.into_iter().max_by(|a, b| a.ranking.cmp(&b.ranking).then_with(|| latest(b, a))),
    }
}
