//! The commands, one file each. Results go to stdout, messages for people to stderr; the exit code
//! says whose fault a failure was.

mod check;
mod commit;
mod competition;
mod demo;
mod doctor;
mod download;
mod export;
mod failure;
mod import;
mod lira;
mod log;
mod login;
mod migrate;
mod offline;
mod openapi;
mod organiser;
mod output;
mod participant;
mod postgres;
mod progress;
mod release;
mod report;
mod reproduce;
mod rescore;
mod results;
mod score;
mod serve;
mod submission;
mod track;
mod train;
mod user;
mod verify_labels;
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
/// Exit codes: 0 success, 1 our fault, 2 the input is wrong, 3 a limit is reached, 4 not allowed, 5
/// network (try again); 130 stopped by Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "callimico", version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    storage: StorageConfig,
    /// The format of the log
    #[arg(long, env = "CALLIMICO_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, global = true)]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// Lines of text.
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Pages, API and scoring workers in one process
    Serve(serve::Args),
    /// Scoring workers only; any number, on any machine that reaches the database and the objects
    Worker(worker::Args),
    /// Apply the missing migrations to the database
    Migrate,
    /// Check database, objects, clock and ONNX Runtime, one line each
    Doctor(doctor::Args),
    /// Create accounts and tokens
    #[command(subcommand)]
    User(user::Command),
    /// Print or change a competition's title, text and order of tracks
    Competition(competition::Args),
    /// List, approve, deny, withdraw and restore participants, and say who competes
    #[command(subcommand)]
    Participant(participant::Command),
    /// Print the results of a track or a competition, once they are revealed
    Results(results::Args),
    /// List, add and remove the organisers of a competition
    #[command(subcommand)]
    Organiser(organiser::Command),
    /// Import a track directory
    Import(import::Args),
    /// Make the archives that participants get
    Release(release::Args),
    /// Open a track; retry its failed submissions
    #[command(subcommand)]
    Track(track::Command),
    /// Print a track's log, or check it: the chain of its hashes, and receipts for events of it
    Log(log::Args),
    /// Write everything that a revealed ranking can be computed from into one file, for `reproduce`
    Export(export::Args),
    /// List the submissions of a track; take one out, take it back in, score it anew
    #[command(subcommand)]
    Submission(submission::Command),
    /// Check a submission offline
    Check(check::Args),
    /// Score predictions offline against solution.csv files
    Score(score::Args),
    /// Commit to the labels of a track that stay on this machine until its close: write the salts, print the root
    Commit(commit::Args),
    /// Check opened labels against the root that was published; exit code 1 if they are others
    VerifyLabels(verify_labels::Args),
    /// Compute a revealed ranking anew from an export, without a server, and compare; exit code 1 if anything differs
    Reproduce(reproduce::Args),
    /// Run the reference baseline: make a submission from a copy of a track, by the likelihood
    /// ratio attack and others
    Lira(Box<lira::Args>),
    /// Make a track directory: networks with and without differential privacy, splits, solutions
    Train(Box<train::Args>),
    /// Store a server's address and your token on this machine
    Login(login::Args),
    /// Download the files of a track, continuing where an earlier run stopped
    Download(Box<download::Args>),
    /// Make a complete small competition and serve it on 127.0.0.1:8080
    Demo(demo::Args),
    /// Print the description of the JSON interface (OpenAPI 3.1), as the server answers it at /api/v1/openapi.json
    Openapi(openapi::Args),
    /// Run a command with DATABASE_URL set to the private Postgres, for example
    /// `postgres -- sh -c 'psql "$DATABASE_URL"'`
    Postgres(postgres::Args),
}

/// How often a command that waits for scores looks whether it goes on.
const LOOK: Duration = Duration::from_secs(1);
/// After this long without a new score it says that somebody must score.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs the command given on the command line.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    start_log(&cli);
    // rustls needs a default provider. If one is installed already, it serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::Ours(error.into()).report(),
    };
    match runtime.block_on(dispatch(cli)).and_then(|()| output::finish()) {
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
        Command::Competition(args) => competition::run(&storage, args).await,
        Command::Participant(command) => participant::run(&storage, command).await,
        Command::Results(args) => results::run(&storage, args).await,
        Command::Organiser(command) => organiser::run(&storage, command).await,
        Command::Import(args) => import::run(&storage, args).await,
        Command::Release(args) => release::run(&storage, args).await,
        Command::Track(command) => track::run(&storage, command).await,
        Command::Log(args) => log::run(&storage, args).await,
        Command::Export(args) => export::run(&storage, args).await,
        Command::Submission(command) => submission::run(&storage, command).await,
        Command::Check(args) => check::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Commit(args) => commit::run(&args),
        Command::VerifyLabels(args) => verify_labels::run(&args),
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Lira(args) => lira::run(*args).await,
        Command::Train(args) => train::run(*args).await,
        Command::Login(args) => login::run(args).await,
        Command::Download(args) => download::run(*args).await,
        Command::Demo(args) => demo::run(&storage, args).await,
        Command::Openapi(args) => openapi::run(&args),
        Command::Postgres(args) => postgres::run(&storage, args).await,
    }
}

/// Logs to stderr: servers from level `info`, all other commands from `warn`.
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

/// The app and its database, open for the duration of one command.
struct Session {
    app: App,
    database: Database,
}

impl Session {
    /// Opens the database and the objects, which must belong together, and applies all migrations.
    async fn open(storage: &StorageConfig) -> Result<Self, Failure> {
        Self::open_with(storage, LimitsConfig::default(), Duration::ZERO).await
    }

    async fn open_with(storage: &StorageConfig, limits: LimitsConfig, wait: Duration) -> Result<Self, Failure> {
        let session = Self::connect(storage, limits, wait).await?;
        match session.database.migrate().await {
            Ok(()) => session.claim_objects().await,
            Err(error) => session.close(Err(error.into())).await,
        }
    }

    /// The same without migrating: fails if a migration is missing.
    async fn open_without_migrating(
        storage: &StorageConfig,
        limits: LimitsConfig,
        wait: Duration,
    ) -> Result<Self, Failure> {
        let session = Self::connect(storage, limits, wait).await?;
        let missing = store::health::missing_migrations(&session.app.db).await;
        let failure = match missing {
            Ok(0) => return session.claim_objects().await,
            Ok(missing) => {
                Failure::Ours(anyhow::anyhow!("{missing} migrations are not applied: run `callimico migrate`"))
            }
            Err(error) => error.into(),
        };
        session.close(Err(failure)).await
    }

    /// `wait` is how long to wait for another command that is running the private Postgres to end.
    async fn connect(storage: &StorageConfig, limits: LimitsConfig, wait: Duration) -> Result<Self, Failure> {
        let objects =
            Objects::open(&storage.objects, &storage.data_dir).map_err(|error| Failure::Input(error.into()))?;
        let database = Database::open(storage, wait).await?;
        let app = App::new(database.pool.clone(), objects, Clock::system(), limits);
        Ok(Self { app, database })
    }

    /// Fails if the objects belong to another database.
    async fn claim_objects(self) -> Result<Self, Failure> {
        let failure = match self.app.claim_objects().await {
            Ok(()) => return Ok(self),
            Err(error) if error.is_setting() => Failure::Input(error.into()),
            Err(error) => Failure::Ours(error.into()),
        };
        self.close(Err(failure)).await
    }

    /// Closes everything, whether the work succeeded or failed, and returns `outcome`.
    async fn close<T>(self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        self.app.live.stop();
        self.database.close().await;
        outcome
    }
}
