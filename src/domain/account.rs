//! Accounts: what a user name, an e-mail address and a password may be, and what a token may do.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use time::{Duration, OffsetDateTime};

/// A user's public name: 2 to 40 ASCII letters, digits, `.`, `-` or `_`, beginning with a letter or digit.
///
/// The alphabet leaves no room for look-alikes, direction overrides or markup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name folded for comparison: two names with one key are one account.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Whether visitors may not take this name for themselves, because it would pass for staff.
    pub fn is_reserved(&self) -> bool {
        const RESERVED: [&str; 10] = [
            "admin",
            "administrator",
            "anonymous",
            "callimico",
            "mico",
            "organiser",
            "organizer",
            "root",
            "staff",
            "system",
        ];
        RESERVED.contains(&self.key().as_str())
    }
}

/// What is wrong with an account's field; the text is for the person who typed it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AccountError {
    /// Not a user name.
    #[error("a name has 2 to 40 letters, digits, dots, dashes or underscores, and begins with a letter or digit")]
    Name,
    /// Not an e-mail address.
    #[error("this does not look like an e-mail address")]
    Email,
    /// The password is too short or too long.
    #[error("a password has 8 to 1,024 bytes")]
    Password,
}

impl FromStr for UserName {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if (2..=40).contains(&text.len()) && starts_well && text.chars().all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AccountError::Name)
        }
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An e-mail address, checked for its outer form only: the one proof of an address is a mail that arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>' | ',' | ';');
        match text.rsplit_once('@') {
            Some((local, host))
                if !local.is_empty() && !host.is_empty() && text.len() <= 254 && text.chars().all(plain) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(AccountError::Email),
        }
    }
}

/// A password in clear, 8 to 1,024 bytes. It is never printed: `Debug` says so.
pub struct Password(String);

impl Password {
    /// The bytes to hash.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for Password {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        if (8..=1024).contains(&text.len()) { Ok(Self(text.to_owned())) } else { Err(AccountError::Password) }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(not shown)")
    }
}

/// How long a password counts as given just now.
pub const RECENT_PASSWORD: Duration = Duration::minutes(10);

/// Whether a password that was given at `given_at` counts at `now` as given just now. Both are instants of the
/// database's clock.
pub fn password_is_recent(given_at: OffsetDateTime, now: OffsetDateTime) -> bool {
    now - given_at <= RECENT_PASSWORD
}

/// What an API token may do; each scope holds the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "token_scope", rename_all = "lowercase")]
pub enum TokenScope {
    /// Read what its owner may read as a participant.
    Read,
    /// Enrol and submit, too.
    Submit,
    /// See and do what organisers may, too, where its owner is one.
    Organise,
}

impl TokenScope {
    /// Whether a token of this scope may do what one of `needed` may.
    pub fn holds(self, needed: Self) -> bool {
        self >= needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_deceive_are_refused() {
        for good in ["ada", "Ada.Lovelace", "lira_carlini", "x1", "7up"] {
            assert!(good.parse::<UserName>().is_ok(), "{good} was refused");
        }
        let long = "x".repeat(41);
        for bad in ["", "a", "_x", ".x", "a b", "<script>", "аda", "a\u{202e}b", "a\u{200d}b", "{{7*7}}", long.as_str()]
        {
            assert_eq!(bad.parse::<UserName>(), Err(AccountError::Name), "{bad} was taken");
        }
        assert_eq!("ADA".parse::<UserName>().expect("a name").key(), "ada");
        assert!("Admin".parse::<UserName>().expect("a name").is_reserved());
    }

    #[test]
    fn a_password_is_counted_in_bytes_and_never_printed() {
        assert!("1234567".parse::<Password>().is_err());
        assert!("éééé".parse::<Password>().is_ok());
        assert!("x".repeat(1025).parse::<Password>().is_err());
        let secret: Password = "correct horse".parse().expect("a password");
        assert!(!format!("{secret:?}").contains("horse"));
    }

    #[test]
    fn each_scope_holds_those_before_it_and_none_after() {
        use TokenScope::{Organise, Read, Submit};
        let held = [Read, Submit, Organise].map(|scope| [Read, Submit, Organise].map(|needed| scope.holds(needed)));
        assert_eq!(held, [[true, false, false], [true, true, false], [true, true, true]]);
    }

    #[test]
    fn a_password_is_recent_for_ten_minutes() {
        let given = time::macros::datetime!(2026-11-23 12:00 UTC);
        assert!(password_is_recent(given, given) && password_is_recent(given, given + Duration::minutes(10)));
        assert!(!password_is_recent(given, given + Duration::minutes(10) + Duration::MICROSECOND));
    }

    #[test]
    fn an_address_cannot_carry_a_header() {
        assert!("ada@example.org".parse::<Email>().is_ok());
        for bad in ["ada", "@x", "x@", "a b@c", "a@b\r\nBcc: c@d", "a@b,c@d"] {
            assert_eq!(bad.parse::<Email>(), Err(AccountError::Email), "{bad} was taken");
        }
    }
}
