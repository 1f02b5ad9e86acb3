//! How long to wait, and how often to try. Pure: nothing here waits.

use std::time::Duration;

use super::ClientError;

/// No server is waited for longer than this at its own wish.
const LONGEST_WISH: Duration = Duration::from_secs(600);

/// How long to wait, and how often to try.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until a connection stands.
    pub connect: Duration,
    /// Without a byte until a connection counts as cut.
    pub silence: Duration,
    /// After the first try; doubles with each.
    pub first_delay: Duration,
    /// What the delay grows to.
    pub longest_delay: Duration,
    /// Tries without a new byte.
    pub tries: u32,
    /// Addresses without a new byte that do not hold any more.
    pub stale: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            first_delay: Duration::from_millis(500),
            longest_delay: Duration::from_secs(30),
            tries: 8,
            stale: 4,
        }
    }
}

/// The tries of one thing that is wanted. Any byte that is new makes them count from nothing.
#[derive(Debug)]
pub(super) struct Tries {
    patience: Patience,
    what: String,
    failed: u32,
    stale: u32,
    furthest: u64,
}

impl Tries {
    pub(super) fn new(patience: Patience, what: impl Into<String>) -> Self {
        Self { patience, what: what.into(), failed: 0, stale: 0, furthest: 0 }
    }

    /// So many bytes are here. Only more than ever before are progress: a file that begins anew again and again would
    /// never end otherwise.
    pub(super) fn reached(&mut self, length: u64) {
        if length > self.furthest {
            (self.furthest, self.failed, self.stale) = (length, 0, 0);
        }
    }

    /// Another content is wanted from here on, of which nothing was seen.
    pub(super) fn begin_anew(&mut self) {
        self.furthest = 0;
    }

    /// A try failed; answers how long to wait for the next.
    ///
    /// # Errors
    /// [`ClientError::Network`] if that was the last.
    pub(super) fn failed(&mut self, why: String, wish: Option<Duration>) -> Result<Duration, ClientError> {
        self.failed += 1;
        if self.failed >= self.patience.tries {
            return Err(ClientError::Network { what: self.what.clone(), why });
        }
        let doubled = self.patience.first_delay.saturating_mul(1 << (self.failed - 1).min(16));
        let delay = doubled.min(self.patience.longest_delay);
        Ok(delay.max(wish.unwrap_or_default().min(LONGEST_WISH)))
    }

    /// An address does not hold any more; answers how long to wait before the list is asked again.
    ///
    /// # Errors
    /// [`ClientError::Network`] if that was the last.
    pub(super) fn stale(&mut self, why: String) -> Result<Duration, ClientError> {
        self.stale += 1;
        // Addresses that ran out on the way are no fault of anybody: the first time is free.
        match self.stale {
            1 => Ok(Duration::ZERO),
            stale if stale >= self.patience.stale => Err(ClientError::Network { what: self.what.clone(), why }),
            _ => self.failed(why, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(tries: &mut Tries) -> Vec<f64> {
        let mut delays = Vec::new();
        while let Ok(delay) = tries.failed("cut".into(), None) {
            delays.push(delay.as_secs_f64());
        }
        delays
    }

    #[test]
    fn delays_double_up_to_the_longest_and_the_last_try_ends_it() {
        let mut tries = Tries::new(Patience::default(), "x");
        assert_eq!(failures(&mut tries), [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]);
    }

    #[test]
    fn only_bytes_never_seen_before_are_progress() {
        let mut tries = Tries::new(Patience { tries: 2, ..Patience::default() }, "x");
        tries.reached(10);
        assert!(tries.failed("cut".into(), None).is_ok());
        tries.reached(10);
        assert!(tries.failed("cut".into(), None).is_err(), "the same ten bytes again are none");
        tries.reached(11);
        assert!(tries.failed("cut".into(), None).is_ok());
    }

    #[test]
    fn a_server_may_ask_for_a_longer_wait_but_not_for_an_endless_one() {
        let mut tries = Tries::new(Patience::default(), "x");
        let mut wait = |seconds| tries.failed("busy".into(), Some(Duration::from_secs(seconds))).expect("a wait");
        assert_eq!(wait(7), Duration::from_secs(7));
        assert_eq!(wait(0), Duration::from_secs(1));
        assert_eq!(wait(u64::MAX), LONGEST_WISH);
    }

    #[test]
    fn an_address_may_run_out_once_for_free_and_a_few_times_in_all() {
        let mut tries = Tries::new(Patience::default(), "x");
        let waits: Vec<_> = (0..4).map(|_| tries.stale("404".into()).ok().map(|wait| wait.as_secs_f64())).collect();
        assert_eq!(waits, [Some(0.0), Some(0.5), Some(1.0), None]);
    }
}
