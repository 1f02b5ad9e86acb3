//! `callimico results`: the results of a track or of a competition, as files for others.

use std::str::FromStr;

use super::{Failure, Session, output};
use crate::api::{CompetitionResults, ResultsView};
use crate::app::App;
use crate::board::{self, TrackResults};
use crate::config::StorageConfig;
use crate::domain::slug::{Slug, TrackPath};
use crate::domain::visibility::TrackAccess;
use crate::store;
use crate::store::track::Track;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The track, as `competition/track`; or a competition: the results of all its tracks that are revealed
    of: Which,
    /// How they are written. CSV and LaTeX of a competition are the tables of its tracks, one after the other
    #[arg(long, value_enum)]
    format: Format,
    /// Which version of the track's official ranking; the newest where none is named
    #[arg(long)]
    version: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Json,
    Csv,
    Latex,
}

/// A track, or all of a competition's.
#[derive(Debug, Clone)]
enum Which {
    Track(TrackPath),
    Competition(Slug),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('/') {
            text.parse().map(Self::Track).map_err(|error| format!("{error}"))
        } else {
            text.parse().map(Self::Competition).map_err(|error| format!("{error}"))
        }
    }
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    let outcome = execute(&session.app, &args).await;
    session.close(outcome).await
}

async fn execute(app: &App, args: &Args) -> Result<(), Failure> {
    let text = match &args.of {
        Which::Track(path) => of_track(app, path, args).await?,
        Which::Competition(slug) => of_competition(app, slug, args).await?,
    };
    output::text!("{text}");
    Ok(())
}

async fn of_track(app: &App, path: &TrackPath, args: &Args) -> Result<String, Failure> {
    let track = store::track::by_path(&app.db, path).await?;
    let track = track.ok_or_else(|| Failure::input(format!("there is no track {path}")))?;
    let Some(results) = found(app, &track, args.version).await? else {
        return Err(Failure::input(match args.version {
            Some(version) if track.phase.rules().final_is_public => {
                format!("{path} has no version {version} of its official ranking")
            }
            _ => format!("{path} has no results yet: it is {}", track.phase.as_str()),
        }));
    };
    written(&track, &results, args.format)
}

/// The results of a track as everybody sees them; `None` before the reveal, or where there is no such version.
async fn found(
    app: &App,
    track: &Track,
    version: Option<u32>,
) -> Result<Option<std::sync::Arc<TrackResults>>, Failure> {
    let Some(visible) = TrackAccess::visitor(track.id, track.phase).results() else { return Ok(None) };
    Ok(app.boards.results(track, visible, version).await?)
}

fn written(track: &Track, results: &TrackResults, format: Format) -> Result<String, Failure> {
    Ok(match format {
        Format::Json => pretty(&ResultsView::of(track, results, true))?,
        Format::Csv => board::text::csv(track, results),
        Format::Latex => board::text::latex(track, results),
    })
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value).map_err(anyhow::Error::from)? + "\n")
}

async fn of_competition(app: &App, slug: &Slug, args: &Args) -> Result<String, Failure> {
    let competition = store::competition::by_slug(&app.db, slug).await?;
    let competition = competition.ok_or_else(|| Failure::input(format!("there is no competition {slug}")))?;
    if args.version.is_some() {
        return Err(Failure::input("a version is one of a track: name the track"));
    }
    let tracks = store::track::of_competition(&app.db, slug).await?;
    if args.format == Format::Json {
        let listed = tracks.into_iter().filter(|track| track.phase.rules().is_listed).collect();
        return pretty(&CompetitionResults::of(app, &competition, listed).await?);
    }
    let mut text = String::new();
    for track in tracks {
        if let Some(results) = found(app, &track, None).await? {
            if !text.is_empty() {
                text.push('\n');
            }
            if args.format == Format::Csv {
                text.push_str(&format!("{}\r\n", track.path()));
            }
            text.push_str(&written(&track, &results, args.format)?);
        }
    }
    if text.is_empty() {
        return Err(Failure::input(format!("no track of {slug} has results yet")));
    }
    Ok(text)
}
