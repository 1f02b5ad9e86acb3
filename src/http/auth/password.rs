//! A password that was given a moment ago, which acts need that cannot be undone.

use std::net::IpAddr;

use time::OffsetDateTime;

use super::{Login, LoginBy};
use crate::domain::account::{Password, UserName, password_is_recent};
use crate::http::error::{Detail, HttpError};
use crate::http::server::ServerState;
use crate::service::accounts;

impl Login {
    /// Whether the client may do what cannot be undone, at an instant of the database's clock.
    ///
    /// # Errors
    /// [`HttpError::NotAllowed`] with the code `session_needed` for a token, and for a session whose password was given
    /// too long ago.
    pub fn needs_recent_password(&self, now: OffsetDateTime) -> Result<(), HttpError> {
        match self.password_given_at {
            Some(given) if password_is_recent(given, now) => Ok(()),
            Some(_) => Err(session_needed(
                "This takes a password that was given within the last 10 minutes: give it again, or sign in again.",
            )),
            None => Err(session_needed("No token can do this: sign in with a browser.")),
        }
    }

    /// Takes the password from a form that asks for it again; says whether it is the account's. Tries are counted
    /// together with those to sign in.
    ///
    /// # Errors
    /// [`HttpError::NotAllowed`] for a token, [`HttpError::LimitReached`] after too many tries.
    pub async fn confirm_password(
        &mut self,
        state: &ServerState,
        peer: IpAddr,
        password: &str,
    ) -> Result<bool, HttpError> {
        let LoginBy::Session(session) = self.by else {
            return Err(session_needed("No token can do this: sign in with a browser."));
        };
        let app = &state.app;
        let key = self.user.name.parse::<UserName>().map_or_else(|_| String::new(), |name| name.key());
        state.rate_limits.try_account(&key, peer, app.clock.now())?;
        let Ok(password) = password.parse::<Password>() else { return Ok(false) };
        let Some(given) = accounts::confirm_password(app, &session, &self.user, password).await? else {
            return Ok(false);
        };
        self.password_given_at = Some(given);
        Ok(true)
    }
}

fn session_needed(text: &str) -> HttpError {
    HttpError::NotAllowed(Detail::new("session_needed", text))
}
