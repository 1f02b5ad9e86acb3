//! All SQL, one file a noun. Free functions over an executor (one statement) or a connection (several); the
//! caller owns the transaction; not found is `Ok(None)`. It must not know HTTP, templates or files.

pub mod benchmark;
pub mod competition;
pub mod entry;
pub mod health;
pub mod instance;
pub mod job;
pub mod label;
pub mod live;
pub mod log;
pub mod organiser;
pub mod participant;
pub mod ranking;
pub mod release;
pub mod rescoring;
pub mod scoring;
pub mod session;
pub mod solution;
pub mod submission;
pub mod token;
pub mod track;
pub mod user;

use thiserror::Error;

/// What can go wrong with the database.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another account, or another participant of the track, has this name.
    #[error("this name is taken")]
    NameTaken,
    /// The participant used this idempotency key before.
    #[error("this idempotency key was used before")]
    IdempotencyKeyTaken,
    /// What the database holds does not fit together.
    #[error("the database is inconsistent: {0}")]
    Inconsistent(String),
    /// The database could not answer.
    #[error("the database could not answer")]
    Database(#[from] sqlx::Error),
}

/// The migrations, built into the program.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// A transaction that sees what the database holds at one instant, and changes nothing.
///
/// # Errors
/// The database cannot answer.
pub async fn snapshot(db: &sqlx::PgPool) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, StoreError> {
    Ok(db.begin_with("begin isolation level repeatable read read only").await?)
}

/// A split as the database writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "split", rename_all = "lowercase")]
pub(crate) enum DbSplit {
    Train,
    Dev,
    Final,
}

impl From<::scoring::Split> for DbSplit {
    fn from(split: ::scoring::Split) -> Self {
        match split {
            ::scoring::Split::Train => Self::Train,
            ::scoring::Split::Dev => Self::Dev,
            ::scoring::Split::Final => Self::Final,
        }
    }
}

impl From<DbSplit> for ::scoring::Split {
    fn from(split: DbSplit) -> Self {
        match split {
            DbSplit::Train => Self::Train,
            DbSplit::Dev => Self::Dev,
            DbSplit::Final => Self::Final,
        }
    }
}

/// Whether the error is the violation of a named constraint.
fn violates(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) == Some(constraint)
}

// The database has no unsigned integers; our limits and sizes stay far below these ends.
fn to_i32(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
