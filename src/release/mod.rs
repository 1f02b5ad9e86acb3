//! What participants are given: archives made from an imported track's directory, or the organiser's own as they are.
//!
//! [`survey`](survey) decides what leaves, by an allow-list and against copies of hidden files under other names;
//! [`pack`](pack) writes the archives, [`journal`](journal) remembers how far an interrupted run came. Participants see
//! all files of a release or none: they change in one transaction, when the last of them is whole.
//!
//! The same input gives the same bytes. This room reads the organiser's directory and changes nothing in it.

mod as_it_is;
mod error;
mod guard;
mod journal;
mod pack;
mod rest;
mod run;
mod survey;

pub use error::ReleaseError;
pub use run::{Outcome, Progress, Request, make};
pub use survey::Remarks;
