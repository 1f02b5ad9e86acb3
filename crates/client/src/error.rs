//! What can go wrong between a server and this machine.

use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be fetched from a server or stored here. Each text is read by the person
/// who ran the command.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The text is not a server's address.
    #[error("`{0}` is no server's address: write it as https://HOST, with a port or path where it has one")]
    Address(String),
    /// The text is not a token.
    #[error("what was given is no token: make one on the page /account of the server, and give it as it stands there")]
    Token,
    /// The text is not a track's name.
    #[error("`{0}` is not a track: write competition/track, for example mico/cifar10")]
    Track(String),
    /// No login is stored, and none was given.
    #[error("there is no login: run `callimico login URL` first, or set CALLIMICO_SERVER and CALLIMICO_TOKEN")]
    NoLogin,
    /// A stored token is sent to no other server than the one it was stored with.
    #[error(
        "the login is for {stored}, and its token is not sent to {wanted}: run `callimico login {wanted}`, or set CALLIMICO_TOKEN"
    )]
    OtherServer {
        /// The server of the stored login.
        stored: String,
        /// The server that was asked for.
        wanted: String,
    },
    /// No environment variable says where to store a login.
    #[error("there is no folder for the login: set CALLIMICO_CONFIG_DIR or HOME")]
    NoHome,
    /// The stored login is damaged.
    #[error("{0} holds no login: run `callimico login URL` again")]
    DamagedLogin(PathBuf),
    /// A file or folder could not be read or written.
    #[error("cannot read or write {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another run is downloading into the folder.
    #[error("another download into {0} is running: let it end, or stop it first")]
    Busy(PathBuf),
    /// The server does not accept the token, or does not allow this account to do it.
    #[error("the server does not allow it: {0}")]
    NotAllowed(String),
    /// The server does not have what was asked for.
    #[error("{0}")]
    Unknown(String),
    /// What answers is not a Callimico server, or one that does not work as it should.
    #[error("{server} does not answer as a Callimico server does: {problem}")]
    Answer {
        /// The server.
        server: String,
        /// What is wrong.
        problem: String,
    },
    /// The server's list of files is invalid.
    #[error("the server's list is wrong: {0}")]
    List(String),
    /// The server cannot be reached.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// The server.
        server: String,
        /// Why the request failed.
        why: String,
    },
    /// Every try failed.
    #[error("{what} cannot be fetched: {why}; running the same command again goes on where it was")]
    Network {
        /// What was asked for.
        what: String,
        /// Why the last try failed.
        why: String,
    },
    /// The bytes received do not have the hash that the server lists.
    #[error("{name} came with other content than the server lists: SHA-256 {found} instead of {expected}")]
    Corrupt {
        /// The file.
        name: String,
        /// The listed SHA-256, in hexadecimal.
        expected: String,
        /// The SHA-256 of what was received, in hexadecimal.
        found: String,
    },
    /// The file was withdrawn, or replaced too often, while it was fetched.
    #[error("{0} is changing on the server: run the same command again later")]
    Changing(String),
    /// An archive has an entry that must not be unpacked, or cannot be read.
    #[error("{} is not unpacked further: {}", path.display(), problem)]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The run was stopped.
    #[error("stopped; running the same command again goes on where it was")]
    Stopped,
}

impl ClientError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }

    /// Whether it concerns one file only, so that others can still be fetched.
    pub(super) fn concerns_one_file(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Changing(_))
    }
}
