//! How long to wait and how often to try. No I/O: nothing here waits.

use std::time::Duration;

use super::ClientError;

/// The longest wait that a server can ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// How long to wait and how often to try.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long a connection may bring no byte before it counts as broken.
    pub read_timeout: Duration,
    /// The delay after the first failure; it doubles with each further one.
    pub first_delay: Duration,
    /// The most that the delay grows to.
    pub max_delay: Duration,
    /// How many tries may bring no new byte.
    pub max_tries: u32,
    /// How many addresses may expire without a new byte.
    pub max_expired: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(20),
            read_timeout: Duration::from_secs(60),
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            max_tries: 8,
            max_expired: 4,
        }
    }
}

/// Counts the failed tries to fetch one thing. Every new byte sets the count back to zero.
#[derive(Debug)]
pub(super) struct Tries {
    policy: RetryPolicy,
    what: String,
    failed: u32,
    expired: u32,
    furthest: u64,
}

impl Tries {
    pub(super) fn new(policy: RetryPolicy, what: impl Into<String>) -> Self {
        Self { policy, what: what.into(), failed: 0, expired: 0, furthest: 0 }
    }

    /// Reports that `length` bytes are here. Only more than ever before count as new: otherwise a
    /// file that starts over again and again would be tried for ever.
    pub(super) fn reached(&mut self, length: u64) {
        if length > self.furthest {
            (self.furthest, self.failed, self.expired) = (length, 0, 0);
        }
    }

    /// The content has changed, so every byte of it is new.
    pub(super) fn restart(&mut self) {
        self.furthest = 0;
    }

    /// Counts a failed try; returns how long to wait before the next.
    ///
    /// # Errors
    /// [`ClientError::Network`] if that was the last try.
    pub(super) fn failed(&mut self, why: String, retry_after: Option<Duration>) -> Result<Duration, ClientError> {
        self.failed += 1;
        if self.failed >= self.policy.max_tries {
            return Err(ClientError::Network { what: self.what.clone(), why });
        }
        let doubled = self.policy.first_delay.saturating_mul(1 << (self.failed - 1).min(16));
        let delay = doubled.min(self.policy.max_delay);
        Ok(delay.max(retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER)))
    }

    /// Counts an expired address; returns how long to wait before a new list is asked for.
    ///
    /// # Errors
    /// [`ClientError::Network`] if that was the last try.
    pub(super) fn expired(&mut self, why: String) -> Result<Duration, ClientError> {
        self.expired += 1;
        // In a long download addresses expire without anything being wrong, so the first is not a
        // failed try.
        match self.expired {
            1 => Ok(Duration::ZERO),
            expired if expired >= self.policy.max_expired => Err(ClientError::Network { what: self.what.clone(), why }),
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
        let mut tries = Tries::new(RetryPolicy::default(), "x");
        assert_eq!(failures(&mut tries), [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]);
    }

    #[test]
    fn only_bytes_never_seen_before_are_progress() {
        let mut tries = Tries::new(RetryPolicy { max_tries: 2, ..RetryPolicy::default() }, "x");
        tries.reached(10);
        assert!(tries.failed("cut".into(), None).is_ok());
        tries.reached(10);
        assert!(tries.failed("cut".into(), None).is_err(), "the same ten bytes again are none");
        tries.reached(11);
        assert!(tries.failed("cut".into(), None).is_ok());
    }

    #[test]
    fn a_server_may_ask_for_a_longer_wait_but_not_for_an_endless_one() {
        let mut tries = Tries::new(RetryPolicy::default(), "x");
        let mut wait = |seconds| tries.failed("busy".into(), Some(Duration::from_secs(seconds))).expect("a wait");
        assert_eq!(wait(7), Duration::from_secs(7));
        assert_eq!(wait(0), Duration::from_secs(1));
        assert_eq!(wait(u64::MAX), LONGEST_RETRY_AFTER);
    }

    #[test]
    fn an_address_may_run_out_once_for_free_and_a_few_times_in_all() {
        let mut tries = Tries::new(RetryPolicy::default(), "x");
        let waits: Vec<_> = (0..4).map(|_| tries.expired("404".into()).ok().map(|wait| wait.as_secs_f64())).collect();
        assert_eq!(waits, [Some(0.0), Some(0.5), Some(1.0), None]);
    }
}
