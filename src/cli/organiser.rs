//! `callimico organiser`: the staff of a competition.

use serde_json::{Value, json};

use super::{Failure, Session};
use crate::app::App;
use crate::config::StorageConfig;
use crate::domain::account::UserName;
use crate::domain::slug::Slug;
use crate::service::staff::{self, Staff, StaffError};
use crate::store::organiser::Organiser;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the names of a competition's organisers, one a line
    List {
        /// The competition's short name
        competition: Slug,
        /// Write them as JSON, with the admins, who are staff of every competition
        #[arg(long)]
        json: bool,
    },
    /// Make an account an organiser of a competition
    Add(WhoArgs),
    /// Take an account off the staff of a competition
    Remove(WhoArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct WhoArgs {
    /// The competition's short name
    competition: Slug,
    /// The account's public name
    name: UserName,
    /// Write what was done as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(storage: &StorageConfig, command: Command) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    let outcome = execute(&session.app, &command).await.map_err(Failure::from);
    session.close(outcome).await
}

async fn execute(app: &App, command: &Command) -> Result<(), StaffError> {
    match command {
        Command::List { competition, json } => print(competition, &staff::list(app, competition).await?, *json),
        Command::Add(who) => {
            let is_new = staff::add(app, &who.competition, &who.name).await?;
            tell(who, is_new, if is_new { "is an organiser of" } else { "was an organiser already of" }, true);
        }
        Command::Remove(who) => {
            let was_one = staff::remove(app, &who.competition, &who.name).await?;
            tell(who, was_one, if was_one { "is no organiser any more of" } else { "was no organiser of" }, false);
        }
    }
    Ok(())
}

fn print(competition: &Slug, of: &Staff, as_json: bool) {
    let person = |organiser: &Organiser| json!({"name": organiser.name, "email": organiser.email});
    let people = |organisers: &[Organiser]| organisers.iter().map(person).collect::<Vec<Value>>();
    if as_json {
        let (organisers, admins) = (people(&of.organisers), people(&of.admins));
        super::output::line!(
            "{}",
            json!({"competition": competition.as_str(), "organisers": organisers, "admins": admins})
        );
        return;
    }
    for organiser in &of.organisers {
        super::output::line!("{}", organiser.name);
    }
    if !of.admins.is_empty() {
        let names: Vec<&str> = of.admins.iter().map(|admin| admin.name.as_str()).collect();
        eprintln!("staff of every competition: {}", names.join(", "));
    }
}

fn tell(who: &WhoArgs, changed: bool, what: &str, is_organiser: bool) {
    let (competition, name) = (who.competition.as_str(), who.name.as_str());
    if who.json {
        super::output::line!(
            "{}",
            json!({"competition": competition, "name": name, "is_organiser": is_organiser, "changed": changed})
        );
    } else {
        eprintln!("{name} {what} {competition}");
    }
}
