//! `callimico submission`: what organisers do to single submissions.

use serde_json::{Value, json};

use super::{Failure, Session, rescore};
use crate::api::SubmissionLine;
use crate::app::App;
use crate::config::StorageConfig;
use crate::domain::ids::SubmissionId;
use crate::domain::reason::Reason;
use crate::domain::slug::TrackPath;
use crate::domain::timestamp::rfc3339;
use crate::service::lifecycle::{By, StepError};
use crate::service::organise::{self, Done, OrganiseError};
use crate::store;
use crate::store::submission::Submission;

/// Submissions that are read from the database at a time.
const AT_A_TIME: usize = 500;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the submissions of a track, newest first: id, arrival, state, participant
    List {
        /// competition/track
        track: TrackPath,
        /// Print them as JSON, as the API answers them
        #[arg(long)]
        json: bool,
    },
    /// Take a submission out: the participant's next one takes its place
    Disqualify {
        #[command(flatten)]
        which: Which,
        /// Why; the owner is told it
        #[arg(long)]
        reason: Reason,
    },
    /// Let a disqualified submission count again
    Restore {
        #[command(flatten)]
        which: Which,
        /// Why
        #[arg(long)]
        reason: Option<Reason>,
    },
    /// Score a submission anew beside its present scores, and print the difference; `callimico track rescore` then applies
    /// or drops it
    Rescore {
        #[command(flatten)]
        which: Which,
        /// Why; public
        #[arg(long)]
        reason: Reason,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The submission's id
    id: SubmissionId,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(storage: &StorageConfig, command: Command) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    let outcome = execute(&session.app, command).await;
    session.close(outcome).await
}

async fn execute(app: &App, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { track, json } => list(app, &track, json).await,
        Command::Disqualify { which, reason } => {
            let done = organise::disqualify(app, which.id, by(Some(&reason))).await?;
            tell(&which, done, "is disqualified", "was disqualified already");
            Ok(())
        }
        Command::Restore { which, reason } => {
            let done = organise::restore(app, which.id, by(reason.as_ref())).await?;
            tell(&which, done, "counts again", "was not disqualified");
            Ok(())
        }
        Command::Rescore { which, reason } => {
            let track = track_of(app, which.id).await?;
            rescore::begin(app, &track, Some(which.id), by(Some(&reason)), which.json).await
        }
    }
}

fn by(reason: Option<&Reason>) -> By<'_> {
    By { user: None, reason }
}

fn tell(which: &Which, done: Done, now: &str, before: &str) {
    if which.json {
        let mut answer = json!({ "submission": which.id.to_string(), "log": done.log });
        if done.log.is_none() {
            answer["already"] = Value::Bool(true);
        }
        super::output::line!("{answer}");
    }
    super::progress::message!("submission {} {}", which.id, if done.log.is_some() { now } else { before });
}

async fn track_of(app: &App, id: SubmissionId) -> Result<TrackPath, Failure> {
    let no_submission = || OrganiseError::NoSubmission(id);
    let submission = store::submission::by_id(&app.db, id).await?.ok_or_else(no_submission)?;
    let track = store::track::by_id(&app.db, submission.track).await?.ok_or_else(no_submission)?;
    Ok(track.path())
}

async fn list(app: &App, path: &TrackPath, as_json: bool) -> Result<(), Failure> {
    let track = store::track::by_path(&app.db, path).await?.ok_or_else(|| StepError::NoTrack(path.clone()))?;
    let (mut after, mut lines) = (None, Vec::new());
    loop {
        let some = store::submission::of_track(&app.db, track.id, after, AT_A_TIME).await?;
        let is_last = some.len() < AT_A_TIME;
        after = some.last().map(|last| (last.received_at, last.id));
        match as_json {
            true => lines.extend(some.into_iter().map(SubmissionLine::from)),
            false => some.iter().for_each(print),
        }
        if is_last {
            break;
        }
    }
    if as_json {
        super::output::line!("{}", json!({ "submissions": lines, "next": null }));
    }
    Ok(())
}

fn print(one: &Submission) {
    let state = match one.disqualified {
        Some(_) => format!("{}, disqualified", one.state.as_str()),
        None => one.state.as_str().to_owned(),
    };
    super::output::line!("{}  {}  {state:<20}  {}", one.id, rfc3339(one.received_at), one.participant_name);
}
