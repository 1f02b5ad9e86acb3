//! Why an organiser does something, in words.

use std::str::FromStr;

use thiserror::Error;

/// A reason: 1 to 500 characters on one line, with no space around them. It is kept for good, and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

/// The text is no reason.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("a reason has 1 to 500 characters, and no control characters")]
pub struct NotAReason;

impl Reason {
    /// The most characters.
    const MAX: usize = 500;

    /// The reason where one may be left out: a blank text gives none.
    ///
    /// # Errors
    /// The text is too long, or not on one line.
    pub fn optional(text: &str) -> Result<Option<Self>, NotAReason> {
        if text.trim().is_empty() { Ok(None) } else { text.parse().map(Some) }
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = NotAReason;

    fn from_str(text: &str) -> Result<Self, NotAReason> {
        let text = text.trim();
        let fits = (1..=Self::MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAReason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_short_line() {
        assert_eq!(" a power cut\n".parse::<Reason>().expect("a reason").as_str(), "a power cut");
        assert!("é".repeat(500).parse::<Reason>().is_ok());
        for wrong in ["", " \t", "two\nlines", "\u{7}bell", &"x".repeat(501)] {
            assert_eq!(wrong.parse::<Reason>(), Err(NotAReason), "{wrong}");
        }
    }

    #[test]
    fn a_blank_text_is_no_reason_where_none_is_needed() {
        assert_eq!(Reason::optional("  "), Ok(None));
        assert_eq!(Reason::optional("copied"), Ok("copied".parse().ok()));
        assert_eq!(Reason::optional("two\nlines"), Err(NotAReason));
    }
}
