//! The clock. Nothing else asks the system for the time, so that tests can set it.
//!
//! Every instant that decides something is the database's, which all processes share: it is asked for where it is needed
//! ([`crate::app::App::database_time`]). What is shown goes by this clock, which follows the database's.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock, corrected by the microseconds by which the database's was last seen to be ahead of it.
    System(Arc<AtomicI64>),
    /// A clock that stands still until it is advanced.
    Fixed(Arc<Mutex<OffsetDateTime>>),
}

impl Clock {
    /// The system's clock, not yet corrected.
    pub fn system() -> Self {
        Self::System(Arc::default())
    }

    /// A fixed clock that shows `now`.
    pub fn fixed(now: OffsetDateTime) -> Self {
        Self::Fixed(Arc::new(Mutex::new(now)))
    }

    /// The current time in whole microseconds, which is the database's precision.
    #[expect(clippy::disallowed_methods, reason = "this is the one caller")]
    pub fn now(&self) -> OffsetDateTime {
        let now = match self {
            Self::System(ahead) => OffsetDateTime::now_utc() + Duration::microseconds(ahead.load(Ordering::Relaxed)),
            Self::Fixed(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
        };
        now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now)
    }

    /// Corrects the system's clock by what the database's shows now; a fixed clock stays.
    #[expect(clippy::disallowed_methods, reason = "the difference to the system's clock")]
    pub fn follow(&self, database: OffsetDateTime) {
        if let Self::System(ahead) = self {
            let difference = (database - OffsetDateTime::now_utc()).whole_microseconds();
            ahead.store(i64::try_from(difference).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// Advances a fixed clock; does nothing to the system's clock.
    pub fn advance(&self, by: Duration) {
        if let Self::Fixed(now) = self {
            *now.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }
}
