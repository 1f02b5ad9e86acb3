//! Callimico: a competition server for membership inference.
//!
//! docs/ARCHITECTURE.md has a map of the modules. Which of them may use which is a table in
//! `tests/architecture.rs`.

pub mod api;
pub mod app;
pub mod board;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod http;
pub mod importer;
pub mod objects;
pub mod proof;
pub mod release;
pub mod routes;
pub mod secret;
pub mod service;
pub mod store;
pub mod upload_slots;
pub mod web;
pub mod worker;
