//! Slugs: the short names in URLs, archives and commands.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Lower-case ASCII letters, digits, `-` and `_`, beginning with a letter or digit, at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Slug(String);

/// The text is no slug.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "`{0}` cannot be used as a short name: take 1 to 64 lower-case letters, digits, `-` or `_`, beginning with a letter or digit"
)]
pub struct NotASlug(String);

impl Slug {
    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = NotASlug;

    fn from_str(text: &str) -> Result<Self, NotASlug> {
        let alphabet = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if (1..=64).contains(&text.len()) && starts_well && text.chars().all(alphabet) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotASlug(text.chars().take(80).flat_map(char::escape_default).collect()))
        }
    }
}

super::text_column!(Slug);

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A track's address, `competition/track`, as commands and the API write it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrackPath {
    /// The competition's slug.
    pub competition: Slug,
    /// The track's slug within it.
    pub track: Slug,
}

/// The text is no track address.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NotATrackPath {
    /// There is not exactly one `/`.
    #[error("`{0}` is not a track: write competition/track, for example mico/cifar10")]
    Form(String),
    /// One of the halves is no slug.
    #[error(transparent)]
    Slug(#[from] NotASlug),
    /// The track's half is a page of its competition.
    #[error("no track can be called `{0}`: a page of its competition has that address")]
    Reserved(Slug),
}

impl FromStr for TrackPath {
    type Err = NotATrackPath;

    fn from_str(text: &str) -> Result<Self, NotATrackPath> {
        let (competition, track) =
            text.split_once('/').ok_or_else(|| NotATrackPath::Form(text.escape_default().to_string()))?;
        let path = Self { competition: competition.parse()?, track: track.parse()? };
        match Self::RESERVED.contains(&path.track.as_str()) {
            true => Err(NotATrackPath::Reserved(path.track)),
            false => Ok(path),
        }
    }
}

impl TrackPath {
    /// Pages of a competition beside its tracks: `/c/{competition}/results`.
    const RESERVED: [&str; 1] = ["results"];
}

impl fmt::Display for TrackPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.competition, self.track)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_keep_to_their_alphabet() {
        for good in ["mico", "cifar10", "market20_hi", "a-b", "7"] {
            assert_eq!(good.parse::<Slug>().expect(good).as_str(), good);
        }
        for bad in ["", "_x", "-x", "Mico", "a b", "a/b", "..", "é", &"x".repeat(65)] {
            assert!(bad.parse::<Slug>().is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn a_track_path_has_two_halves() {
        let path: TrackPath = "mico/cifar10".parse().expect("a track path");
        assert_eq!(path.to_string(), "mico/cifar10");
        assert!("mico".parse::<TrackPath>().is_err());
        assert!("mico/cifar10/x".parse::<TrackPath>().is_err());
        let refused = "mico/results".parse::<TrackPath>().expect_err("a page of the competition").to_string();
        assert!(refused.contains("`results`"), "{refused}");
        assert!("results/mico".parse::<TrackPath>().is_ok());
    }
}
