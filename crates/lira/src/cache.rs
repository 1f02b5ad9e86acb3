//! A folder of answers that models gave before: an interrupted run goes on where it stopped, and
//! another attack on the same models asks them nothing again.
//!
//! Each answer is a file named after a hash of its query, and ends with a hash of its own content.
//! A file that a killed process or a full disk left incomplete therefore counts as missing, and the
//! model is asked again. Several runs may share a folder.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::LiraError;

const MAGIC: &[u8; 16] = b"callimico phi 1\n";
const HASH_BYTES: usize = 32;

/// A hash of everything that decides an answer.
pub(super) type Key = [u8; 32];

/// The folder of answers; without one, nothing is kept.
#[derive(Debug)]
pub(super) struct Cache {
    folder: Option<PathBuf>,
    /// Answers written by this process, to name temporary files.
    written: AtomicU64,
    /// Whether an answer could not be kept.
    failed: AtomicBool,
}

impl Cache {
    /// Opens the folder, which is created if it is missing.
    ///
    /// # Errors
    /// If it cannot be created.
    pub(super) fn open(folder: Option<PathBuf>) -> Result<Self, LiraError> {
        if let Some(folder) = &folder {
            fs::create_dir_all(folder).map_err(|error| {
                let problem =
                    format!("the folder for answers cannot be made ({error}); --cache takes another, --no-cache none");
                LiraError::data(folder, problem)
            })?;
        }
        Ok(Self { folder, written: AtomicU64::new(0), failed: AtomicBool::new(false) })
    }

    /// Whether answers are kept.
    pub(super) fn is_enabled(&self) -> bool {
        self.folder.is_some()
    }

    /// What a user is told about the answers of a run that was stopped.
    pub(super) fn after_stop(&self) -> &'static str {
        match (self.is_enabled(), self.failed.load(Ordering::Relaxed)) {
            (false, _) => "nothing was kept",
            (true, true) => "not all answers could be kept",
            (true, false) => "the same command goes on from there",
        }
    }

    /// The answer to a query, if the folder has an intact one of `length` numbers.
    pub(super) fn get(&self, key: &Key, length: usize) -> Option<Vec<f64>> {
        let bytes = fs::read(self.path(key)?).ok()?;
        let (content, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH_BYTES)?)?;
        let numbers = content.strip_prefix(MAGIC)?;
        if numbers.len() != 8 * length || Sha256::digest(content).as_slice() != hash {
            return None;
        }
        Some(numbers.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }

    /// Keeps an answer; a process that reads at the same time sees all of it or nothing. A failure
    /// is logged once and does not end the run, since all it costs is time later.
    pub(super) fn put(&self, key: &Key, phi: &[f64]) {
        let Some(path) = self.path(key) else { return };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(phi.iter().flat_map(|value| value.to_le_bytes()));
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let new = path.with_extension(format!("{}-{number}.partial", process::id()));
        let kept = fs::write(&new, bytes).and_then(|()| fs::rename(&new, &path));
        if let Err(error) = kept {
            // The rest of the file is useless but harmless, so it does not matter if this fails.
            let _ = fs::remove_file(&new);
            if !self.failed.swap(true, Ordering::Relaxed) {
                tracing::warn!("answers of models cannot be kept in {}: {error}", path.display());
            }
        }
    }

    fn path(&self, key: &Key) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(hex::encode(key)))
    }
}

/// The key that a model's file contains if its weights are in another file: ONNX stores that file's
/// name under it.
const EXTERNAL_DATA_KEY: &[u8] = b"location";

/// How the names of files in a model's folder begin that are no weights. Some of them are hidden
/// from participants and must not be read.
const NOT_WEIGHTS: [&str; 4] = ["challenge", "seed_", "solution", "train_idx"];

/// SHA-256 of a model: of its file and, if its weights may be in other files, of all files beneath
/// its folder that can be weights. ONNX Runtime looks for weights nowhere else.
pub(super) fn model_digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    if hash_file(path, &mut hash)?
        && let Some(folder) = path.parent()
    {
        hash_other_files(folder, path, &mut hash)?;
    }
    Ok(hash.finalize().into())
}

