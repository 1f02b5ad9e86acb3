//! The variable part of an address that has exactly one: a name or an identifier, as text.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::error::HttpError;

/// The text of an address's only path parameter. Bytes that are not UTF-8 name nothing, so they answer 404.
#[derive(Debug, Clone)]
pub struct PathParameter(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathParameter {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| HttpError::NotFound)?;
        Ok(Self(text))
    }
}
