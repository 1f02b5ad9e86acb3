//! Addresses that download a file without a log-in, for command lines: signed, for one account and a day.
//!
//! The signature alone opens nothing. Every request asks once more whether the account may have the track's files, so an
//! address dies with the enrolment; and the file's id stands for its content, so it dies with a new release as well.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::{Duration, OffsetDateTime};

use super::error::{Detail, HttpError};
use crate::app::App;
use crate::domain::ids::{FileId, UserId};
use crate::secret;
use crate::store::StoreError;

/// How long an address is good.
const LIFETIME: Duration = Duration::DAY;
/// What stands in an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What an address carries besides file and path.
#[derive(Debug, Clone, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Signed {
    /// The account the address was made for.
    #[serde(rename = "for")]
    #[param(value_type = String)]
    user: UserId,
    /// The second since 1970 from which on it is good no more.
    until: i64,
    /// The signature, in hexadecimal.
    by: String,
}

/// A path as it stands in an address.
pub fn encode(path: &str) -> String {
    utf8_percent_encode(path, PLAIN).to_string()
}

/// The address, from `/` on, of a file or of a single file within it.
///
/// # Errors
/// The database cannot answer.
pub async fn sign(app: &App, file: FileId, path: &str, user: UserId) -> Result<String, StoreError> {
    let until = (app.clock.now() + LIFETIME).unix_timestamp();
    let by = hex::encode(secret::sign(app.link_key().await?, &text(file, path, user, until)));
    Ok(format!("/api/v1/files/{file}/{}?for={user}&until={until}&by={by}", encode(path)))
}

/// The account that an address was made for.
///
/// # Errors
/// [`HttpError::NotFound`] where nobody signed it, [`HttpError::NotAllowed`] where its time is over.
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

/// What is signed. The path comes last: it is the one part that may hold anything.
fn text(file: FileId, path: &str, user: UserId, until: i64) -> String {
    format!("callimico download 1\n{file}\n{user}\n{until}\n{path}")
}
