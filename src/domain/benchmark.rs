//! The benchmark that can follow a reveal: its limits, and the board on which each participant stands with the best that
//! is disclosed of their submissions.

use std::collections::BTreeMap;

use scoring::RankingNumber;
use time::{Duration, OffsetDateTime};

use super::ids::{ParticipantId, ScoringId, SubmissionId};
use super::leaderboard::{self, FinalTold};

/// How much a participant may send to a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BenchmarkLimits {
    /// Submissions that count within one UTC day.
    pub per_day: u32,
    /// Submissions that count within one year of the benchmark: 365 days, counted from its beginning.
    pub per_year: u32,
}

impl Default for BenchmarkLimits {
    fn default() -> Self {
        Self { per_day: 1, per_year: 20 }
    }
}

/// The benchmark of a track, or what it would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Benchmark {
    /// When it began; `None`: there never was one.
    pub began_at: Option<OffsetDateTime>,
    /// Its limits.
    pub limits: BenchmarkLimits,
    /// Counts the changes of its board.
    pub version: i64,
    /// When its board last changed.
    pub changed_at: Option<OffsetDateTime>,
    /// The last event in the track's log when its board last changed.
    pub log_seq: Option<i64>,
}

/// The year of a benchmark, 365 days counted from its beginning, in which an instant lies: its first instant, and the first
/// of the next.
pub fn year_of(began_at: OffsetDateTime, now: OffsetDateTime) -> (OffsetDateTime, OffsetDateTime) {
    let year = Duration::days(365);
    let passed = (now - began_at).whole_seconds().max(0) / year.whole_seconds();
    let begins = began_at + Duration::seconds(year.whole_seconds() * passed);
    (begins, begins + year)
}

/// A submission that could stand on the benchmark board for its participant.
#[derive(Debug, Clone)]
pub struct BenchmarkCandidate {
    /// Whose it is.
    pub participant_id: ParticipantId,
    /// The participant's public name.
    pub participant: String,
    /// Whether it stands on the board without a rank.
    pub out_of_competition: bool,
    /// Whether the participant has an entry in the official ranking.
    pub took_part: bool,
    /// The submission.
    pub submission: SubmissionId,
    /// What its sender says of it.
    pub description: String,
    /// Where its method is described.
    pub method_url: Option<String>,
    /// When it arrived.
    pub submitted_at: OffsetDateTime,
    /// How many of the participant's submissions are among the candidates.
    pub submissions: u32,
    /// Which run of the scorer this is.
    pub scoring: ScoringId,
    /// Its ranking number.
    pub value: f64,
    /// The counts behind it.
    pub ranking: RankingNumber,
}

/// How a board tells its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// As they are.
    Exact,
    /// Rounded to [`FinalTold::STEP`], so that order, ranks and the choice of a row follow the rounded numbers.
    Rounded,
}

impl Telling {
    /// Compares what is told of two candidates.
    fn compare(self, one: &BenchmarkCandidate, other: &BenchmarkCandidate) -> std::cmp::Ordering {
        match self {
            Self::Exact => one.ranking.cmp(&other.ranking),
            Self::Rounded => FinalTold::round(one.value).total_cmp(&FinalTold::round(other.value)),
        }
    }

    /// Best first, by what is told; equal ones by the earlier submission.
    fn order(self, one: &BenchmarkCandidate, other: &BenchmarkCandidate) -> std::cmp::Ordering {
        self.compare(other, one)
            .then_with(|| (one.submitted_at, one.submission).cmp(&(other.submitted_at, other.submission)))
    }
}

/// The best candidate of each participant by what is told, best first. Of equal ones the earlier stands, and comes first.
pub fn best_of_each(candidates: Vec<BenchmarkCandidate>, telling: Telling) -> Vec<BenchmarkCandidate> {
    let mut best: BTreeMap<ParticipantId, BenchmarkCandidate> = BTreeMap::new();
    let mut counts: BTreeMap<ParticipantId, u32> = BTreeMap::new();
    for candidate in candidates {
        *counts.entry(candidate.participant_id).or_default() += 1;
        let stands = best.get(&candidate.participant_id);
        if stands.is_none_or(|stands| telling.order(&candidate, stands).is_lt()) {
            best.insert(candidate.participant_id, candidate);
        }
    }
    let mut best: Vec<BenchmarkCandidate> = best
        .into_values()
        .map(|one| BenchmarkCandidate { submissions: counts.get(&one.participant_id).copied().unwrap_or(0), ..one })
        .collect();
    best.sort_by(|one, other| telling.order(one, other));
    best
}

