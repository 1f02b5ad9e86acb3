//! Why something could not be had from a server.

use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be had from a server, or kept here.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The text names no server.
    #[error("`{0}` is no server's address: write it as https://HOST, with a port or path where it has one")]
    Address(String),
    /// The text is no token.
    #[error("what was given is no token: make one on the page /account of the server, and give it as it stands there")]
    Token,
    /// The text names no track.
    #[error("`{0}` is not a track: write competition/track, for example mico/cifar10")]
    Track(String),
    /// It is not known which server, or with which token.
    #[error("there is no login: run `callimico login URL` first, or set CALLIMICO_SERVER and CALLIMICO_TOKEN")]
    NoLogin,
    /// A token is not shown to another server than it was made for.
    #[error(
        "the login is for {stored}, and its token is not sent to {wanted}: run `callimico login {wanted}`, or set CALLIMICO_TOKEN"
    )]
    OtherServer {
        /// What the login is for.
        stored: String,
        /// What was asked for.
        wanted: String,
    },
    /// No variable says where a login is kept.
    #[error("there is no folder for the login: set CALLIMICO_CONFIG_DIR or HOME")]
    NoHome,
    /// The stored login is damaged.
    #[error("{0} holds no login: run `callimico login URL` again")]
    Stored(PathBuf),
    /// A file or folder could not be read or written.
    #[error("cannot read or write {path}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another run is at work in the folder.
    #[error("another download into {0} is running: let it end, or stop it first")]
    Busy(PathBuf),
    /// The server does not take the token, or not for this.
    #[error("the server does not allow it: {0}")]
    NotAllowed(String),
    /// What was asked for is not there.
    #[error("{0}")]
    Unknown(String),
    /// What answers is no server of this kind, or one that is not well.
    #[error("{server} does not answer as a Callimico server does: {problem}")]
    Answer {
        /// Who was asked.
        server: String,
        /// What is wrong.
        problem: String,
    },
    /// The list names files in a way that cannot be.
    #[error("the server's list is wrong: {0}")]
    List(String),
    /// The server cannot be asked.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// Who was asked.
        server: String,
        /// What the try met.
        why: String,
    },
    /// Nothing came, time and again.
    #[error("{what} cannot be had: {why}; running the same command again goes on where it was")]
    Network {
        /// What was asked for.
        what: String,
        /// What the last try met.
        why: String,
    },
    /// The bytes that came are not those that were listed.
    #[error("{name} came with other content than the server lists: SHA-256 {found} instead of {expected}")]
    Corrupt {
        /// Which file.
        name: String,
        /// The listed hash, in hexadecimal.
        expected: String,
        /// The hash of what came.
        found: String,
    },
    /// The file was withdrawn or replaced time and again while it was fetched.
    #[error("{0} is changing on the server: run the same command again later")]
    Changing(String),
    /// An archive holds what is not unpacked.
    #[error("{} is not unpacked further: {}", path.display(), problem)]
    Archive {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It was told to stop.
    #[error("stopped; running the same command again goes on where it was")]
    Stopped,
}

impl ClientError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }

    /// Whether it concerns one file, so that others may still come.
    pub(super) fn is_of_one_file(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Changing(_))
    }
}
