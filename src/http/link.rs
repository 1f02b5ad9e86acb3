//! Signed addresses that download a file without a login, for command lines; each is valid for one
//! account and one day.
//!
//! The signature alone is not enough. Every request checks again that the account may have the
//! track's files, so an address stops working when the enrolment ends. As a file's id stands for
//! its content, it also stops working when a new release replaces the file. An address that was given
//! to a client without the rights of an organiser does not carry them either.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::{Duration, OffsetDateTime};

use super::auth::Rights;
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
pub async fn sign(app: &App, file: FileId, path: &str, rights: Rights<'_>) -> Result<String, StoreError> {
    let until = (app.clock.now() + LIFETIME).unix_timestamp();
    let user = rights.user.id;
    let text = text(file, path, user, until, rights.may_organise);
    let by = hex::encode(secret::sign(app.link_key().await?, &text));
    Ok(format!("/api/v1/files/{file}/{}?for={user}&until={until}&by={by}", encode(path)))
}

/// The account that a signed address was made for, and whether its rights as an organiser count.
///
/// # Errors
/// [`HttpError::NotFound`] if the signature is wrong, [`HttpError::NotAllowed`] if the address has
/// expired.
pub async fn check(app: &App, file: FileId, path: &str, signed: &Signed) -> Result<(UserId, bool), HttpError> {
    let signature = hex::decode(&signed.by).map_err(|_| HttpError::NotFound)?;
    let key = app.link_key().await?;
    let is_signed = |may_organise: &bool| {
        secret::is_signed(key, &text(file, path, signed.user, signed.until, *may_organise), &signature)
    };
    let may_organise = [false, true].into_iter().find(is_signed).ok_or(HttpError::NotFound)?;
    match OffsetDateTime::from_unix_timestamp(signed.until) {
        Ok(until) if app.clock.now() < until => Ok((signed.user, may_organise)),
        _ => {
            let text =
                "This address was good for a day. Get a new one from the track's data page or its list of files.";
            Err(HttpError::NotAllowed(Detail::new("link_expired", text)))
        }
    }
}

/// The text that is signed. The path comes last because it is the only part that may contain any
/// character.
fn text(file: FileId, path: &str, user: UserId, until: i64, may_organise: bool) -> String {
    let purpose = if may_organise { "organiser's download" } else { "download" };
    format!("callimico {purpose} 1\n{file}\n{user}\n{until}\n{path}")
}
