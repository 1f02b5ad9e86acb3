//! `callimico track`: the life of a track.

use super::{Failure, Session};
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
}

pub(super) async fn run(storage: &StorageConfig, command: Command) -> Result<(), Failure> {
    let Command::Open { track } = command;
    let session = Session::open(storage).await?;
    let outcome = open(&session, &track).await;
    let changed = session.close(outcome).await?;
    if changed {
        eprintln!("{track} is open");
    } else {
        eprintln!("{track} was open already");
    }
    Ok(())
}

async fn open(session: &Session, path: &TrackPath) -> Result<bool, Failure> {
    let mut db = session.app.db.begin().await?;
    let missing = || Failure::input(format!("there is no track {path}"));
    let competition = store::competition::by_slug(&mut *db, &path.competition).await?.ok_or_else(missing)?;
    let track = store::track::lock(&mut db, competition.id, &path.track).await?.ok_or_else(missing)?;
    match track.phase {
        Phase::Open => Ok(false),
        Phase::Draft => {
            store::track::set_phase(&mut *db, track.id, Phase::Open).await?;
            // Whoever looks at the board sees the phase change.
            store::track::board_changed(&mut db, track.id, session.app.clock.now()).await?;
            db.commit().await?;
            Ok(true)
        }
        phase => Err(Failure::input(format!("{path} is {} and cannot be opened again", phase.as_str()))),
    }
}
