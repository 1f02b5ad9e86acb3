//! How many attempts a participant has left, and when the next one comes.
//!
//! Counted are submissions that are queued, being scored or scored, by the UTC day on which they arrived.
//! Rejected and failed ones cost nothing. A benchmark has limits of its own, and what was sent to it counts against them
//! alone.

use time::{Duration, OffsetDateTime, Time, UtcOffset};

use super::benchmark::{self, Benchmark};
use super::phase::Phase;
use super::track::SubmissionLimits;

/// What a participant has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttemptsUsed {
    /// On the present UTC day.
    pub today: u32,
    /// Since the beginning; of a benchmark, of its present year.
    pub total: u32,
}

/// What a participant has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct AttemptsLeft {
    /// On the present UTC day.
    pub today: u32,
    /// Until the end; of a benchmark, of its present year.
    pub total: u32,
}

/// A limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitReached {
    /// The day's attempts are used; the next one comes at the next UTC midnight.
    Today {
        /// That midnight.
        next: OffsetDateTime,
    },
    /// All attempts are used.
    Total,
    /// The attempts of this year of a benchmark are used.
    Year {
        /// When the next year begins.
        next: OffsetDateTime,
    },
}

/// What may be sent at an instant, and which submissions count against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How much.
    pub limits: SubmissionLimits,
    /// Whether what was sent to the benchmark counts, or what was sent to the competition.
    pub is_benchmark: bool,
    /// Of a benchmark: its present year. Earlier submissions do not count, and with its end all count no more.
    pub year: Option<(OffsetDateTime, OffsetDateTime)>,
}

impl Allowance {
    /// What may be sent at `now` to a track in this phase.
    pub fn of(phase: Phase, limits: SubmissionLimits, benchmark: Benchmark, now: OffsetDateTime) -> Self {
        if !phase.rules().is_benchmark {
            return Self { limits, is_benchmark: false, year: None };
        }
        let own = benchmark.limits;
        Self {
            limits: SubmissionLimits { per_day: own.per_day, total: own.per_year, ..limits },
            is_benchmark: true,
            year: benchmark.began_at.map(|began_at| benchmark::year_of(began_at, now)),
        }
    }

    /// What is left of it.
    pub fn left(self, used: AttemptsUsed) -> AttemptsLeft {
        used.left(self.limits)
    }

    /// Whether one more attempt fits.
    ///
    /// # Errors
    /// Names the limit that is reached.
    pub fn admit(self, used: AttemptsUsed, now: OffsetDateTime) -> Result<(), LimitReached> {
        used.admit(self.limits, now).map_err(|limit| match (limit, self.year) {
            (LimitReached::Total, Some((_, next))) => LimitReached::Year { next },
            (limit, _) => limit,
        })
    }
}

impl AttemptsUsed {
    /// What is left of `limits`.
    pub fn left(self, limits: SubmissionLimits) -> AttemptsLeft {
        let total = limits.total.saturating_sub(self.total);
        AttemptsLeft { today: limits.per_day.saturating_sub(self.today).min(total), total }
    }

    /// Whether one more attempt fits.
    ///
    /// # Errors
    /// Names the limit that is reached.
    pub fn admit(self, limits: SubmissionLimits, now: OffsetDateTime) -> Result<(), LimitReached> {
        if self.total >= limits.total {
            Err(LimitReached::Total)
        } else if self.today >= limits.per_day {
            Err(LimitReached::Today { next: day_start(now) + Duration::DAY })
        } else {
            Ok(())
        }
    }
}

/// The UTC midnight that began the day of `now`.
pub fn day_start(now: OffsetDateTime) -> OffsetDateTime {
    now.to_offset(UtcOffset::UTC).replace_time(Time::MIDNIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const LIMITS: SubmissionLimits = SubmissionLimits { per_day: 3, total: 5, bytes: 1 };

    #[test]
    fn the_day_turns_at_utc_midnight_wherever_the_clock_stands() {
        let evening_in_la = datetime!(2026-11-22 20:30 -8);
        assert_eq!(day_start(evening_in_la), datetime!(2026-11-23 00:00 UTC));
        let full = AttemptsUsed { today: 3, total: 3 };
        let next = datetime!(2026-11-24 00:00 UTC);
        assert_eq!(full.admit(LIMITS, evening_in_la), Err(LimitReached::Today { next }));
    }

    #[test]
    fn a_benchmark_has_limits_of_its_own_that_come_back_each_year() {
        let began_at = datetime!(2026-12-01 12:00 UTC);
        let limits = benchmark::BenchmarkLimits { per_day: 1, per_year: 2 };
        let benchmark = Benchmark { began_at: Some(began_at), limits, version: 1, changed_at: None, log_seq: None };
        let now = began_at + Duration::days(3);
        for phase in [Phase::Draft, Phase::Open, Phase::Closed, Phase::Revealed] {
            let same = Allowance { limits: LIMITS, is_benchmark: false, year: None };
            assert_eq!(Allowance::of(phase, LIMITS, benchmark, now), same);
        }
        let allowance = Allowance::of(Phase::Benchmark, LIMITS, benchmark, now);
        let next = began_at + Duration::days(365);
        assert_eq!((allowance.is_benchmark, allowance.year), (true, Some((began_at, next))));
        assert_eq!(allowance.left(AttemptsUsed { today: 0, total: 1 }), AttemptsLeft { today: 1, total: 1 });
        let today = Err(LimitReached::Today { next: datetime!(2026-12-05 00:00 UTC) });
        assert_eq!(allowance.admit(AttemptsUsed { today: 1, total: 1 }, now), today);
        assert_eq!(allowance.admit(AttemptsUsed { today: 0, total: 2 }, now), Err(LimitReached::Year { next }));
    }

    #[test]
    fn what_is_left_today_is_never_more_than_what_is_left_in_all() {
        let used = AttemptsUsed { today: 0, total: 4 };
        assert_eq!(used.left(LIMITS), AttemptsLeft { today: 1, total: 1 });
        let over = AttemptsUsed { today: 9, total: 9 };
        assert_eq!(over.left(LIMITS), AttemptsLeft { today: 0, total: 0 });
        assert_eq!(over.admit(LIMITS, datetime!(2026-11-23 00:00 UTC)), Err(LimitReached::Total));
    }
}
