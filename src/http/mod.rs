//! What pages and API share: errors, authentication, queries and paging, uploads and downloads. It knows
//! neither pages nor JSON shapes.

pub mod auth;
pub mod download;
pub mod drain;
pub mod error;
pub mod file_body;
pub mod headers;
pub mod link;
pub mod listener;
pub mod paging;
pub mod path_parameter;
pub mod query;
pub mod rate_limit;
pub mod representation;
pub mod server;
pub mod upload;
