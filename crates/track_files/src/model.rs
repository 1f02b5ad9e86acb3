//! What lies in a model's folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scoring::Membership;

use super::{CHALLENGE_NPY, CHALLENGE_NPZ, DirectoryError, SEED_CHALLENGE, SOLUTION};

/// The file that says which the challenge points of a model are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// `challenge.npz`: records, rows of the pool, or both.
    Arrays(PathBuf),
    /// `challenge.npy`: rows of the pool.
    Rows(PathBuf),
    /// `seed_challenge`: the seed that rows of the pool are drawn from.
    Seed(PathBuf),
}

/// The file of challenge points in a model's folder, if there is one; of several the first of
/// [`CHALLENGE_FILES`](super::CHALLENGE_FILES).
pub fn challenge(model: &Path) -> Option<Challenge> {
    let file = |name| Some(model.join(name)).filter(|path| path.is_file());
    file(CHALLENGE_NPZ)
        .map(Challenge::Arrays)
        .or_else(|| file(CHALLENGE_NPY).map(Challenge::Rows))
        .or_else(|| file(SEED_CHALLENGE).map(Challenge::Seed))
}

/// How many challenge points a model has by `challenge.npz` (by its `idx`, or else its `y`) or `challenge.npy`, and
/// which file says so. Only the header of an array is read. A seed does not say how many points are drawn from it.
///
/// # Errors
/// The file is no array file, or has no such array.
pub fn challenge_points(model: &Path) -> Result<Option<(PathBuf, usize)>, DirectoryError> {
    let (path, points) = match challenge(model) {
        Some(Challenge::Arrays(path)) => {
            let points = npz::first_axis(&path, "idx").or_else(|_| npz::first_axis(&path, "y"));
            (path, points)
        }
        Some(Challenge::Rows(path)) => {
            let points = npz::first_axis(&path, "challenge");
            (path, points)
        }
        Some(Challenge::Seed(_)) | None => return Ok(None),
    };
    match points {
        Ok(points) => Ok(Some((path, points))),
        Err(error) => Err(DirectoryError::Challenge(path, error)),
    }
}

/// The solution in a model's folder, in the order of its challenge points [2m]; `None` if there is no `solution.csv`.
///
/// # Errors
/// The file cannot be read, or holds something else than values of 0 and 1.
pub fn solution(model: &Path) -> Result<Option<Vec<Membership>>, DirectoryError> {
    let path = model.join(SOLUTION);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DirectoryError::Unreadable(path, error)),
    };
    let solution = scoring::parse_solution(&bytes, &path.display().to_string());
    solution.map(Some).map_err(|problem| DirectoryError::Solution(problem.to_string()))
}
