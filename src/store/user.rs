//! Accounts.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::{StoreError, violates};
use crate::domain::account::{Email, UserName};
use crate::domain::ids::UserId;

/// An account as the rest of the program knows it.
#[derive(Debug, Clone)]
pub struct User {
    /// Its identifier.
    pub id: UserId,
    /// Its public name.
    pub name: String,
    /// Its e-mail address, where one was given.
    pub email: Option<String>,
    /// Whether it is staff of every competition.
    pub is_admin: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// A new account's fields.
pub struct NewUser<'a> {
    /// The public name.
    pub name: &'a UserName,
    /// The address, if any.
    pub email: Option<&'a Email>,
    /// The Argon2id hash of the password; `None`: no log-in by password.
    pub password_hash: Option<&'a str>,
    /// Whether it is staff of every competition.
    pub is_admin: bool,
    /// Now.
    pub created_at: OffsetDateTime,
}

/// Adds an account.
///
/// # Errors
/// [`StoreError::NameTaken`] where the name, folded, is another account's.
pub async fn create(db: impl PgExecutor<'_>, new: NewUser<'_>) -> Result<UserId, StoreError> {
    let id = UserId::generate();
    sqlx::query!(
        "insert into users (id, name, name_key, email, password_hash, is_admin, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id.as_uuid(),
        new.name.as_str(),
        new.name.key(),
        new.email.map(Email::as_str),
        new.password_hash,
        new.is_admin,
        new.created_at,
    )
    .execute(db)
    .await
    .map_err(|error| if violates(&error, "users_name_key_key") { StoreError::NameTaken } else { error.into() })?;
    Ok(id)
}

/// The account of a name, however it is written.
pub async fn by_name(db: impl PgExecutor<'_>, name: &UserName) -> Result<Option<User>, StoreError> {
    Ok(sqlx::query_as!(
        User,
        r#"select id as "id: UserId", name, email, is_admin, created_at from users where name_key = $1"#,
        name.key(),
    )
    .fetch_optional(db)
    .await?)
}

/// The account of an identifier.
pub async fn by_id(db: impl PgExecutor<'_>, id: UserId) -> Result<Option<User>, StoreError> {
    Ok(sqlx::query_as!(
        User,
        r#"select id as "id: UserId", name, email, is_admin, created_at from users where id = $1"#,
        id.as_uuid(),
    )
    .fetch_optional(db)
    .await?)
}

/// Locks an account until the transaction ends: what one person does twice at once is done one after the other.
pub async fn lock(db: &mut PgConnection, id: UserId) -> Result<(), StoreError> {
    sqlx::query!("select from users where id = $1 for no key update", id.as_uuid()).fetch_optional(db).await?;
    Ok(())
}

/// The identifier and password hash of a name.
pub async fn credentials(
    db: impl PgExecutor<'_>,
    name: &UserName,
) -> Result<Option<(UserId, Option<String>)>, StoreError> {
    let row = sqlx::query!(r#"select id as "id: UserId", password_hash from users where name_key = $1"#, name.key())
        .fetch_optional(db)
        .await?;
    Ok(row.map(|row| (row.id, row.password_hash)))
}

/// Gives an account another password, and ends its sessions: they were begun with the old one.
pub async fn set_password(db: &mut PgConnection, user: UserId, hash: &str) -> Result<(), StoreError> {
    sqlx::query!("update users set password_hash = $2 where id = $1", user.as_uuid(), hash).execute(&mut *db).await?;
    super::session::delete_all(db, user).await
}
