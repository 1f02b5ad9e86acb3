//! Which database this is: an id made with it, which the folder of the objects must carry too.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::StoreError;

/// A database that can be told from every other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Made by the migrations, and the same in a restored dump.
    pub id: Uuid,
    /// What its server calls the database; for people.
    pub database: String,
}

/// The database that is asked.
///
/// # Errors
/// [`StoreError::Inconsistent`] where its id was deleted.
pub async fn this(db: impl PgExecutor<'_>) -> Result<Instance, StoreError> {
    sqlx::query_as!(Instance, r#"select id, current_database()::text as "database!" from instance"#)
        .fetch_optional(db)
        .await?
        .ok_or_else(|| StoreError::Inconsistent("the table `instance` has no row".to_owned()))
}

/// The key that signs the addresses of downloads, the same for all processes.
///
/// # Errors
/// [`StoreError::Inconsistent`] where it was deleted.
pub async fn link_key(db: impl PgExecutor<'_>) -> Result<Vec<u8>, StoreError> {
    sqlx::query_scalar!("select link_key from instance")
        .fetch_optional(db)
        .await?
        .ok_or_else(|| StoreError::Inconsistent("the table `instance` has no row".to_owned()))
}
