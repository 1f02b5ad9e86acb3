//! `callimico track`: moves a track from phase to phase, and retries failed submissions.

use super::{Failure, Session};
use crate::app::App;
use crate::config::StorageConfig;
use crate::domain::slug::TrackPath;
use crate::service::lifecycle::{self, Step, StepError};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Open a track for submissions; its dev board goes live
    Open {
        /// competition/track
        track: TrackPath,
    },
    /// Queue again the submissions that the server failed to score
    Retry {
        /// competition/track
        track: TrackPath,
    },
}

pub(super) async fn run(storage: &StorageConfig, command: Command) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    let outcome = execute(&session.app, &command).await.map_err(failure);
    let message = session.close(outcome).await?;
    eprintln!("{message}");
    Ok(())
}

/// Executes the command and returns the message to print.
async fn execute(app: &App, command: &Command) -> Result<String, StepError> {
    match command {
        Command::Open { track } => Ok(match lifecycle::open(app, track).await? {
            Step::Taken => format!("{track} is open"),
            Step::Already => format!("{track} was open already"),
        }),
        Command::Retry { track } => {
            let again = lifecycle::retry_failed(app, track).await?;
            Ok(format!("put {again} failed submissions of {track} back into the queue"))
        }
    }
}

fn failure(error: StepError) -> Failure {
    match error {
        StepError::Store(error) => error.into(),
        StepError::NoTrack(_) | StepError::WrongPhase { .. } => Failure::input(error.to_string()),
    }
}
