//! `callimico check`: validates a submission offline, with the same code as the server.

use std::path::PathBuf;

use anyhow::Context;
use scoring::{Limits, Split};

use super::Failure;
use super::offline::{TrackArgs, check_archive, read_archive};
use crate::domain::track::SubmissionLimits;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The submission
    zip: PathBuf,
    #[command(flatten)]
    track: TrackArgs,
    /// The track's size limit, in bytes
    #[arg(long, default_value_t = SubmissionLimits::MICO.bytes, value_name = "BYTES")]
    max_bytes: u64,
    /// Write the outcome as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let directory = args.track.read(&Split::SUBMITTED)?;
    let limit = usize::try_from(args.max_bytes).unwrap_or(usize::MAX);
    if args.json {
        return json(args, &Limits::for_shape(&directory.shape, limit), &directory.shape);
    }
    check_archive(&args.zip, &directory.shape, limit)?;
    super::output::line!("{} is fine", args.zip.display());
    Ok(())
}

fn json(args: &Args, limits: &Limits, shape: &scoring::TrackShape) -> Result<(), Failure> {
    let bytes = read_archive(&args.zip)?;
    let outcome = scoring::validate_archive(&bytes, shape, limits);
    let document = match &outcome {
        Ok(validated) => {
            serde_json::json!({"ok": true, "problems": [], "problems_total": 0, "warnings": validated.warnings})
        }
        Err(problems) => {
            serde_json::json!({"ok": false, "problems": problems.shown, "problems_total": problems.total, "warnings": []})
        }
    };
    super::output::line!("{}", serde_json::to_string_pretty(&document).context("cannot write the outcome")?);
    outcome.map(|_| ()).map_err(|_| Failure::AlreadyReported)
}
