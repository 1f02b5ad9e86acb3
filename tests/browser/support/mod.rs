//! Support for the tests: a running server, a small track, a browser, and checks of a page.

mod browser;
mod inspection;
mod program;
mod track;

pub(crate) use browser::Browser;
pub(crate) use inspection::inspect;
pub(crate) use program::Server;
pub(crate) use track::{Skill, write_zip, zip};
