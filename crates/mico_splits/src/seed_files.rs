//! Reads the seed files of a model's folder: `seed_challenge`, `seed_training` and
//! `seed_membership`.
//!
//! Each holds one decimal integer and a newline. Errors describe what was found instead but never
//! quote it, since a seed may be secret. This module only reads files and computes nothing.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use track_files::{SEED_CHALLENGE, SEED_MEMBERSHIP, SEED_TRAINING};

use super::Seeds;

/// The largest seed in a file, 2^63 - 1: MICO's seeds are signed 64-bit integers and never
/// negative.
pub const MAX_SEED: u64 = i64::MAX as u64;

/// The longest file that is read. A seed has at most 19 digits; the rest is room for white space.
const MAX_BYTES: u64 = 1_024;

/// Why a seed file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedFileError {
    /// The file or its folder could not be read.
    #[error("{path} cannot be read; see that it is there and may be read")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something other than a seed.
    #[error("{path} must hold one whole number from 0 to {MAX_SEED} and a newline, but holds {found}")]
    NotASeed {
        /// Which one.
        path: PathBuf,
        /// What it holds, described without any of its digits.
        found: String,
    },
}

/// The seeds in a model's folder. For participants, the folder of a model under attack holds at
/// most that of the challenge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ModelSeeds {
    /// The number in `seed_challenge`.
    pub challenge: Option<u64>,
    /// The number in `seed_training`.
    pub training: Option<u64>,
    /// The number in `seed_membership`.
    pub membership: Option<u64>,
}

impl ModelSeeds {
    /// Reads the seed files in `folder`; a file that is missing gives `None`.
    ///
    /// # Errors
    /// [`SeedFileError`] if the folder is missing, or a file cannot be read or does not hold a
    /// seed.
    pub fn read(folder: &Path) -> Result<Self, SeedFileError> {
        // A folder that does not exist must not look like one without seeds.
        fs::metadata(folder).map_err(|source| SeedFileError::Io { path: folder.to_owned(), source })?;
        let seed = |name| read_if_there(&folder.join(name));
        Ok(Self {
            challenge: seed(SEED_CHALLENGE)?,
            training: seed(SEED_TRAINING)?,
            membership: seed(SEED_MEMBERSHIP)?,
        })
    }

    /// All three seeds, if none is missing.
    pub fn complete(self) -> Option<Seeds> {
        Some(Seeds { challenge: self.challenge?, training: self.training?, membership: self.membership? })
    }
}

/// Hides all but the published seed, and says which of the others exist.
impl fmt::Debug for ModelSeeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelSeeds")
            .field("challenge", &self.challenge)
            .field("has_training", &self.training.is_some())
            .field("has_membership", &self.membership.is_some())
            .finish()
    }
}

/// Reads a file that holds one seed. White space around the number is accepted, but no sign.
///
/// # Errors
/// [`SeedFileError`] if the file cannot be read, or holds anything but one whole number from 0 to
/// [`MAX_SEED`].
pub fn read_seed(path: &Path) -> Result<u64, SeedFileError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|source| SeedFileError::Io { path: path.to_owned(), source })?;
    parse(&bytes).map_err(|found| SeedFileError::NotASeed { path: path.to_owned(), found })
}

fn read_if_there(path: &Path) -> Result<Option<u64>, SeedFileError> {
    match read_seed(path) {
        Err(SeedFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// The seed, or a description of what is there instead.
fn parse(bytes: &[u8]) -> Result<u64, String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("more than {MAX_BYTES} bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "bytes that are no text".to_owned())?;
    let number = text.trim_ascii();
    if number.is_empty() {
        return Err("nothing".to_owned());
    }
    if let Some(other) = number.chars().find(|c| !c.is_ascii_digit()) {
        return Err(match other {
            c if c.is_ascii_whitespace() => "more than one word".to_owned(),
            c => format!("the character {c:?}"),
        });
    }
    // Parsing can only fail for a number that does not fit in a u64.
    number.parse().ok().filter(|&seed| seed <= MAX_SEED).ok_or_else(|| "a larger number".to_owned())
}
