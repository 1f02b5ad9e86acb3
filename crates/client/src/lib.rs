//! The participant's side of the competition: keeps a login on this machine and downloads the files
//! of a track, resuming what was interrupted and checking every file's SHA-256.
//!
//! The crate does not know the server's code: it has its own types for the server's answers and
//! relies only on what docs/API.md promises. It prints nothing; progress and messages go to the
//! caller as [`Event`]s. A token or a signed address is never part of an error.
//!
//! Start reading at [`download()`], which calls everything else:
//!
//! | module | holds |
//! |---|---|
//! | `login` | which server and which token, and the file they are stored in |
//! | `api` | the HTTP requests, and what the answers mean |
//! | `listing` | the list of a track's files, checked before anything is done with it |
//! | `retry_policy` | how long to wait and how often to try |
//! | `download` | fetching files into a folder, and unpacking them |

mod api;
mod download;
mod error;
mod listing;
mod login;
mod retry_policy;
#[cfg(test)]
mod tests;

pub use api::Api;
pub use download::{
    ByteCounts, DownloadedFile, Event, EventHandler, FetchOutcome, LocalState, Report, Settings, Unpacked, download,
    local_states,
};
pub use error::ClientError;
pub use listing::{FileSelection, RemoteFile, TrackName};
pub use login::{Login, LoginStore, Server, Token};
pub use retry_policy::RetryPolicy;
