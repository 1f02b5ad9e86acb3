//! `callimico import`: reads a track directory, prints the plan, applies it.

use std::path::PathBuf;

use anyhow::Context;

use super::{Failure, Session};
use crate::config::StorageConfig;
use crate::domain::slug::{Slug, TrackPath};
use crate::importer::apply::{self, Mode, Request};
use crate::importer::mico_directory;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The track directory
    path: PathBuf,
    /// The competition's short name; made if there is none
    #[arg(long, value_name = "SLUG")]
    competition: Slug,
    /// The track's short name; the folder's name if not given
    #[arg(long, value_name = "SLUG")]
    track: Option<Slug>,
    /// The track's title
    #[arg(long)]
    title: Option<String>,
    /// Only print the plan
    #[arg(long)]
    dry_run: bool,
    /// Do not speak of the participants' archives, which this version does not build
    #[arg(long)]
    no_release: bool,
    /// Write the plan as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    if args.path.is_file() {
        return Err(Failure::input(format!(
            "{} is a file: this version imports track directories (docs/ORGANISER.md says how one looks)",
            args.path.display()
        )));
    }
    let track = match args.track {
        Some(track) => track,
        None => mico_directory::folder_name(&args.path)
            .ok_or_else(|| Failure::input(format!("there is no folder {}", args.path.display())))?
            .parse()
            .map_err(|error| {
                Failure::Input(
                    anyhow::Error::new(error).context("the folder's name cannot name the track; give --track"),
                )
            })?,
    };
    let request = Request {
        track: TrackPath { competition: args.competition, track },
        title: args.title,
        mode: if args.dry_run { Mode::DryRun } else { Mode::Apply },
    };
    let session = Session::open(storage).await?;
    let outcome = apply::track_directory(&session.app, &args.path, &request).await.map_err(Failure::from);
    let plan = session.close(outcome).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&plan).context("cannot write the plan")?);
    } else {
        print!("{plan}");
        if args.dry_run {
            eprintln!("nothing was changed (--dry-run)");
        } else if plan.action == crate::importer::plan::Action::Create {
            if !args.no_release {
                eprintln!(
                    "participants' archives are not built yet: hand the files out yourself, and of the dev and final \
                     models leave out solution.csv, seed_training, seed_membership and train_idx.npy, and recipe.json everywhere"
                );
            }
            eprintln!("open it with: callimico track open {}", request.track);
        }
    }
    Ok(())
}
