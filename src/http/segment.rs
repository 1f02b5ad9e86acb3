//! The variable part of an address that has one: a name or an identifier, as text.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::error::HttpError;

/// The text of an address's one variable segment. What is no UTF-8 names nothing, so it is not found.
#[derive(Debug, Clone)]
pub struct Segment(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| HttpError::NotFound)?;
        Ok(Self(text))
    }
}
