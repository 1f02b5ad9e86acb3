//! Brakes against guessing: log-ins by account and by address, registrations by address. They let go by
//! themselves, so nobody can lock somebody else out for good.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use time::OffsetDateTime;

use super::error::{Detail, HttpError};

/// Token buckets, shared by all requests of a process.
#[derive(Debug, Clone)]
pub struct Brakes {
    by_account: Arc<DefaultKeyedRateLimiter<String>>,
    by_address: Arc<DefaultKeyedRateLimiter<IpAddr>>,
}

impl Brakes {
    /// `per_minute` tries for one account, six times as many from one address.
    pub fn new(per_minute: NonZeroU32) -> Self {
        let many = per_minute.saturating_mul(const { NonZeroU32::new(6).unwrap() });
        Self {
            by_account: Arc::new(RateLimiter::keyed(Quota::per_minute(per_minute))),
            by_address: Arc::new(RateLimiter::keyed(Quota::per_minute(many))),
        }
    }

    /// Counts a try at an account from an address.
    ///
    /// # Errors
    /// [`HttpError::LimitReached`] where there were too many.
    pub fn try_account(&self, account: &str, address: IpAddr, now: OffsetDateTime) -> Result<(), HttpError> {
        self.try_address(address, now)?;
        self.by_account.check_key(&account.to_owned()).map_err(|wait| braked(&wait, now))
    }

    /// Counts a try from an address.
    ///
    /// # Errors
    /// [`HttpError::LimitReached`] where there were too many.
    pub fn try_address(&self, address: IpAddr, now: OffsetDateTime) -> Result<(), HttpError> {
        self.by_address.check_key(&network(address)).map_err(|wait| braked(&wait, now))
    }

    /// Forgets accounts and addresses that have not been heard of for a while.
    pub fn forget_old(&self) {
        self.by_account.retain_recent();
        self.by_address.retain_recent();
    }
}

fn braked(wait: &governor::NotUntil<governor::clock::QuantaInstant>, now: OffsetDateTime) -> HttpError {
    let seconds = wait.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
    let retry_at = now + time::Duration::seconds(i64::try_from(seconds).unwrap_or(60));
    HttpError::limit(Detail::new("too_many_tries", "Too many tries. Wait a minute."), Some(retry_at), now)
}

/// An IPv6 customer has a whole /64: its addresses count as one.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_eleventh_try_within_a_minute_is_braked_and_other_accounts_are_not() {
        let brakes = Brakes::new(NonZeroU32::new(10).expect("ten"));
        let (home, now) = (IpAddr::from([127, 0, 0, 1]), datetime!(2026-11-23 12:00 UTC));
        for _ in 0..10 {
            assert!(brakes.try_account("ada", home, now).is_ok());
        }
        assert!(matches!(brakes.try_account("ada", home, now), Err(HttpError::LimitReached { .. })));
        assert!(brakes.try_account("grace", home, now).is_ok());
    }

    #[test]
    fn a_whole_ipv6_network_counts_as_one_address() {
        let one: IpAddr = "2001:db8:1:2::1".parse().expect("an address");
        let two: IpAddr = "2001:db8:1:2:ffff::9".parse().expect("an address");
        let other: IpAddr = "2001:db8:1:3::1".parse().expect("an address");
        assert_eq!(network(one), network(two));
        assert_ne!(network(one), network(other));
        assert_eq!(network("::ffff:127.0.0.1".parse().expect("an address")), IpAddr::from([127, 0, 0, 1]));
    }
}
