//! `callimico migrate`: applies the missing migrations to the database.

use super::{Failure, Session};
use crate::config::StorageConfig;

pub(super) async fn run(storage: &StorageConfig) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    super::output::line!("the database is up to date");
    session.close(Ok(())).await
}
