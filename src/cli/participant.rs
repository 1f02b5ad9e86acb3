//! `callimico participant`: who takes part, and who competes.

use serde_json::{Value, json};

use super::{Failure, Session};
use crate::api::ParticipantLine;
use crate::app::App;
use crate::config::StorageConfig;
use crate::domain::account::UserName;
use crate::domain::participant::{Decision, ParticipantStatus};
use crate::domain::reason::Reason;
use crate::domain::slug::TrackPath;
use crate::domain::timestamp::rfc3339;
use crate::service::lifecycle::{By, StepError};
use crate::service::participants::{self, Who};
use crate::store;
use crate::store::participant::{Filter, Listed};

/// Participants that are read from the database at a time.
const AT_A_TIME: usize = 500;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the participants of a track, who enrolled last first: status, enrolment, submissions, name
    List {
        /// The track, as `competition/track`
        track: TrackPath,
        /// Those in this status alone: pending, approved, denied or withdrawn
        #[arg(long, value_parser = status)]
        status: Option<ParticipantStatus>,
        /// Print them as JSON, as the API answers them
        #[arg(long)]
        json: bool,
    },
    /// Let participants take part who wait for it
    Approve {
        /// Everybody who waits
        #[arg(long, conflicts_with = "names", required_unless_present = "names")]
        all: bool,
        /// The track, as `competition/track`
        track: TrackPath,
        /// The participants' public names
        names: Vec<String>,
        #[command(flatten)]
        said: Said,
    },
    /// Refuse participants, or take them out: all of theirs leaves the boards, and they cannot ask again
    Deny(DecisionArgs),
    /// Take participants out who want to leave: all of theirs leaves the boards, and they may ask again
    Withdraw(DecisionArgs),
    /// Let participants be as they were before they were denied or withdrew
    Restore(DecisionArgs),
    /// Let participants stand on the boards without a rank, as organisers with their baselines do
    OutOfCompetition(WhoArgs),
    /// Let participants that stood out of competition compete
    Compete(WhoArgs),
}

/// What is said with a decision.
#[derive(Debug, clap::Args)]
pub(super) struct Said {
    /// Why, in at most 500 characters: they and the organisers read it. Needed once the track has closed, until a benchmark
    #[arg(long)]
    reason: Option<Reason>,
    /// Write what was done as JSON, an object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct DecisionArgs {
    /// The track, as `competition/track`
    track: TrackPath,
    /// The participants' public names
    #[arg(required = true)]
    names: Vec<String>,
    #[command(flatten)]
    said: Said,
}

#[derive(Debug, clap::Args)]
pub(super) struct WhoArgs {
    /// The track, as `competition/track`
    track: TrackPath,
    /// The participants' public names
    #[arg(required = true)]
    names: Vec<UserName>,
    /// Write what was done as JSON
    #[arg(long)]
    json: bool,
}

fn status(word: &str) -> Result<ParticipantStatus, String> {
    ParticipantStatus::from_word(word).ok_or_else(|| "a status is pending, approved, denied or withdrawn".to_owned())
}

pub(super) async fn run(storage: &StorageConfig, command: Command) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    let outcome = execute(&session.app, &command).await;
    session.close(outcome).await
}

async fn execute(app: &App, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List { track, status, json } => list(app, track, *status, *json).await,
        Command::Approve { all, track, names, said } => {
            let who = if *all { Who::AllPending } else { Who::Named(names) };
            decide(app, track, who, Decision::Approve, said).await
        }
        Command::Deny(args) => decide_named(app, args, Decision::Deny).await,
        Command::Withdraw(args) => decide_named(app, args, Decision::Withdraw).await,
        Command::Restore(args) => decide_named(app, args, Decision::Restore).await,
        Command::OutOfCompetition(who) => mark(app, who, true).await,
        Command::Compete(who) => mark(app, who, false).await,
    }
}

async fn decide_named(app: &App, args: &DecisionArgs, decision: Decision) -> Result<(), Failure> {
    decide(app, &args.track, Who::Named(&args.names), decision, &args.said).await
}

async fn decide(app: &App, track: &TrackPath, who: Who<'_>, decision: Decision, said: &Said) -> Result<(), Failure> {
    let by = By { user: None, reason: said.reason.as_ref() };
    let done = participants::decide(app, track, who, decision, by).await?;
    for (name, status) in &done.changed {
        if said.json {
            super::output::line!("{}", json!({"participant": name, "status": status, "changed": true}));
        }
        super::progress::message!("{name} is {} now", status.as_str());
    }
    for (name, status) in &done.already {
        if said.json {
            super::output::line!("{}", json!({"participant": name, "status": status, "changed": false}));
        }
        super::progress::message!("{name} was {} already", status.as_str());
    }
    if done.changed.is_empty() && done.already.is_empty() {
        super::progress::message!("nobody waits");
    }
    Ok(())
}

async fn mark(app: &App, who: &WhoArgs, out: bool) -> Result<(), Failure> {
    for name in &who.names {
        let done = participants::change_one(app, &who.track, &name.to_string(), None, Some(out), By::default()).await?;
        let changed = done.competes_changed;
        if who.json {
            super::output::line!(
                "{}",
                json!({"participant": name.to_string(), "out_of_competition": out, "changed": changed})
            );
        }
        let now = if out { "stands out of competition" } else { "competes" };
        super::progress::message!("{name} {now}{}", if changed { "" } else { " already" });
    }
    Ok(())
}

async fn list(app: &App, path: &TrackPath, status: Option<ParticipantStatus>, as_json: bool) -> Result<(), Failure> {
    let track = store::track::by_path(&app.db, path).await?.ok_or_else(|| StepError::NoTrack(path.clone()))?;
    let filter = Filter { status, ..Filter::default() };
    let (mut after, mut lines) = (None, Vec::new());
    loop {
        let some = store::participant::list(&app.db, track.id, filter, after, AT_A_TIME).await?;
        let is_last = some.len() < AT_A_TIME;
        after = some.last().map(|last| (last.enrolled_at, last.id));
        match as_json {
            true => lines.extend(some.into_iter().map(ParticipantLine::from)),
            false => some.iter().for_each(print),
        }
        if is_last {
            break;
        }
    }
    if as_json {
        super::output::line!("{}", json!({"participants": lines, "next": Value::Null}));
    }
    Ok(())
}

fn print(one: &Listed) {
    super::output::line!(
        "{:<9}  {}  {:>5}  {}{}",
        one.status.as_str(),
        rfc3339(one.enrolled_at),
        one.submissions,
        one.name,
        if one.out_of_competition { "  (out of competition)" } else { "" },
    );
}
