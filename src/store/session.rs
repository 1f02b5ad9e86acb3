//! Log-ins by cookie. Only the SHA-256 of a cookie's secret is stored.

use sqlx::PgExecutor;
use time::{Duration, OffsetDateTime};

use super::StoreError;
use super::user::User;
use crate::domain::ids::UserId;

/// A session ends this long after the log-in, used or not.
pub const LIFETIME: Duration = Duration::days(30);
/// A session ends when it was not used for this long.
pub const IDLE: Duration = Duration::days(7);

/// Begins a session at `now`. `password_given_at` is an instant of the database's clock.
pub async fn create(
    db: impl PgExecutor<'_>,
    secret_hash: &[u8; 32],
    user: UserId,
    now: OffsetDateTime,
    password_given_at: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into sessions (secret_hash, user_id, created_at, last_used_at, expires_at, password_given_at)
         values ($1, $2, $3, $3, $4, $5)",
        secret_hash,
        user.as_uuid(),
        now,
        now + LIFETIME,
        password_given_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The account of a session that is neither expired nor idle for too long, and when its password was given last.
pub async fn user(
    db: &sqlx::PgPool,
    secret_hash: &[u8; 32],
    now: OffsetDateTime,
) -> Result<Option<(User, OffsetDateTime)>, StoreError> {
    let row = sqlx::query!(
        r#"select u.id as "id: UserId", u.name, u.email, u.is_admin, u.created_at, s.last_used_at,
                  s.password_given_at
           from sessions s join users u on u.id = s.user_id
           where s.secret_hash = $1 and s.expires_at > $2 and s.last_used_at > $3"#,
        secret_hash,
        now,
        now - IDLE,
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    // Written once an hour at most: a page view is no reason for a write.
    if row.last_used_at < now - Duration::HOUR {
        sqlx::query!("update sessions set last_used_at = $2 where secret_hash = $1", secret_hash, now)
            .execute(db)
            .await?;
    }
    let user =
        User { id: row.id, name: row.name, email: row.email, is_admin: row.is_admin, created_at: row.created_at };
    Ok(Some((user, row.password_given_at)))
}

/// Notes that the password was given again in a session, at an instant of the database's clock; says whether the
/// session is still there.
pub async fn password_given(
    db: impl PgExecutor<'_>,
    secret_hash: &[u8; 32],
    at: OffsetDateTime,
) -> Result<bool, StoreError> {
    let done = sqlx::query!("update sessions set password_given_at = $2 where secret_hash = $1", secret_hash, at)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a session.
pub async fn delete(db: impl PgExecutor<'_>, secret_hash: &[u8; 32]) -> Result<(), StoreError> {
    sqlx::query!("delete from sessions where secret_hash = $1", secret_hash).execute(db).await?;
    Ok(())
}

/// Ends every session of an account.
pub async fn delete_all(db: impl PgExecutor<'_>, user: UserId) -> Result<(), StoreError> {
    sqlx::query!("delete from sessions where user_id = $1", user.as_uuid()).execute(db).await?;
    Ok(())
}

/// Forgets sessions that can no longer be used.
pub async fn delete_expired(db: impl PgExecutor<'_>, now: OffsetDateTime) -> Result<u64, StoreError> {
    let done = sqlx::query!("delete from sessions where expires_at <= $1 or last_used_at <= $2", now, now - IDLE)
        .execute(db)
        .await?;
    Ok(done.rows_affected())
}
