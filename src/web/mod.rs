//! The pages: page structs that hold only what is shown, and the templates they fill.
//!
//! A handler extracts, loads, asks the domain and renders. No SQL here, no HTML text in Rust but the figures, and nothing
//! of a page struct is a row of the database.

pub(crate) mod account;
pub(crate) mod assets;
pub(crate) mod competition;
pub(crate) mod error;
pub(crate) mod form;
pub(crate) mod history_plot;
pub(crate) mod leaderboard;
pub(crate) mod markup;
pub(crate) mod moment;
pub(crate) mod number;
pub(crate) mod roc_plot;
pub(crate) mod series;
pub(crate) mod site;
pub(crate) mod submission;
pub(crate) mod track;
pub(crate) mod whisker;
