//! Curves, intervals and histories as SVG text: numbers in, text out.
//!
//! No clock, no files and nothing of the pages, because `callimico score --out` draws with it too.

pub mod history_plot;
pub mod interval_plot;
pub mod ladder_plot;
pub mod place_plot;
pub mod ranking_plot;
pub mod roc_plot;
pub mod series;
mod text;
