//! `callimico competition`: the title, the text and the order of tracks of a competition.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::{Failure, Session, output};
use crate::app::App;
use crate::config::StorageConfig;
use crate::domain::slug::Slug;
use crate::service::competition::{self, Wanted};
use crate::service::lifecycle::By;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The competition's short name
    competition: Slug,
    /// Its title
    #[arg(long)]
    title: Option<String>,
    /// A file with its text, in Markdown
    #[arg(long, value_name = "FILE")]
    text_file: Option<PathBuf>,
    /// Its tracks in the order in which they are shown, as `cifar10,purchase100`; those that are not named follow
    #[arg(long, value_delimiter = ',', value_name = "TRACKS")]
    tracks: Option<Vec<Slug>>,
    /// Write it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    let outcome = execute(&session.app, args).await;
    session.close(outcome).await
}

async fn execute(app: &App, args: Args) -> Result<(), Failure> {
    let description = match &args.text_file {
        Some(file) => Some(
            std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))
                .map_err(Failure::Input)?,
        ),
        None => None,
    };
    let wanted = Wanted { title: args.title, description, tracks: args.tracks };
    if wanted != Wanted::default() {
        let changed = competition::change(app, &args.competition, wanted, By::default()).await?;
        super::progress::message!("{}", if changed { "changed" } else { "it was so already" });
    }
    let shown = competition::describe(app, &args.competition).await?;
    let tracks: Vec<&str> = shown.tracks.iter().map(Slug::as_str).collect();
    let found = &shown.competition;
    if args.json {
        let (slug, title, text) = (found.slug.as_str(), &found.title, &found.description);
        output::line!("{}", json!({"slug": slug, "title": title, "description": text, "tracks": tracks}));
    } else {
        output::line!("{}", found.title);
        output::line!("tracks: {}", if tracks.is_empty() { "none".to_owned() } else { tracks.join(", ") });
        if !found.description.is_empty() {
            output::line!("\n{}", found.description);
        }
    }
    Ok(())
}
