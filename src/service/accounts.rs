//! Accounts: making one, signing in and out, passwords, API tokens.

use thiserror::Error;
use time::OffsetDateTime;

use crate::app::App;
use crate::domain::account::{Email, Password, TokenScope, UserName};
use crate::domain::ids::{TokenId, UserId};
use crate::secret::{self, TOKEN_PREFIX};
use crate::store::token::NewToken;
use crate::store::user::{NewUser, User};
use crate::store::{self, StoreError};

/// Why an account could not be made or changed.
#[derive(Debug, Error)]
pub enum AccountError {
    /// Another account has this name, or it is kept for staff.
    #[error("this name is taken")]
    NameTaken,
    /// The database could not do its part.
    #[error(transparent)]
    Store(StoreError),
    /// A password could not be hashed, or a secret could not be made.
    #[error(transparent)]
    Secret(anyhow::Error),
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NameTaken => Self::NameTaken,
            other => Self::Store(other),
        }
    }
}

impl From<sqlx::Error> for AccountError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<anyhow::Error> for AccountError {
    fn from(error: anyhow::Error) -> Self {
        Self::Secret(error)
    }
}

/// What an account is made from.
#[derive(Debug)]
pub struct NewAccount {
    /// The public name.
    pub name: UserName,
    /// The address, if any.
    pub email: Option<Email>,
    /// The password.
    pub password: Password,
}

/// Makes an account for somebody who registers; names that would pass for staff are refused.
///
/// # Errors
/// The name is taken or reserved, or the database cannot answer.
pub async fn register(app: &App, account: NewAccount) -> Result<UserId, AccountError> {
    if account.name.is_reserved() {
        return Err(AccountError::NameTaken);
    }
    create(app, account, false).await
}

/// Makes an account for the operator; `is_admin` makes it staff of every competition.
///
/// # Errors
/// The name is taken, or the database cannot answer.
pub async fn create(app: &App, account: NewAccount, is_admin: bool) -> Result<UserId, AccountError> {
    let hash = app.passwords.hash(account.password).await?;
    let new = NewUser {
        name: &account.name,
        email: account.email.as_ref(),
        password_hash: Some(&hash),
        is_admin,
        created_at: app.clock.now(),
    };
    Ok(store::user::create(&app.db, new).await?)
}

/// Gives an account another password and ends its sessions.
///
/// # Errors
/// The database cannot answer.
pub async fn set_password(app: &App, user: UserId, password: Password) -> Result<(), AccountError> {
    let hash = app.passwords.hash(password).await?;
    let mut db = app.db.begin().await?;
    store::user::set_password(&mut db, user, &hash).await?;
    db.commit().await?;
    Ok(())
}

/// The account to which a name and a password belong; `None` where they do not belong together. The answer takes the
/// same work whether the name exists or not.
///
/// # Errors
/// The database cannot answer, or the process is stopping.
pub async fn by_password(
    app: &App,
    name: Option<&UserName>,
    password: Password,
) -> Result<Option<UserId>, AccountError> {
    let known = match name {
        Some(name) => store::user::credentials(&app.db, name).await?,
        None => None,
    };
    let (user, hash) = known.unzip();
    let fits = app.passwords.fits(password, hash.flatten()).await?;
    Ok(user.filter(|_| fits))
}

/// Whether a password is that of the account of a session. If it is, it counts as given just now: answers the instant,
/// by the database's clock. `None` where the two do not belong together, or the session has ended meanwhile.
///
/// # Errors
/// The database cannot answer, or the process is stopping.
pub async fn confirm_password(
    app: &App,
    session: &[u8; 32],
    user: &User,
    password: Password,
) -> Result<Option<OffsetDateTime>, AccountError> {
    let name = user.name.parse::<UserName>().ok();
    if by_password(app, name.as_ref(), password).await? != Some(user.id) {
        return Ok(None);
    }
    let now = app.database_time(&app.db).await?;
    // A password that was changed since it was compared has ended the session.
    Ok(store::session::password_given(&app.db, session, now).await?.then_some(now))
}

/// Begins a new session, of somebody who has just given the password, and ends the one before, if any: what was known
/// before a log-in is worth nothing after it.
/// Answers the cookie's secret.
///
/// # Errors
/// The database cannot answer.
pub async fn begin_session(app: &App, user: UserId, before: Option<[u8; 32]>) -> Result<String, AccountError> {
    if let Some(old) = before {
        store::session::delete(&app.db, &old).await?;
    }
    let secret = secret::generate("")?;
    let given = app.database_time(&app.db).await?;
    store::session::create(&app.db, &secret::hash(&secret), user, app.clock.now(), given).await?;
    Ok(secret)
}

/// Ends one session.
///
/// # Errors
/// The database cannot answer.
pub async fn end_session(app: &App, session: &[u8; 32]) -> Result<(), AccountError> {
    Ok(store::session::delete(&app.db, session).await?)
}

/// Ends every session of an account.
///
/// # Errors
/// The database cannot answer.
pub async fn end_all_sessions(app: &App, user: UserId) -> Result<(), AccountError> {
    Ok(store::session::delete_all(&app.db, user).await?)
}

/// Makes an API token and answers its secret, which is kept nowhere.
///
/// # Errors
/// The database cannot answer.
pub async fn create_token(app: &App, user: UserId, label: &str, scope: TokenScope) -> Result<String, AccountError> {
    let token = secret::generate(TOKEN_PREFIX)?;
    let new = NewToken {
        user,
        label,
        scope,
        secret_hash: &secret::hash(&token),
        hint: &token[..TOKEN_PREFIX.len() + 4],
        created_at: app.clock.now(),
    };
    store::token::create(&app.db, new).await?;
    Ok(token)
}

/// Revokes a token of an account. One that is gone already is what was asked for.
///
/// # Errors
/// The database cannot answer.
pub async fn revoke_token(app: &App, user: UserId, token: TokenId) -> Result<(), AccountError> {
    store::token::revoke(&app.db, user, token).await?;
    Ok(())
}