/// Adds the file at `path` to `hash`, and returns whether it contains [`EXTERNAL_DATA_KEY`].
fn hash_file(path: &Path, hash: &mut Sha256) -> io::Result<bool> {
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    // The last bytes of a piece are carried over to the next, since the key may begin in them.
    let (mut has_key, mut carried) = (false, 0);
    loop {
        let length = file.read(&mut buffer[carried..])?;
        if length == 0 {
            return Ok(has_key);
        }
        hash.update(&buffer[carried..carried + length]);
        let known = carried + length;
        has_key |= buffer[..known].windows(EXTERNAL_DATA_KEY.len()).any(|bytes| bytes == EXTERNAL_DATA_KEY);
        let keep = known.min(EXTERNAL_DATA_KEY.len() - 1);
        buffer.copy_within(known - keep..known, 0);
        carried = keep;
    }
}

/// Adds the names and contents of the files beneath `folder` to `hash`, but those of `model` and
/// [`NOT_WEIGHTS`].
fn hash_other_files(folder: &Path, model: &Path, hash: &mut Sha256) -> io::Result<()> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path == model || NOT_WEIGHTS.iter().any(|other| name.starts_with(other)) {
            continue;
        }
        if path.is_dir() {
            hash_other_files(&path, model, hash)?;
        } else {
            hash.update(name.as_bytes());
            hash_file(&path, hash)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_to_the_last_bit_and_to_its_question_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(Some(folder.path().join("new"))).expect("a cache");
        let phi = [0.1, -0.0, 1e300];
        cache.put(&[1; 32], &phi);
        assert_eq!(cache.get(&[1; 32], 3).expect("an answer").map_bits(), phi.to_vec().map_bits());
        assert_eq!(cache.get(&[2; 32], 3), None);
        assert_eq!(cache.get(&[1; 32], 2), None);
    }

    trait Bits {
        fn map_bits(self) -> Vec<u64>;
    }

    impl Bits for Vec<f64> {
        fn map_bits(self) -> Vec<u64> {
            self.into_iter().map(f64::to_bits).collect()
        }
    }

    #[test]
    fn what_a_kill_leaves_behind_is_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(Some(folder.path().to_owned())).expect("a cache");
        cache.put(&[7; 32], &[1.0, 2.0]);
        let path = cache.path(&[7; 32]).expect("a path");
        let whole = fs::read(&path).expect("a file");
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).expect("a file");
            assert_eq!(cache.get(&[7; 32], 2), None, "{length} bytes");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).expect("a file");
            assert_eq!(cache.get(&[7; 32], 2), None, "byte {at}");
        }
        cache.put(&[7; 32], &[1.0, 2.0]);
        assert_eq!(cache.get(&[7; 32], 2), Some(vec![1.0, 2.0]));
    }

    #[test]
    fn weights_in_files_of_their_own_count_and_hidden_files_do_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let model = folder.path().join("model.onnx");
        let digest = || model_digest(&model).expect("a hash");
        fs::write(&model, "graph").expect("a file");
        let bare = digest();
        fs::write(folder.path().join("weights.bin"), "weights").expect("a file");
        assert_eq!(digest(), bare, "nothing names another file");
        // The key may be anywhere, also across two of the pieces that are read.
        for before in [0, 7, (1 << 16) - 3, (1 << 16) + 5, (1 << 17) - 9] {
            fs::write(&model, ["x".repeat(before), "location".to_owned()].concat()).expect("a file");
            let one = digest();
            fs::write(folder.path().join("weights.bin"), "others").expect("a file");
            let other = digest();
            fs::write(folder.path().join("weights.bin"), "weights").expect("a file");
            assert!(one != other && one == digest(), "{before}");
        }
        let before = digest();
        fs::write(folder.path().join("solution.csv"), "1,0").expect("a file");
        assert_eq!(digest(), before);
        fs::create_dir(folder.path().join("deep")).expect("a folder");
        fs::write(folder.path().join("deep/weights"), "w").expect("a file");
        assert_ne!(digest(), before);
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_reason_to_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(Some(folder.path().join("cache"))).expect("a cache");
        fs::remove_dir(folder.path().join("cache")).expect("removed");
        cache.put(&[1; 32], &[1.0]);
        assert_eq!(cache.get(&[1; 32], 1), None);
        assert_eq!(cache.after_stop(), "not all answers could be kept");
        fs::write(folder.path().join("file"), "").expect("a file");
        let refused = Cache::open(Some(folder.path().join("file/cache"))).expect_err("no folder").to_string();
        assert!(refused.contains("--no-cache"), "{refused}");
    }
}
