//! The pages as people use them: a real Chromium, driven over WebDriver, against the real program.
//!
//! Needs `chromedriver` (or `$CHROMEDRIVER`) and a Chromium it can start. Nothing here waits for a
//! fixed time: every step waits until the page shows what it should.

mod board;
mod every_page;
mod person;
mod plain;
mod support;
