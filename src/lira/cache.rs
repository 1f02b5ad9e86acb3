//! Answers of models that were got before, by what they were asked: a run that ends early is gone on with, and another
//! attack on the same models costs nothing.
//!
//! One file an answer, which holds a hash of itself: a file that a kill or a full disk left behind is not believed, and
//! the model is asked again. Any number of runs may share a folder.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::LiraError;

const MAGIC: &[u8; 16] = b"callimico phi 1\n";
const HASH: usize = 32;

/// What was asked, as a hash of it.
pub(super) type Key = [u8; 32];

/// A folder of answers, or none.
#[derive(Debug)]
pub(super) struct Cache {
    folder: Option<PathBuf>,
    written: AtomicU64,
}

impl Cache {
    /// Opens the folder, or makes it.
    pub(super) fn open(folder: Option<PathBuf>) -> Result<Self, LiraError> {
        if let Some(folder) = &folder {
            fs::create_dir_all(folder).map_err(LiraError::io(folder))?;
        }
        Ok(Self { folder, written: AtomicU64::new(0) })
    }

    pub(super) fn keeps(&self) -> bool {
        self.folder.is_some()
    }

    /// What becomes of the answers of a run that is stopped.
    pub(super) fn promise(&self) -> &'static str {
        if self.keeps() { "the same command goes on from there" } else { "nothing was kept" }
    }

    /// The answer, `length` numbers, if there is a whole one.
    pub(super) fn get(&self, key: &Key, length: usize) -> Option<Vec<f64>> {
        let bytes = fs::read(self.path(key)?).ok()?;
        let (content, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
        let numbers = content.strip_prefix(MAGIC)?;
        if numbers.len() != 8 * length || Sha256::digest(content).as_slice() != hash {
            return None;
        }
        Some(numbers.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }

    /// Keeps an answer. Whoever reads at the same time sees all of it or nothing.
    pub(super) fn put(&self, key: &Key, phi: &[f64]) -> Result<(), LiraError> {
        let Some(path) = self.path(key) else { return Ok(()) };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(phi.iter().flat_map(|value| value.to_le_bytes()));
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let new = path.with_extension(format!("{}-{number}.partial", process::id()));
        let kept = fs::write(&new, bytes).and_then(|()| fs::rename(&new, &path));
        kept.inspect_err(|_| drop(fs::remove_file(&new))).map_err(LiraError::io(&path))
    }

    fn path(&self, key: &Key) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(hex::encode(key)))
    }
}

/// A hash of a model's file, and of the weights that may lie in a file beside it.
pub(super) fn model_digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    hash_file(path, &mut hash)?;
    for beside in ["onnx.data", "onnx_data"] {
        hash.update(beside);
        match hash_file(&path.with_extension(beside), &mut hash) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(hash.finalize().into())
}

fn hash_file(path: &Path, hash: &mut Sha256) -> io::Result<()> {
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            length => hash.update(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_to_the_last_bit_and_to_its_question_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(Some(folder.path().join("new"))).expect("a cache");
        let phi = [0.1, -0.0, 1e300];
        cache.put(&[1; 32], &phi).expect("kept");
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
        cache.put(&[7; 32], &[1.0, 2.0]).expect("kept");
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
        cache.put(&[7; 32], &[1.0, 2.0]).expect("kept");
        assert_eq!(cache.get(&[7; 32], 2), Some(vec![1.0, 2.0]));
    }

    #[test]
    fn weights_in_a_file_of_their_own_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let model = folder.path().join("model.onnx");
        fs::write(&model, "graph").expect("a file");
        let bare = model_digest(&model).expect("a hash");
        fs::write(folder.path().join("model.onnx.data"), "weights").expect("a file");
        assert_ne!(model_digest(&model).expect("a hash"), bare);
    }
}
