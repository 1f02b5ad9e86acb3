//! Reads the seed files of a model's folder: `seed_challenge`, `seed_training` and `seed_membership`.
//!
//! Each holds one decimal integer and a newline. Errors say what kind of thing was found instead and never quote it: a
//! seed may be secret. Nothing here writes a file or uses a seed.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Seeds;

/// The largest seed a file may hold, 2^63 - 1: the original's seeds are signed and never negative.
pub const MAX_SEED: u64 = i64::MAX as u64;

/// A seed has at most 19 digits; the rest is room for white space.
const MAX_BYTES: u64 = 1_024;

/// What is wrong with a seed file.
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
    /// The file holds something else than a seed.
    #[error("{path} must hold one whole number from 0 to {MAX_SEED} and a newline, but holds {found}")]
    NotASeed {
        /// Which one.
        path: PathBuf,
        /// What it holds, in words, without any digit of it.
        found: String,
    },
}

/// The seeds that lie in a model's folder. The folder of a model under attack may hold that of the challenge alone.
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
    /// Reads the seed files in `folder`; those that are not there are left out.
    ///
    /// # Errors
    /// If the folder is not there or a file in it cannot be read or holds no seed.
    pub fn read(folder: &Path) -> Result<Self, SeedFileError> {
        // A mistyped folder must not look like one without seeds.
        fs::metadata(folder).map_err(|source| SeedFileError::Io { path: folder.to_owned(), source })?;
        let seed = |name| read_if_there(&folder.join(name));
        Ok(Self {
            challenge: seed("seed_challenge")?,
            training: seed("seed_training")?,
            membership: seed("seed_membership")?,
        })
    }

    /// All three, if they are all there.
    pub fn complete(self) -> Option<Seeds> {
        Some(Seeds { challenge: self.challenge?, training: self.training?, membership: self.membership? })
    }
}

/// Hides all but the published seed and says which of the others are there.
impl fmt::Debug for ModelSeeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelSeeds")
            .field("challenge", &self.challenge)
            .field("has_training", &self.training.is_some())
            .field("has_membership", &self.membership.is_some())
            .finish()
    }
}

/// Reads a file that holds one seed. White space around the number is let through, a sign is not.
///
/// # Errors
/// If the file cannot be read or holds anything else than one whole number from 0 to [`MAX_SEED`].
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

/// The seed, or in words what there is instead.
fn parse(bytes: &[u8]) -> Result<u64, String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("more than {MAX_BYTES} bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "bytes that are no text".to_owned())?;
    let number = text.trim_ascii();
    if number.is_empty() {
        return Err("nothing".to_owned());
    }
    if let Some(stranger) = number.chars().find(|c| !c.is_ascii_digit()) {
        return Err(match stranger {
            c if c.is_ascii_whitespace() => "more than one word".to_owned(),
            c => format!("the character {c:?}"),
        });
    }
    // Only a number beyond u64 fails to parse now.
    number.parse().ok().filter(|&seed| seed <= MAX_SEED).ok_or_else(|| "a larger number".to_owned())
}
