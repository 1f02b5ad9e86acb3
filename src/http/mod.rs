//! What pages and API share: the table of all URLs, errors, who is asking, uploads. It knows neither pages nor
//! JSON shapes.

pub mod auth;
pub mod download;
pub mod drain;
pub mod error;
pub mod file_body;
pub mod headers;
pub mod link;
pub mod listener;
pub mod rate_limit;
pub mod representation;
pub mod segment;
pub mod server;
pub mod upload;
