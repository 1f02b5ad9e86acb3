//! Makes the files that participants are given: archives from an imported track's directory, or the
//! organiser's own archives unchanged.
//!
//! [`inventory`](inventory) decides which files are released, by an allow-list;
//! [`leak_check`](leak_check) looks for hidden files under other names; [`pack`](pack) writes the
//! archives; [`journal`](journal) remembers how far an interrupted run came. Participants see all
//! files of a release or none: what they see changes in one transaction, after the last file is
//! complete.
//!
//! The same input gives the same bytes. This module reads the organiser's directory and changes
//! nothing in it.

mod error;
mod inventory;
mod journal;
mod leak_check;
mod pack;
mod rest;
mod run;
mod verbatim;

pub use error::ReleaseError;
pub use inventory::Remarks;
pub use run::{Outcome, ReleaseProgress, Request, make};
