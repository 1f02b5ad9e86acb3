//! `callimico export`: everything that a revealed ranking can be computed from, in one file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Failure, Session, progress};
use crate::config::StorageConfig;
use crate::domain::slug::TrackPath;
use crate::service::export::{self, ExportError, ExportFor, Exported};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// competition/track
    track: TrackPath,
    /// The file to write; one that is there is replaced once the new one is whole
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// For organisers: all labels, salts and zips, dev results and names. Nobody else may get this file
    #[arg(long)]
    full: bool,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    let outcome = write(&session, &args).await;
    let exported = session.close(outcome).await?;
    let head = format!("{}:{}", exported.head.seq, exported.head.hash);
    if args.json {
        let document = json!({
            "file": args.out,
            "full": args.full,
            "version": exported.version,
            "entries": exported.entries,
            "zips": exported.zips,
            "labels": exported.labels,
            "head": head,
        });
        super::output::line!("{document:#}");
    } else {
        progress::message!(
            "wrote {}: ranking {}, {} entries, {} zips, {}",
            args.out.display(),
            exported.version,
            exported.entries,
            exported.zips,
            if exported.labels { "with labels" } else { "without labels" }
        );
        if args.full {
            progress::message!("it holds all labels: keep it to yourself");
        }
        super::output::line!("{head}");
    }
    Ok(())
}

async fn write(session: &Session, args: &Args) -> Result<Exported, Failure> {
    let unwritable = |error: io::Error| {
        Failure::Input(anyhow::Error::new(error).context(format!("cannot write {}", args.out.display())))
    };
    let beside = Beside::create(&args.out, args.full).map_err(unwritable)?;
    let whom = if args.full { ExportFor::Organisers } else { ExportFor::Public };
    let out = BufWriter::with_capacity(1 << 20, beside.file.try_clone().map_err(unwritable)?);
    let exported = export::write(&session.app, &args.track, whom, out).await?;
    beside.keep(&args.out).map_err(unwritable)?;
    Ok(exported)
}

/// A file beside the one that is to be written, removed unless it is kept.
struct Beside {
    path: PathBuf,
    file: File,
    is_kept: bool,
}

impl Beside {
    fn create(target: &Path, is_private: bool) -> io::Result<Self> {
        let name = target.file_name().ok_or_else(|| io::Error::other("it has no name"))?;
        let mut beside = name.to_owned();
        beside.push(format!(".{}.new", std::process::id()));
        let path = target.with_file_name(beside);
        // One that a killed run with the same number left may be readable for others.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mode = if is_private { 0o600 } else { 0o644 };
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        Ok(Self { path, file, is_kept: false })
    }

    /// Puts it, once it is on disk, in the place of the other.
    fn keep(mut self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, target)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.is_kept {
            // It is in nobody's way, and what went wrong before is told.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::NoTrack(_)
            | ExportError::NotRevealed(_)
            | ExportError::RescoringOpen(_)
            | ExportError::Write(_) => Self::Input(error.into()),
            ExportError::ZipGone(_) | ExportError::Zip(..) => Self::Ours(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all_and_a_full_one_is_its_owner_s() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("export.tar");
        fs::write(&target, "before").expect("written");
        drop(Beside::create(&target, true).expect("a file beside it"));
        assert_eq!(fs::read_to_string(&target).expect("the file"), "before");
        let mut beside = Beside::create(&target, true).expect("a file beside it");
        beside.file.write_all(b"after").expect("written");
        beside.keep(&target).expect("kept");
        assert_eq!(fs::read_to_string(&target).expect("the file"), "after");
        assert_eq!(fs::metadata(&target).expect("the file").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "nothing is left beside it");
    }
}
