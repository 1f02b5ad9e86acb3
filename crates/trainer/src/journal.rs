//! Records which models of an unfinished track are complete, so that an interrupted run can go on.
//!
//! Each model is a line, written after the model's files and with a hash of them. A line that is
//! incomplete, or whose hash no longer matches the files, is ignored, and its model is trained
//! again. A run may therefore be killed at any time. The journal is locked while a run writes it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::report::Accuracy;

/// The open journal of one run.
pub(super) struct Journal {
    file: File,
}

/// A model whose files are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompletedModel {
    /// The path of the model's folder in the track's.
    pub(super) model: String,
    /// SHA-256 of its files.
    pub(super) sha256: String,
    pub(super) accuracy_trained: f64,
    pub(super) accuracy_others: f64,
}

impl CompletedModel {
    pub(super) fn accuracy(&self) -> Accuracy {
        Accuracy { trained: self.accuracy_trained, others: self.accuracy_others }
    }
}

impl Journal {
    /// Opens the journal at `path`, which is created if it is missing; `None` if another run is
    /// writing it.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The completed models, by [`CompletedModel::model`]. An incomplete last line is cut off.
    pub(super) fn read(&mut self) -> io::Result<BTreeMap<String, CompletedModel>> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut lines = BufReader::new(&self.file);
        let (mut done, mut whole, mut line) = (BTreeMap::new(), 0, Vec::new());
        loop {
            line.clear();
            let length = lines.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                break;
            }
            whole += length as u64;
            if let Ok(model) = serde_json::from_slice::<CompletedModel>(&line) {
                done.insert(model.model.clone(), model);
            }
        }
        drop(lines);
        self.file.set_len(whole)?;
        self.file.seek(SeekFrom::End(0))?;
        Ok(done)
    }

    /// Removes every line.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Adds a model; its files must be written already.
    pub(super) fn add(&mut self, done: &CompletedModel) -> io::Result<()> {
        let mut line = serde_json::to_vec(done)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(model: &str) -> CompletedModel {
        CompletedModel {
            model: model.into(),
            sha256: "00".into(),
            accuracy_trained: 1.0 / 3.0,
            accuracy_others: 0.1 + 0.2,
        }
    }

    fn opened(path: &Path) -> Journal {
        Journal::open(path).unwrap().expect("nobody else writes it")
    }

    #[test]
    fn what_was_added_is_read_again_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = opened(&path);
        assert!(journal.read().unwrap().is_empty());
        for model in ["a", "b"] {
            journal.add(&done(model)).unwrap();
        }
        drop(journal);
        let read = opened(&path).read().unwrap();
        assert!(read.values().eq(&[done("a"), done("b")]), "{read:?}");
    }

    #[test]
    fn a_line_cut_off_anywhere_counts_for_nothing_and_harms_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let whole = |model: &str| serde_json::to_string(&done(model)).unwrap() + "\n";
        let second = whole("b");
        for length in 0..second.len() {
            std::fs::write(&path, whole("a") + &second[..length]).unwrap();
            let mut journal = opened(&path);
            assert!(journal.read().unwrap().values().eq(&[done("a")]), "{length}");
            journal.add(&done("c")).unwrap();
            assert!(journal.read().unwrap().values().eq(&[done("a"), done("c")]), "{length}");
        }
    }

    #[test]
    fn a_second_run_does_not_write_the_same_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let first = opened(&path);
        assert!(Journal::open(&path).unwrap().is_none());
        drop(first);
        opened(&path);
    }
}
