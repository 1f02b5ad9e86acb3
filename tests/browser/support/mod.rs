//! What the tests stand on: the program and its server, a small track, a browser, and an inspection of a page.

mod browser;
mod inspection;
mod program;
mod track;

pub(crate) use browser::Browser;
pub(crate) use inspection::inspect;
pub(crate) use program::Server;
pub(crate) use track::{Skill, write_zip, zip};
