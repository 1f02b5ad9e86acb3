//! `callimico postgres`: runs a command, for example the tests, while the private Postgres runs.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Context;

use super::Failure;
use crate::config::StorageConfig;
use private_postgres::{Options, PrivatePostgres};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Turn off what makes a power cut harmless; for databases that may be thrown away
    #[arg(long)]
    not_durable: bool,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    let options =
        Options { data_dir: storage.data_dir.clone(), durable: !args.not_durable, wait_for_owner: Duration::ZERO };
    let postgres = PrivatePostgres::open(options).await.map_err(anyhow::Error::new)?;
    let outcome = tokio::process::Command::new(&args.command[0])
        .args(&args.command[1..])
        .env("DATABASE_URL", postgres.database_url())
        .status()
        .await;
    postgres.close().await;
    let status = outcome.with_context(|| format!("cannot run {}", args.command[0].display()))?;
    match status.code() {
        Some(0) => Ok(()),
        code => Err(Failure::Child(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))),
    }
}
