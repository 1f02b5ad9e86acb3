//! A Postgres of the program's own, kept under the data directory, for installations that name no
//! `DATABASE_URL`.
//!
//! Any number of processes may open one data directory. The first to lock `postgres.lock` owns the
//! server: it creates the cluster if there is none, starts it and stops it. The others attach to
//! the same Unix socket and wait in the background to inherit the lock, so that the server is back
//! within about a second after its owner ends, however it ends. Connections that were open at that
//! moment are lost; a pool makes new ones.
//!
//! The crate deals only with the life of the server. It knows no table, no migration and no query
//! of the application.
//!
//! Start reading at [`PrivatePostgres::open`]:
//!
//! | module | holds |
//! |---|---|
//! | `find` | which folder of Postgres programs to use |
//! | `paths` | where the cluster, its socket and its log are |
//! | `run_as` | which user to run it as when the program runs as root |
//! | `lock` | who owns the server |
//! | `cluster` | creating, starting and stopping it |
//! | `leftovers` | processes that outlived their owner |
//! | `supervisor` | the thread that keeps it running, or waits to inherit it |

mod cluster;
mod error;
mod find;
mod leftovers;
mod lock;
mod paths;
mod run_as;
mod supervisor;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, PgConnection};

pub use self::error::PrivatePostgresError;
use self::lock::OwnerLock;
use self::paths::Paths;
use self::supervisor::Supervisor;

/// Role and database share this name.
const NAME: &str = "callimico";
/// Part of the socket's file name; nothing listens on a network port.
const PORT: u16 = 5432;
/// How often a waiting process checks again.
const POLL: Duration = Duration::from_millis(50);
/// How long an owner may take to become ready before those who wait for it give up, counted from
/// the end of [`Options::wait_for_owner`].
const OWNER_DEADLINE: Duration = Duration::from_mins(2);
/// How long one attempt to reach the server may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// How to open a private Postgres.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program's data directory; created if missing.
    pub data_dir: PathBuf,
    /// `false` turns fsync off: faster, and a power cut may destroy the cluster. For tests only.
    pub durable: bool,
    /// How long to wait for another process to give up the server before attaching to it. A
    /// long-lived process should wait a few seconds, so that it becomes the owner when a
    /// short-lived one ends; the others should not wait.
    pub wait_for_owner: Duration,
}

/// A running private Postgres, owned by this process or by another one.
///
/// If it is dropped, a server that this process owns is shut down in the background.
/// [`PrivatePostgres::close`] waits until it is down.
#[derive(Debug)]
pub struct PrivatePostgres {
    paths: Paths,
    supervisor: Supervisor,
}

impl PrivatePostgres {
    /// Starts the server of a data directory, or attaches to it, and returns once its database
    /// takes connections.
    ///
    /// # Errors
    /// Every variant of [`PrivatePostgresError`]; each says what to do.
    pub async fn open(options: Options) -> Result<Self, PrivatePostgresError> {
        let paths = Paths::prepare(&options.data_dir)?;
        let began = Instant::now();
        loop {
            if let Some(lock) = OwnerLock::try_acquire(&paths.lock_file())? {
                let supervisor = Supervisor::own(paths.clone(), options.durable, lock).await?;
                let postgres = Self { paths, supervisor };
                postgres.create_database().await?;
                return Ok(postgres);
            }
            let waited = began.elapsed();
            if waited >= options.wait_for_owner {
                if Self::answers(&paths).await {
                    tracing::debug!(data_dir = %paths.data_dir().display(), "attached to a running Postgres");
                    let supervisor = Supervisor::wait(paths.clone(), options.durable)?;
                    return Ok(Self { paths, supervisor });
                }
                if waited >= options.wait_for_owner + OWNER_DEADLINE {
                    return Err(PrivatePostgresError::OwnerNotReady { waited, log: paths.log_file() });
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// How to connect: a Unix socket, no password, no TLS.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        connect_options(&self.paths)
    }

    /// The same as a URL, for child processes, with the socket's folder percent-encoded in the
    /// place of the host.
    #[must_use]
    pub fn database_url(&self) -> String {
        database_url(&self.paths.socket_dir())
    }

    /// Shuts the server down if this process owns it, and waits for its end; otherwise only stops
    /// waiting to inherit it.
    pub async fn close(self) {
        self.supervisor.stop().await;
    }

    /// Whether the database accepts connections: false while the cluster is still starting or the
    /// database has not been created.
    async fn answers(paths: &Paths) -> bool {
        paths.socket_dir_is_trustworthy() && connect(&connect_options(paths)).await.is_ok()
    }

    /// Creates the database unless an earlier start has done so.
    async fn create_database(&self) -> Result<(), PrivatePostgresError> {
        let mut connection = connect(&self.connect_options().database("postgres")).await?;
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(NAME)
            .fetch_one(&mut connection)
            .await?;
        if !exists {
            sqlx::query("CREATE DATABASE callimico").execute(&mut connection).await?;
        }
        connection.close().await?;
        Ok(())
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    tokio::time::timeout(CONNECT_DEADLINE, PgConnection::connect_with(options))
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

fn connect_options(paths: &Paths) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(paths.socket_dir())
        .port(PORT)
        .username(NAME)
        .database(NAME)
        .ssl_mode(PgSslMode::Disable)
}

fn database_url(socket_dir: &std::path::Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;

    let mut url = format!("postgres://{NAME}@");
    for &byte in socket_dir.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() {
            url.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    let _ = write!(url, ":{PORT}/{NAME}?sslmode=disable");
    url
}
