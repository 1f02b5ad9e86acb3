//! `callimico user`: accounts and their tokens.

use std::io::{IsTerminal, Read};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;

use super::{Failure, Session};
use crate::config::StorageConfig;
use crate::domain::account::{Email, Password, TokenScope, UserName};
use crate::secret;
use crate::service::accounts::{self, NewAccount};
use crate::store;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create an account. The password is read from stdin; without one a password is generated and
    /// printed once
    Create(CreateArgs),
    /// Create an API token for an account and print it, once
    Token(TokenArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct CreateArgs {
    /// The public name
    name: String,
    /// The e-mail address
    #[arg(long)]
    email: String,
    /// Make it staff of every competition
    #[arg(long)]
    admin: bool,
    /// Write the account as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct TokenArgs {
    /// The account's public name
    name: String,
    /// What the token may do; each scope holds the one before it
    #[arg(long, value_enum, default_value_t = Scope::Submit)]
    scope: Scope,
    /// The same as `--scope read`
    #[arg(long, conflicts_with = "scope")]
    read_only: bool,
    /// What the token is for, to tell it from others
    #[arg(long, default_value = "command line")]
    label: String,
    /// Write the token as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Scope {
    /// Read what its owner may read as a participant
    Read,
    /// Enrol and submit
    Submit,
    /// See and do what organisers may, where its owner is one
    Organise,
}

impl From<Scope> for TokenScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::Read,
            Scope::Submit => Self::Submit,
            Scope::Organise => Self::Organise,
        }
    }
}

pub(super) async fn run(storage: &StorageConfig, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => create(storage, &args).await,
        Command::Token(args) => token(storage, &args).await,
    }
}

async fn create(storage: &StorageConfig, args: &CreateArgs) -> Result<(), Failure> {
    let name: UserName = parse(&args.name)?;
    let email: Email = parse(&args.email)?;
    let (password, generated) = password()?;
    let session = Session::open(storage).await?;
    let outcome = async {
        let account = NewAccount { name: name.clone(), email: Some(email), password };
        Ok(accounts::create(&session.app, account, args.admin).await?)
    }
    .await;
    let id = session.close(outcome).await.map_err(|failure| match failure {
        Failure::Input(_) => Failure::input(format!("there is an account named {name} already")),
        other => other,
    })?;
    if args.json {
        super::output::line!("{}", serde_json::json!({"id": id, "name": name.as_str(), "password": generated}));
    } else {
        eprintln!("made the account {name}");
        if let Some(password) = generated {
            eprintln!("its password, shown this once:");
            super::output::line!("{password}");
        }
    }
    Ok(())
}

async fn token(storage: &StorageConfig, args: &TokenArgs) -> Result<(), Failure> {
    let name: UserName = parse(&args.name)?;
    let scope = if args.read_only { TokenScope::Read } else { args.scope.into() };
    let session = Session::open(storage).await?;
    let outcome = async {
        let user = store::user::by_name(&session.app.db, &name)
            .await?
            .ok_or_else(|| Failure::input(format!("there is no account named {name}")))?;
        Ok(accounts::create_token(&session.app, user.id, &args.label, scope).await?)
    }
    .await;
    let token = session.close(outcome).await?;
    if args.json {
        super::output::line!("{}", serde_json::json!({"name": name.as_str(), "scope": scope, "token": token}));
    } else {
        super::output::line!("{token}");
    }
    Ok(())
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Failure>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| Failure::Input(anyhow::Error::new(error).context(format!("`{text}`"))))
}

/// The password from the first line of stdin; else a generated one, together with its text.
fn password() -> Result<(Password, Option<String>), Failure> {
    if let Some(line) = stdin_line() {
        let password = line.parse().map_err(|error| Failure::Input(anyhow::Error::new(error)))?;
        return Ok((password, None));
    }
    let generated = secret::generate("")?;
    let password = generated.parse().map_err(|error| Failure::Ours(anyhow::Error::new(error)))?;
    Ok((password, Some(generated)))
}

/// The first line of stdin, if stdin is sent something and closed within three seconds.
///
/// The timeout keeps a script that leaves stdin open and silent from hanging for ever.
fn stdin_line() -> Option<String> {
    const STDIN_TIMEOUT: Duration = Duration::from_secs(3);
    if std::io::stdin().is_terminal() {
        return None;
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        // Far longer than a password may be; a longer input is refused for its length.
        let read = std::io::stdin().lock().take(64 * 1024).read_to_string(&mut text).context("cannot read stdin");
        // The receiver may have given up.
        let _ = sender.send(read.map(|_| text));
    });
    let text = receiver.recv_timeout(STDIN_TIMEOUT).ok()?.ok()?;
    let line = text.lines().next().unwrap_or_default();
    (!line.is_empty()).then(|| line.to_owned())
}
