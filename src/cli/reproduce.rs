//! `callimico reproduce`: computes a revealed ranking anew from an export, offline.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Context;
use scoring::log::LogPlace;
use serde_json::json;

use super::Failure;
use crate::domain::sha256::Sha256;
use crate::proof::{self, Published};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The export
    file: PathBuf,
    /// Fail, too, where the file does not hold what a check needs
    #[arg(long)]
    strict: bool,
    /// A place in the log that was published or kept, such as a receipt's, which the export's log must have
    #[arg(long, value_name = "SEQ:HASH")]
    head: Option<LogPlace>,
    /// The root of the commitment to the labels that was published
    #[arg(long)]
    root: Option<Sha256>,
    /// Write the checks as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let file = File::open(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))
        .map_err(Failure::Input)?;
    let report = proof::reproduce(file, Published { head: args.head, root: args.root })
        .with_context(|| format!("{} cannot be checked", args.file.display()))
        .map_err(Failure::Input)?;
    let is_good = !(report.has_failed() || args.strict && report.has_gaps());
    if args.json {
        super::output::line!("{:#}", json!({"ok": is_good, "checks": report.checks}));
    } else {
        for check in &report.checks {
            super::output::line!("{check}");
        }
    }
    if is_good { Ok(()) } else { Err(Failure::CheckFailed) }
}
