//! Signed addresses that download a file without a login, for command lines; each is valid for one
//! account and one day.
//!
//! The signature alone is not enough. Every request checks again that the account may have the
//! track's files, so an address stops working when the enrolment ends. As a file's id stands for
//! its content, it also stops working when a new release replaces the file.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::{Duration, OffsetDateTime};

use super::error::{Detail, HttpError};
use crate::app::App;
use crate::domain::ids::{FileId, UserId};
use crate::secret;
use crate::store::StoreError;

/// How long an address is valid.
const LIFETIME: Duration = Duration::DAY;
/// The characters to percent-encode in an address: all except letters, digits and these.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The query of a signed address.
#[derive(Debug, Clone, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Signed {
    /// The account the address was made for.
    #[serde(rename = "for")]
    #[param(value_type = String)]
    user: UserId,
    /// When it expires, in seconds since 1970.
    until: i64,
    /// The signature, in hexadecimal.
    by: String,
}

/// Percent-encodes a path for an address.
pub fn encode(path: &str) -> String {
    utf8_percent_encode(path, PLAIN).to_string()
}

/// The signed address, from `/` on, of a file or of a file packed in it.
///
/// # Errors
/// The database failed.
pub async fn sign(app: &App, file: FileId, path: &str, user: UserId) -> Result<String, StoreError> {
    let until = (app.clock.now() + LIFETIME).unix_timestamp();
    let by = hex::encode(secret::sign(app.link_key().await?, &text(file, path, user, until)));
    Ok(format!("/api/v1/files/{file}/{}?for={user}&until={until}&by={by}", encode(path)))
}

/// The account that a signed address was made for.
///
/// # Errors
/// [`HttpError::NotFound`] if the signature is wrong, [`HttpError::NotAllowed`] if the address has
/// expired.
pub async fn check(app: &App, file: FileId, path: &str, signed: &Signed) -> Result<UserId, HttpError> {
    let signature = hex::decode(&signed.by).map_err(|_| HttpError::NotFound)?;
    let text = text(file, path, signed.user, signed.until);
    if !secret::is_signed(app.link_key().await?, &text, &signature) {
        return Err(HttpError::NotFound);
    }
    match OffsetDateTime::from_unix_timestamp(signed.until) {
        Ok(until) if app.clock.now() < until => Ok(signed.user),
        _ => {
            let text =
                "This address was good for a day. Get a new one from the track's data page or its list of files.";
            Err(HttpError::NotAllowed(Detail::new("link_expired", text)))
        }
    }
}

/// The text that is signed. The path comes last because it is the only part that may contain any
/// character.
fn text(file: FileId, path: &str, user: UserId, until: i64) -> String {
    format!("callimico download 1\n{file}\n{user}\n{until}\n{path}")
}
