//! How many attempts a participant has left, and when the next one comes.
//!
//! Counted are submissions that are queued, being scored or scored, by the UTC day on which they arrived.
//! Rejected and failed ones cost nothing.

use time::{Duration, OffsetDateTime, Time, UtcOffset};

use super::track::SubmissionLimits;

/// What a participant has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttemptsUsed {
    /// On the present UTC day.
    pub today: u32,
    /// Since the beginning.
    pub total: u32,
}

/// What a participant has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct AttemptsLeft {
    /// On the present UTC day.
    pub today: u32,
    /// Until the end.
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
    fn what_is_left_today_is_never_more_than_what_is_left_in_all() {
        let used = AttemptsUsed { today: 0, total: 4 };
        assert_eq!(used.left(LIMITS), AttemptsLeft { today: 1, total: 1 });
        let over = AttemptsUsed { today: 9, total: 9 };
        assert_eq!(over.left(LIMITS), AttemptsLeft { today: 0, total: 0 });
        assert_eq!(over.admit(LIMITS, datetime!(2026-11-23 00:00 UTC)), Err(LimitReached::Total));
    }
}
