//! `callimico participant`: who competes.

use serde_json::json;

use super::{Failure, Session};
use crate::app::App;
use crate::config::StorageConfig;
use crate::domain::account::UserName;
use crate::domain::slug::TrackPath;
use crate::service::competing::{self, CompetingError};
use crate::service::lifecycle::By;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Let participants stand on the boards without a rank, as organisers with their baselines do
    OutOfCompetition(WhoArgs),
    /// Let participants that stood out of competition compete
    Compete(WhoArgs),
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

pub(super) async fn run(storage: &StorageConfig, command: Command) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    let outcome = execute(&session.app, &command).await.map_err(Failure::from);
    session.close(outcome).await
}

async fn execute(app: &App, command: &Command) -> Result<(), CompetingError> {
    let (who, out) = match command {
        Command::OutOfCompetition(who) => (who, true),
        Command::Compete(who) => (who, false),
    };
    for name in &who.names {
        let changed = competing::set(app, &who.track, name, out, By::default()).await?;
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
