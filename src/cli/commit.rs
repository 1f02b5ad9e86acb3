//! `callimico commit`: commits to the labels of a track whose final labels stay on this machine until the close.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rand::TryRng;
use scoring::Split;
use scoring::commitment::{Commitment, Salt, SaltsFile};
use track_files::TrackDirectory;

use super::{Failure, offline};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The track directory, with the solutions of dev and final
    dir: PathBuf,
    /// Where to write the salts. Keep this file as secret as the labels: `import --final-labels --salts` needs it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The track's short name on the server; the directory's name if not given
    #[arg(long, value_name = "SLUG")]
    track: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let slug = offline::slug(&args.dir, args.track.as_deref())?;
    let directory = TrackDirectory::read(&args.dir, &slug, &Split::SUBMITTED)?;
    offline::tell_passed_over(directory.folders.passed_over());
    for split in Split::SUBMITTED {
        // A split that cannot be scored cannot be committed to.
        directory.solution(split)?;
    }
    let mut failed = None;
    let salts = SaltsFile::new(&directory.shape, || {
        let mut bytes = [0; 32];
        failed = rand::rngs::SysRng.try_fill_bytes(&mut bytes).err().or(failed);
        Salt::from_bytes(bytes)
    });
    if let Some(error) = failed {
        return Err(Failure::Ours(anyhow::Error::new(error).context("the system supplies no random bytes")));
    }
    let commitment = Commitment::of(&directory.shape, |path| {
        let salt = salts.salts.get(path)?;
        let labels = directory.solutions.get(&(path.split, path.scenario.clone(), path.model.clone()))?;
        Some((salt.clone(), labels.clone()))
    })
    .map_err(|error| Failure::Input(error.into()))?;
    write_private(&args.out, &salts)?;
    eprintln!(
        "wrote the salts of {} models into {}: keep the file, and keep it secret",
        commitment.lines().len(),
        args.out.display()
    );
    super::output::line!("{}", hex::encode(commitment.root()));
    Ok(())
}

/// Writes a new file that only its owner can read. One that is there already may hold the only salts of a commitment that
/// was published, so it is never replaced.
fn write_private(path: &Path, salts: &SaltsFile) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(salts).context("cannot write the salts as JSON")?;
    text.push(b'\n');
    let failed = |error: io::Error| {
        let what = match error.kind() {
            io::ErrorKind::AlreadyExists => "is there already, and its salts may be needed",
            _ => "cannot be written",
        };
        Failure::Input(anyhow::Error::new(error).context(format!("{} {what}", path.display())))
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let written = file.write_all(&text).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half a file of salts is worth nothing, and would be in the way of the next try.
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}
