//! The public pool beside the scenarios: `data.npz`, or `data.x.npy` and `data.y.npy`. Only the
//! rows that are needed are read.

use std::path::{Path, PathBuf};

use super::LiraError;
use npz::{self, NpzReader, RawArray};
use track_files::{POOL_NPZ, POOL_X, POOL_Y};

/// The paths of the pool's files, which may be missing.
#[derive(Debug)]
pub(super) struct Pool {
    archive: PathBuf,
    x: PathBuf,
    y: PathBuf,
}

impl Pool {
    pub(super) fn new(track: &Path) -> Self {
        Self { archive: track.join(POOL_NPZ), x: track.join(POOL_X), y: track.join(POOL_Y) }
    }

    /// N, the number of records in the pool; `None` if the pool is missing.
    pub(super) fn rows(&self) -> Result<Option<usize>, LiraError> {
        let path = if self.archive.is_file() { &self.archive } else { &self.y };
        if !path.is_file() {
            return Ok(None);
        }
        npz::first_axis(path, "y").map(Some).map_err(LiraError::array(path))
    }

    /// The given rows, which must ascend, of each array of the pool, with its name; and the file
    /// they are from. The arrays are `y` and those that the models take.
    pub(super) fn read(&self, rows: &[usize]) -> Result<(PathBuf, Vec<(String, RawArray)>), LiraError> {
        if self.archive.is_file() {
            let path = &self.archive;
            let names = NpzReader::open(path).map_err(LiraError::array(path))?.names();
            let read =
                |name: String| Ok((name.clone(), npz::read_rows(path, &name, rows).map_err(LiraError::array(path))?));
            return Ok((path.clone(), names.into_iter().map(read).collect::<Result<_, LiraError>>()?));
        }
        if !self.x.is_file() || !self.y.is_file() {
            let problem = "the challenge points are rows of a pool that is not here: put data.npz (or data.x.npy and \
                           data.y.npy) beside the scenarios";
            return Err(LiraError::data(&self.archive, problem));
        }
        let read = |name: &str, path: &Path| {
            Ok::<_, LiraError>((name.to_owned(), npz::read_rows(path, name, rows).map_err(LiraError::array(path))?))
        };
        Ok((self.x.clone(), vec![read("x", &self.x)?, read("y", &self.y)?]))
    }
}
