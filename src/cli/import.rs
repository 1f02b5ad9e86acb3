//! `callimico import`: reads a track directory, prints the plan, applies it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;

use super::offline::RankingArgs;
use super::{Failure, Session, release, serve};
use crate::app::App;
use crate::config::StorageConfig;
use crate::domain::slug::{Slug, TrackPath};
use crate::importer::apply::{self, FinalLabels, Mode, Request};
use crate::importer::plan::Action;
use crate::release::Outcome;
use crate::store;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The track directory
    path: PathBuf,
    /// The competition's short name; it is created if it does not exist
    #[arg(long, value_name = "SLUG")]
    competition: Slug,
    /// The track's short name; the folder's name if not given
    #[arg(long, value_name = "SLUG")]
    track: Option<Slug>,
    /// The track's title
    #[arg(long)]
    title: Option<String>,
    /// Insist on the labels of the final split, for a track that opened without them
    #[arg(long)]
    final_labels: bool,
    /// The salts of the commitment to labels that were kept elsewhere (from `callimico commit`)
    #[arg(long, value_name = "FILE", requires = "final_labels")]
    salts: Option<PathBuf>,
    #[command(flatten)]
    ranking: RankingArgs,
    /// Only print the plan
    #[arg(long)]
    dry_run: bool,
    /// Do not make the participants' archives; `callimico release` can make them later
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
    let track = match &args.track {
        Some(track) => track.clone(),
        None => track_files::folder_name(&args.path)
            .ok_or_else(|| Failure::input(format!("there is no folder {}", args.path.display())))?
            .parse()
            .map_err(|error| {
                Failure::Input(
                    anyhow::Error::new(error).context("the folder's name cannot name the track; give --track"),
                )
            })?,
    };
    let request = Request {
        track: TrackPath { competition: args.competition.clone(), track },
        title: args.title.clone(),
        final_labels: final_labels(&args)?,
        ranking: args.ranking.into(),
        mode: if args.dry_run { Mode::DryRun } else { Mode::Apply },
    };
    let stop = serve::stop_flag()?;
    let session = Session::open(storage).await?;
    let outcome = import(&session.app, &args, &request, &stop).await;
    session.close(outcome).await
}

fn final_labels(args: &Args) -> Result<FinalLabels, Failure> {
    if !args.final_labels {
        return Ok(FinalLabels::MayBeMissing);
    }
    let Some(path) = &args.salts else { return Ok(FinalLabels::Needed(None)) };
    let read = || -> anyhow::Result<_> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };
    match read() {
        Ok(salts) => Ok(FinalLabels::Needed(Some(salts))),
        Err(error) => Err(Failure::Input(error.context(format!("{} has no salts", path.display())))),
    }
}

async fn import(app: &App, args: &Args, request: &Request, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let plan = apply::track_directory(app, &args.path, request).await?;
    if !args.json {
        super::output::text!("{plan}");
    }
    let mut released = None;
    if args.dry_run {
        eprintln!("nothing was changed (--dry-run)");
    } else if !args.no_release {
        released = make_release(app, args, request, stop).await?;
    }
    if args.json {
        let mut json = serde_json::to_value(&plan).context("cannot write the plan")?;
        if let (Some(json), Some(released)) = (json.as_object_mut(), &released) {
            json.insert("release".to_owned(), release::as_json(released));
        }
        super::output::line!("{}", serde_json::to_string_pretty(&json).context("cannot write the plan")?);
    } else if !args.dry_run && plan.action == Action::Create {
        eprintln!("open it with: callimico track open {}", request.track);
    }
    Ok(())
}

/// Makes the participants' archives, unless the organiser has released archives of their own.
async fn make_release(
    app: &App,
    args: &Args,
    request: &Request,
    stop: &Arc<AtomicBool>,
) -> Result<Option<Outcome>, Failure> {
    let track = store::track::by_path(&app.db, &request.track).await?;
    let released = match &track {
        Some(track) => store::release::files(&app.db, track.id).await?,
        None => Vec::new(),
    };
    if released.iter().any(|file| file.is_verbatim) {
        eprintln!("the organiser's own archives stay released; `callimico release` would replace them");
        return Ok(None);
    }
    let request =
        crate::release::Request { track: request.track.clone(), from: Some(args.path.clone()), verbatim: Vec::new() };
    let made = release::make(app, &request, stop).await;
    let made = made.map_err(|failure| failure.context("the track is imported, but participants have no archives"))?;
    if !args.json {
        release::tell(&made);
    }
    Ok(Some(made))
}
