//! Rate limits against guessing: log-ins by account and by network, registrations by network. They lift by themselves.
//!
//! An account's tries are counted for each network, so that nobody can lock somebody else out from elsewhere; a far
//! larger count over all networks slows down those who guess from many. A network is an IPv4 address or an IPv6 /64.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use time::OffsetDateTime;

use super::error::{Detail, HttpError};

/// Token buckets, shared by all requests of a process.
#[derive(Debug, Clone)]
pub struct RateLimits {
    by_network: Arc<DefaultKeyedRateLimiter<IpAddr>>,
    by_account_and_network: Arc<DefaultKeyedRateLimiter<(String, IpAddr)>>,
    by_account: Arc<DefaultKeyedRateLimiter<String>>,
}

impl RateLimits {
    /// `per_minute` tries at one account from one network, six times as many from one network, ten times as many at
    /// one account. Tries that succeed count, too.
    pub fn new(per_minute: NonZeroU32) -> Self {
        let of_network = per_minute.saturating_mul(const { NonZeroU32::new(6).unwrap() });
        let of_account = per_minute.saturating_mul(const { NonZeroU32::new(10).unwrap() });
        Self {
            by_network: Arc::new(RateLimiter::keyed(Quota::per_minute(of_network))),
            by_account_and_network: Arc::new(RateLimiter::keyed(Quota::per_minute(per_minute))),
            by_account: Arc::new(RateLimiter::keyed(Quota::per_minute(of_account))),
        }
    }

    /// Counts a try at an account from an address.
    ///
    /// # Errors
    /// [`HttpError::LimitReached`] where there were too many.
    pub fn try_account(&self, account: &str, address: IpAddr, now: OffsetDateTime) -> Result<(), HttpError> {
        // The account comes last: whoever is refused before uses up nothing of what others may try at the same account.
        self.try_address(address, now)?;
        let key = (account.to_owned(), network(address));
        self.by_account_and_network.check_key(&key).map_err(|wait| refused(&wait, now))?;
        self.by_account.check_key(&key.0).map_err(|wait| refused(&wait, now))
    }

    /// Counts a try from an address.
    ///
    /// # Errors
    /// [`HttpError::LimitReached`] where there were too many.
    pub fn try_address(&self, address: IpAddr, now: OffsetDateTime) -> Result<(), HttpError> {
        self.by_network.check_key(&network(address)).map_err(|wait| refused(&wait, now))
    }

    /// Forgets accounts and networks that were not seen for a while.
    pub fn forget_old(&self) {
        self.by_network.retain_recent();
        self.by_account_and_network.retain_recent();
        self.by_account.retain_recent();
    }
}

fn refused(wait: &governor::NotUntil<governor::clock::QuantaInstant>, now: OffsetDateTime) -> HttpError {
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

    const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);

    fn ten_a_minute() -> RateLimits {
        RateLimits::new(NonZeroU32::new(10).expect("ten"))
    }

    #[test]
    fn the_eleventh_try_within_a_minute_is_refused_and_other_accounts_are_not() {
        let (rate_limits, home) = (ten_a_minute(), IpAddr::from([127, 0, 0, 1]));
        for _ in 0..10 {
            assert!(rate_limits.try_account("ada", home, NOW).is_ok());
        }
        assert!(matches!(rate_limits.try_account("ada", home, NOW), Err(HttpError::LimitReached { .. })));
        assert!(rate_limits.try_account("grace", home, NOW).is_ok());
    }

    #[test]
    fn nobody_locks_an_account_out_from_elsewhere() {
        let (rate_limits, home) = (ten_a_minute(), IpAddr::from([127, 0, 0, 1]));
        let elsewhere = IpAddr::from([198, 51, 100, 7]);
        for _ in 0..1000 {
            // All but the first ten are refused.
            let _ = rate_limits.try_account("ada", elsewhere, NOW);
        }
        assert!(rate_limits.try_account("ada", elsewhere, NOW).is_err());
        assert!(rate_limits.try_account("ada", home, NOW).is_ok());
    }

    #[test]
    fn guessing_at_an_account_from_many_networks_is_refused_too() {
        let rate_limits = ten_a_minute();
        let tries = (0..200).map(|host| rate_limits.try_account("ada", IpAddr::from([198, 51, 100, host]), NOW));
        let free = tries.filter(Result::is_ok).count();
        // A token comes back every 600 ms, should this take so long.
        assert!((100..110).contains(&free), "{free} tries were free");
        assert!(rate_limits.try_account("grace", IpAddr::from([198, 51, 100, 1]), NOW).is_ok());
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
