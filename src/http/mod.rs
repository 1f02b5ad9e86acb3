//! What pages and API share: the table of all URLs, errors, who is asking, uploads. It knows neither pages nor
//! JSON shapes.

pub mod auth;
pub mod drain;
pub mod error;
pub mod guard;
pub mod headers;
pub mod listener;
pub mod segment;
pub mod server;
pub mod upload;
