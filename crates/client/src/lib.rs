//! The participant's side: a login kept on this machine, and the files of a track brought here whole.
//!
//! `account` keeps server and token, `api` speaks to the server, `listing` checks what it lists, `patience` says how long
//! to try, `download` brings the files. The room has its own idea of the server's answers and knows no other room: what
//! it may rely on is what docs/API.md promises. It prints nothing, and a token or a signed address is never part of an
//! error.

mod account;
mod api;
mod download;
mod error;
mod listing;
mod patience;
#[cfg(test)]
mod tests;

pub use account::{Account, Login, Server, Token};
pub use api::Api;
pub use download::{Brought, Event, Progress, Report, Settings, Standing, State, Tell, Unpacked, download, standings};
pub use error::ClientError;
pub use listing::{RemoteFile, TrackName, Wanted};
pub use patience::Patience;