/// Ranks ordered candidates by their numbers, as they are told.
pub fn ranks(ordered: &[BenchmarkCandidate], telling: Telling) -> Vec<Option<usize>> {
    let same = |i: usize, j: usize| telling.compare(&ordered[i], &ordered[j]).is_eq();
    leaderboard::ranks(ordered.len(), |i| ordered[i].out_of_competition, same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scoring::RankingKind;
    use time::macros::datetime;

    const START: OffsetDateTime = datetime!(2026-12-01 12:00 UTC);

    fn candidate(participant: ParticipantId, minute: i64, tp: u64) -> BenchmarkCandidate {
        BenchmarkCandidate {
            participant_id: participant,
            participant: String::new(),
            out_of_competition: false,
            took_part: false,
            submission: SubmissionId::generate(),
            description: String::new(),
            method_url: None,
            submitted_at: START + Duration::minutes(minute),
            submissions: 0,
            scoring: ScoringId::generate(),
            value: tp as f64 / 10_000.0,
            ranking: RankingNumber::new(RankingKind::Mean, vec![Some((tp, 10_000))]).unwrap(),
        }
    }

    #[test]
    fn a_year_has_365_days_from_the_beginning_on() {
        let day = |days| START + Duration::days(days);
        assert_eq!(year_of(START, START), (START, day(365)));
        assert_eq!(year_of(START, day(365) - Duration::SECOND), (START, day(365)));
        assert_eq!(year_of(START, day(365)), (day(365), day(730)));
        assert_eq!(year_of(START, day(1100)), (day(1095), day(1460)));
        assert_eq!(year_of(START, START - Duration::DAY), (START, day(365)));
    }

    #[test]
    fn while_numbers_are_rounded_nothing_follows_from_what_they_hide() {
        let (ada, bob, eve) = (ParticipantId::generate(), ParticipantId::generate(), ParticipantId::generate());
        // Ada's later one is better by less than is told; bob's equals both as told; eve's is told less.
        let all = |later: u64, of_bob: u64| {
            vec![candidate(ada, 1, 1901), candidate(ada, 5, later), candidate(bob, 3, of_bob), candidate(eve, 0, 1860)]
        };
        let seen = |later, of_bob| {
            let best = best_of_each(all(later, of_bob), Telling::Rounded);
            let row = |one: &BenchmarkCandidate| (one.participant_id, one.submitted_at, one.submissions);
            (best.iter().map(row).collect::<Vec<_>>(), ranks(&best, Telling::Rounded))
        };
        let (rows, told) = seen(1919, 1924);
        let minutes = |minute| START + Duration::minutes(minute);
        assert_eq!(rows, [(ada, minutes(1), 2), (bob, minutes(3), 1), (eve, minutes(0), 1)]);
        assert_eq!(told, [Some(1), Some(1), Some(3)]);
        assert_eq!(seen(1880, 1876), (rows, told));
        // As they are, the counts decide.
        let best = best_of_each(all(1919, 1924), Telling::Exact);
        let order: Vec<_> = best.iter().map(|one| one.submitted_at).collect();
        assert_eq!(order, [minutes(3), minutes(5), minutes(0)]);
        assert_eq!(ranks(&best, Telling::Exact), [Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn out_of_competition_no_rank_is_taken() {
        let of = |tp, out| {
            let one = candidate(ParticipantId::generate(), 0, tp);
            BenchmarkCandidate { out_of_competition: out, ..one }
        };
        let ordered = [of(1900, false), of(1900, true), of(1900, false), of(1800, true), of(1700, false)];
        assert_eq!(ranks(&ordered, Telling::Rounded), [Some(1), None, Some(1), None, Some(3)]);
    }
}
