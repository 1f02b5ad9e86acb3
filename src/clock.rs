//! The clock. Nothing else asks the system for the time, so that tests can set it.

use std::sync::{Arc, Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that stands still until it is advanced.
    Fixed(Arc<Mutex<OffsetDateTime>>),
}

impl Clock {
    /// A fixed clock that shows `now`.
    pub fn fixed(now: OffsetDateTime) -> Self {
        Self::Fixed(Arc::new(Mutex::new(now)))
    }

    /// The current time in whole microseconds, which is the database's precision.
    #[expect(clippy::disallowed_methods, reason = "this is the one caller")]
    pub fn now(&self) -> OffsetDateTime {
        let now = match self {
            Self::System => OffsetDateTime::now_utc(),
            Self::Fixed(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        };
        now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now)
    }

    /// Advances a fixed clock; does nothing to the system's clock.
    pub fn advance(&self, by: Duration) {
        if let Self::Fixed(now) = self {
            *now.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }
}
