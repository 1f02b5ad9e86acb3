//! What can be asked of the database about itself.

use sqlx::{PgExecutor, PgPool};
use time::OffsetDateTime;

use super::{MIGRATIONS, StoreError};

/// The server's version.
pub async fn version(db: impl PgExecutor<'_>) -> Result<String, StoreError> {
    Ok(sqlx::query_scalar!(r#"select current_setting('server_version') as "version!""#).fetch_one(db).await?)
}

/// The database's clock.
pub async fn now(db: impl PgExecutor<'_>) -> Result<OffsetDateTime, StoreError> {
    Ok(sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#).fetch_one(db).await?)
}

/// How many of the program's migrations are not applied.
pub async fn missing_migrations(db: &PgPool) -> Result<usize, StoreError> {
    // The table is sqlx's and comes with the first migration, so this query cannot be checked beforehand.
    let exists: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(db).await?;
    let applied: Vec<i64> = if exists {
        sqlx::query_scalar("select version from _sqlx_migrations where success").fetch_all(db).await?
    } else {
        Vec::new()
    };
    Ok(MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)).count())
}
