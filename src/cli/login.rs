//! `callimico login`: stores a server's address and a token on this machine, for the commands that
//! talk to a server.

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::PathBuf;

use anyhow::Context;

use super::Failure;
use super::progress::message;
use client::{Api, ClientError, Login, LoginStore, RetryPolicy, Server, Token};

/// The most bytes that are read as a token.
const LONGEST_INPUT: u64 = 64 << 10;
/// The environment variable with the token. There is no flag for it, as other users can read a
/// process's arguments.
const TOKEN: &str = "CALLIMICO_TOKEN";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server's address, or that of one of its pages
    url: String,
    /// A file with the token; else the variable CALLIMICO_TOKEN is taken, else what is typed
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> Result<(), Failure> {
    let server: Server = args.url.parse().map_err(failure)?;
    warn_of(&server);
    let token = match (&args.token_file, token_of_environment()?) {
        (Some(path), _) => {
            let file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()));
            read_token(&mut io::BufReader::new(file.map_err(Failure::Input)?))?
        }
        (None, Some(token)) => token,
        (None, None) => {
            if io::stdin().is_terminal() {
                eprint!("Token (make one on {server}/account): ");
            }
            read_token(&mut io::stdin().lock())?
        }
    };
    let login = Login { server, token };
    let api = Api::new(login.clone(), RetryPolicy::default()).map_err(failure)?;
    api.check().await.map_err(failure)?;
    LoginStore::of_this_user().store(&login).map_err(failure)?;
    message!("logged in to {}", login.server);
    Ok(())
}

/// Reads a token from the first line.
fn read_token(from: &mut dyn io::BufRead) -> Result<Token, Failure> {
    let mut line = String::new();
    let read = from.take(LONGEST_INPUT).read_line(&mut line).context("cannot read the token");
    read.map_err(Failure::Input)?;
    line.parse().map_err(failure)
}

fn token_of_environment() -> Result<Option<Token>, Failure> {
    match std::env::var(TOKEN) {
        Ok(text) if !text.trim().is_empty() => text.parse().map(Some).map_err(failure),
        Err(std::env::VarError::NotUnicode(_)) => Err(failure(ClientError::Token)),
        _ => Ok(None),
    }
}

fn warn_of(server: &Server) {
    if server.is_unencrypted() {
        message!("warning: whoever is on the way to {server} can read the token, as it is not https");
    }
}

/// Which server a command speaks to.
#[derive(Debug, clap::Args)]
pub(super) struct ServerArgs {
    /// The server's address, instead of the one that `callimico login` keeps
    #[arg(long, env = "CALLIMICO_SERVER", value_name = "URL")]
    server: Option<String>,
}

impl ServerArgs {
    /// The server's API with the stored token, or with that of the environment.
    pub(super) fn api(&self) -> Result<Api, Failure> {
        let given = self.server.as_deref().filter(|text| !text.trim().is_empty());
        let given = given.map(str::parse).transpose().map_err(failure)?;
        let login = Login::find(given, token_of_environment()?, &LoginStore::of_this_user()).map_err(failure)?;
        warn_of(&login.server);
        Api::new(login, RetryPolicy::default()).map_err(failure)
    }
}

/// Sorts an error by its cause, which decides the exit code.
pub(super) fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::NotAllowed(_) => Failure::NotAllowed(error.into()),
        ClientError::Network { .. } | ClientError::Unreachable { .. } | ClientError::Changing(_) => {
            Failure::Network(error.into())
        }
        ClientError::Stopped => Failure::Stopped(error.into()),
        ClientError::List(_) | ClientError::Corrupt { .. } | ClientError::Archive { .. } => Failure::Ours(error.into()),
        other => Failure::Input(other.into()),
    }
}
