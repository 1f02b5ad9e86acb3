//! The training rows that are not challenge points, which DP Distinguisher reveals. `train_idx.npy`
//! itself would tell members from non-members: the members are the challenge points in it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use ndarray::Array1;

use super::ReleaseError;
use npz::{self, NpzError, NpzReader, RawArray};
use track_files::{Challenge, TRAIN_IDX};

/// The `.npy` bytes of an array `[rows]` of int64, ascending: the rows a model was trained on that
/// are not challenge points. `None` if the folder has no `train_idx.npy` or does not give the
/// challenge points as rows.
pub(super) fn rows(model: &Path) -> Result<Option<Vec<u8>>, ReleaseError> {
    let Some(trained_on) = read(&model.join(TRAIN_IDX))? else { return Ok(None) };
    let challenge = match track_files::challenge(model) {
        Some(Challenge::Arrays(archive)) => read_idx(&archive)?,
        Some(Challenge::Rows(rows)) => read(&rows)?,
        Some(Challenge::Seed(_)) | None => None,
    };
    let Some(challenge) = challenge else { return Ok(None) };
    let rest: Vec<i64> = trained_on.difference(&challenge).copied().collect();
    let bytes = npz::npy_bytes(Array1::from(rest).view());
    bytes.map(Some).map_err(|error| ReleaseError::Arrays(model.join(TRAIN_IDX), error))
}

/// The rows in an archive of challenge points, if it has them.
fn read_idx(archive: &Path) -> Result<Option<BTreeSet<i64>>, ReleaseError> {
    let unreadable = |error| ReleaseError::Arrays(archive.to_owned(), error);
    let mut arrays = NpzReader::open(archive).map_err(unreadable)?;
    if !arrays.names().iter().any(|name| name == "idx") {
        return Ok(None);
    }
    arrays.get("idx").and_then(|array| integers(&array)).map(Some).map_err(unreadable)
}

fn read(path: &Path) -> Result<Option<BTreeSet<i64>>, ReleaseError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ReleaseError::Unreadable(path.to_owned(), error)),
    };
    let rows = RawArray::read(bytes.as_slice()).and_then(|array| integers(&array));
    rows.map(Some).map_err(|error| ReleaseError::Arrays(path.to_owned(), error))
}

fn integers(array: &RawArray) -> Result<BTreeSet<i64>, NpzError> {
    Ok(array.integers()?.iter().copied().collect())
}
