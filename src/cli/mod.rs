//! The commands, one file each. Human text goes to stderr, results to stdout; the exit code says whose fault it was.

mod check;
mod demo;
mod doctor;
mod download;
mod failure;
mod import;
mod lira;
mod login;
mod migrate;
mod offline;
mod openapi;
mod postgres;
mod progress;
mod release;
mod report;
mod score;
mod serve;
mod track;
mod train;
mod user;
mod worker;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::app::{App, Database};
use crate::clock::Clock;
use crate::config::{LimitsConfig, StorageConfig};
use crate::objects::Objects;
use crate::store;

pub use failure::Failure;

/// A competition server for membership inference.
///
/// Exit codes: 0 fine, 1 our fault, 2 the input is wrong, 3 a limit is reached, 4 not allowed, 5 network (try again);
/// 130 stopped by Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "callimico", version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    storage: StorageConfig,
    /// How the log is written
    #[arg(long, env = "CALLIMICO_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, global = true)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pages, API and scoring workers in one process
    Serve(serve::Args),
    /// Scoring workers only; any number, on any machine that reaches the database and the objects
    Worker(worker::Args),
    /// Bring the database up to date and end
    Migrate,
    /// Check database, objects, clock and ONNX Runtime, a line each
    Doctor(doctor::Args),
    /// Accounts and their tokens
    #[command(subcommand)]
    User(user::Command),
    /// Import a track directory
    Import(import::Args),
    /// Make the archives that participants get
    Release(release::Args),
    /// The life of a track
    #[command(subcommand)]
    Track(track::Command),
    /// Check a submission offline
    Check(check::Args),
    /// Score predictions offline against solution.csv files
    Score(score::Args),
    /// The reference baseline: from a copy of a track to a submission, by the likelihood ratio attack and others
    Lira(Box<lira::Args>),
    /// Make a track directory: networks with and without differential privacy, splits, solutions
    Train(Box<train::Args>),
    /// Keep a server's address and your token on this machine
    Login(login::Args),
    /// Bring the files of a track here, and go on where an earlier run ended
    Download(Box<download::Args>),
    /// A whole small competition from nothing, served on 127.0.0.1:8080
    Demo(demo::Args),
    /// Print the description of the JSON interface (OpenAPI 3.1), as the server answers it at /api/v1/openapi.json
    Openapi(openapi::Args),
    /// Run a command with DATABASE_URL set to the private Postgres, for example `postgres -- sh -c 'psql "$DATABASE_URL"'`
    Postgres(postgres::Args),
}

/// Runs the program with the arguments it was started with.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    start_log(&cli);
    // Asked for by whatever speaks TLS; where somebody chose one already, that one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::Ours(error.into()).report(),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn dispatch(cli: Cli) -> Result<(), Failure> {
    let storage = cli.storage;
    match cli.command {
        Command::Serve(args) => serve::run(&storage, args).await,
        Command::Worker(args) => worker::run(&storage, args).await,
        Command::Migrate => migrate::run(&storage).await,
        Command::Doctor(args) => doctor::run(&storage, &args).await,
        Command::User(command) => user::run(&storage, command).await,
        Command::Import(args) => import::run(&storage, args).await,
        Command::Release(args) => release::run(&storage, args).await,
        Command::Track(command) => track::run(&storage, command).await,
        Command::Check(args) => check::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Lira(args) => lira::run(*args).await,
        Command::Train(args) => train::run(*args).await,
        Command::Login(args) => login::run(args).await,
        Command::Download(args) => download::run(*args).await,
        Command::Demo(args) => demo::run(&storage, args).await,
        Command::Openapi(args) => openapi::run(&args),
        Command::Postgres(args) => postgres::run(&storage, args).await,
    }
}

/// The log goes to stderr. Servers tell what they do; the other commands only what is wrong.
fn start_log(cli: &Cli) {
    let level = match cli.command {
        Command::Serve(_) | Command::Worker(_) => "info",
        _ => "warn",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match cli.log_format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
    }
}

/// What a command that ends soon works with.
struct Session {
    app: App,
    database: Database,
}

impl Session {
    /// Opens database and objects, which must belong together, and brings the database up to date.
    async fn open(storage: &StorageConfig) -> Result<Self, Failure> {
        Self::open_with(storage, LimitsConfig::default(), Duration::ZERO).await
    }

    async fn open_with(
        storage: &StorageConfig,
        limits: LimitsConfig,
        wait_for_owner: Duration,
    ) -> Result<Self, Failure> {
        let session = Self::connect(storage, limits, wait_for_owner).await?;
        match session.database.migrate().await {
            Ok(()) => session.with_its_objects().await,
            Err(error) => session.close(Err(error.into())).await,
        }
    }

    /// Opens a database that is up to date already.
    async fn open_without_migrating(
        storage: &StorageConfig,
        limits: LimitsConfig,
        wait_for_owner: Duration,
    ) -> Result<Self, Failure> {
        let session = Self::connect(storage, limits, wait_for_owner).await?;
        let missing = store::health::missing_migrations(&session.app.db).await;
        let failure = match missing {
            Ok(0) => return session.with_its_objects().await,
            Ok(missing) => {
                Failure::Ours(anyhow::anyhow!("{missing} migrations are not applied: run `callimico migrate`"))
            }
            Err(error) => error.into(),
        };
        session.close(Err(failure)).await
    }

    async fn connect(storage: &StorageConfig, limits: LimitsConfig, wait_for_owner: Duration) -> Result<Self, Failure> {
        let objects =
            Objects::open(&storage.objects, &storage.data_dir).map_err(|error| Failure::Input(error.into()))?;
        let database = Database::open(storage, wait_for_owner).await?;
        let app = App::new(database.pool.clone(), objects, Clock::System, limits);
        Ok(Self { app, database })
    }

    /// Goes on only if the objects are the database's own.
    async fn with_its_objects(self) -> Result<Self, Failure> {
        let failure = match self.app.claim_objects().await {
            Ok(()) => return Ok(self),
            Err(error) if error.is_setting() => Failure::Input(error.into()),
            Err(error) => Failure::Ours(error.into()),
        };
        self.close(Err(failure)).await
    }

    /// Ends in good order, whatever came of the work.
    async fn close<T>(self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        self.app.live.stop();
        self.database.close().await;
        outcome
    }
}
