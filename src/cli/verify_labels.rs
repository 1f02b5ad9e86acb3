//! `callimico verify-labels`: whether opened labels are those that were committed to.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use scoring::commitment::{Commitment, ModelPath, Opening};
use serde_json::json;

use super::Failure;

/// Larger files, in bytes, are not read.
const LARGEST: u64 = 1 << 30;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The opening, as the server answers it at …/opening
    file: PathBuf,
    /// The root that was published: 64 hexadecimal digits
    #[arg(long)]
    root: String,
    /// The commitment, as the server answers it at …/commitment.txt, to name the models that differ
    #[arg(long, value_name = "FILE")]
    commitment: Option<PathBuf>,
    /// Write the outcome as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut root = [0; 32];
    hex::decode_to_slice(&args.root, &mut root)
        .map_err(|_| Failure::input("--root is not a root: expected 64 hexadecimal digits"))?;
    let opening: Opening = serde_json::from_slice(&read(&args.file)?)
        .with_context(|| format!("{} is no opening", args.file.display()))
        .map_err(Failure::Input)?;
    let found = opening
        .commitment()
        .with_context(|| format!("{} opens nothing", args.file.display()))
        .map_err(Failure::Input)?;
    let published = args.commitment.as_deref().map(|path| published(path, &root)).transpose()?;
    let differing: Vec<String> = published
        .iter()
        .flat_map(|published| found.differences(published))
        .map(|path: ModelPath| path.to_string())
        .collect();
    let is_ok = found.root() == root;
    let (shown, models) = (hex::encode(found.root()), found.lines().len());
    if args.json {
        let document =
            json!({"ok": is_ok, "track": opening.track, "models": models, "root": shown, "differing": differing});
        super::output::line!("{document:#}");
    } else if is_ok {
        super::output::line!("ok: the labels of {models} models are those of the root {shown}");
    } else {
        super::output::line!("FAILED: the labels of {models} models have the root {shown}, not {}", hex::encode(root));
        for path in &differing {
            super::output::line!("FAILED: {path}");
        }
    }
    if is_ok { Ok(()) } else { Err(Failure::CheckFailed) }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error| Failure::Input(anyhow::Error::new(error).context(format!("cannot read {}", path.display())));
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST {
        return Err(Failure::input(format!("{} has {size} bytes; at most {LARGEST} are read", path.display())));
    }
    fs::read(path).map_err(unreadable)
}

/// Reads `commitment.txt`, which must be the one of the root: another would name the wrong models.
fn published(path: &Path, root: &[u8; 32]) -> Result<Commitment, Failure> {
    let commitment = Commitment::parse(&read(path)?)
        .with_context(|| format!("{} is no commitment", path.display()))
        .map_err(Failure::Input)?;
    if commitment.root() != *root {
        return Err(Failure::input(format!(
            "{} has the root {}, not the one that was given",
            path.display(),
            hex::encode(commitment.root())
        )));
    }
    Ok(commitment)
}
