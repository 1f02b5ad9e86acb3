//! API tokens. Only the SHA-256 of a token's secret is stored.

use sqlx::PgExecutor;
use time::{Duration, OffsetDateTime};

use super::StoreError;
use super::user::User;
use crate::domain::account::TokenScope;
use crate::domain::ids::{TokenId, UserId};

/// A token as its owner sees it: everything but the secret.
#[derive(Debug, Clone)]
pub struct Token {
    /// Its identifier, to revoke it by.
    pub id: TokenId,
    /// What its owner calls it.
    pub label: String,
    /// What it may do.
    pub scope: TokenScope,
    /// The first characters of the secret.
    pub hint: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last used, to the hour.
    pub last_used_at: Option<OffsetDateTime>,
}

/// A new token's fields.
pub struct NewToken<'a> {
    /// Whose it is.
    pub user: UserId,
    /// What its owner calls it.
    pub label: &'a str,
    /// What it may do.
    pub scope: TokenScope,
    /// SHA-256 of the secret.
    pub secret_hash: &'a [u8; 32],
    /// The first characters of the secret.
    pub hint: &'a str,
    /// Now.
    pub created_at: OffsetDateTime,
}

/// Adds a token.
pub async fn create(db: impl PgExecutor<'_>, new: NewToken<'_>) -> Result<TokenId, StoreError> {
    let id = TokenId::generate();
    sqlx::query!(
        "insert into api_tokens (id, user_id, label, scope, secret_hash, hint, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id.as_uuid(),
        new.user.as_uuid(),
        new.label,
        new.scope as TokenScope,
        new.secret_hash,
        new.hint,
        new.created_at,
    )
    .execute(db)
    .await?;
    Ok(id)
}

/// The account behind a token, and what the token may do.
pub async fn user(
    db: &sqlx::PgPool,
    secret_hash: &[u8; 32],
    now: OffsetDateTime,
) -> Result<Option<(User, TokenScope)>, StoreError> {
    let row = sqlx::query!(
        r#"select t.id as token_id, t.scope as "scope: TokenScope", t.last_used_at,
                  u.id as "id: UserId", u.name, u.email, u.is_admin, u.created_at
           from api_tokens t join users u on u.id = t.user_id
           where t.secret_hash = $1"#,
        secret_hash,
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.last_used_at.is_none_or(|used| used < now - Duration::HOUR) {
        sqlx::query!("update api_tokens set last_used_at = $2 where id = $1", row.token_id, now).execute(db).await?;
    }
    let user =
        User { id: row.id, name: row.name, email: row.email, is_admin: row.is_admin, created_at: row.created_at };
    Ok(Some((user, row.scope)))
}

/// An account's tokens, newest first.
pub async fn list(db: impl PgExecutor<'_>, user: UserId) -> Result<Vec<Token>, StoreError> {
    Ok(sqlx::query_as!(
        Token,
        r#"select id as "id: TokenId", label, scope as "scope: TokenScope", hint, created_at, last_used_at
           from api_tokens where user_id = $1 order by id desc"#,
        user.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}

/// Revokes a token of `user`; says whether there was one.
pub async fn revoke(db: impl PgExecutor<'_>, user: UserId, token: TokenId) -> Result<bool, StoreError> {
    let done = sqlx::query!("delete from api_tokens where id = $1 and user_id = $2", token.as_uuid(), user.as_uuid())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}
