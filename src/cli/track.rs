//! `callimico track`: the life of a track.

use super::{Failure, Session};
use crate::app::App;
use crate::config::StorageConfig;
use crate::domain::slug::TrackPath;
use crate::domain::track::Phase;
use crate::store;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Let a track take submissions; its dev board goes live
    Open {
        /// competition/track
        track: TrackPath,
    },
    /// Put the submissions that the server could not score back into the queue
    Retry {
        /// competition/track
        track: TrackPath,
    },
}

pub(super) async fn run(storage: &StorageConfig, command: Command) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    let outcome = match &command {
        Command::Open { track } => open(&session.app, track).await,
        Command::Retry { track } => retry(&session.app, track).await,
    };
    let done = session.close(outcome).await?;
    eprintln!("{done}");
    Ok(())
}

fn missing(path: &TrackPath) -> Failure {
    Failure::input(format!("there is no track {path}"))
}

/// Opens a track; answers what to say.
async fn open(app: &App, path: &TrackPath) -> Result<String, Failure> {
    let mut db = app.db.begin().await?;
    let competition = store::competition::by_slug(&mut *db, &path.competition).await?;
    let competition = competition.ok_or_else(|| missing(path))?;
    let track = store::track::lock(&mut db, competition.id, &path.track).await?.ok_or_else(|| missing(path))?;
    match track.phase {
        Phase::Open => Ok(format!("{path} was open already")),
        Phase::Draft => {
            store::track::set_phase(&mut *db, track.id, Phase::Open).await?;
            // Whoever looks at the board sees the phase change.
            store::track::board_changed(&mut db, track.id, app.clock.now()).await?;
            db.commit().await?;
            Ok(format!("{path} is open"))
        }
        phase => Err(Failure::input(format!("{path} is {} and cannot be opened again", phase.as_str()))),
    }
}

/// Puts a track's failed submissions back into the queue, all of them or none; answers what to say.
async fn retry(app: &App, path: &TrackPath) -> Result<String, Failure> {
    let track = store::track::by_path(&app.db, path).await?.ok_or_else(|| missing(path))?;
    let mut db = app.db.begin().await?;
    let again = store::job::enqueue_failed(&mut db, track.id, app.clock.now()).await?;
    db.commit().await?;
    Ok(format!("put {again} failed submissions of {path} back into the queue"))
}
