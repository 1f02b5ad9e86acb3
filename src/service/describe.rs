//! What an owner says of a submission that was taken: in words, and where its method is described. In every phase.

use thiserror::Error;

use super::submit::{Details, DetailsError};
use crate::app::App;
use crate::domain::ids::SubmissionId;
use crate::store::{self, StoreError};

/// What becomes another; `None`: it stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// The description; blank takes it away.
    pub description: Option<String>,
    /// Where the method is described; blank takes it away.
    pub method_url: Option<String>,
}

/// Why a submission was not described.
#[derive(Debug, Error)]
pub enum DescribeError {
    /// There is no such submission.
    #[error("there is no submission {0}")]
    NoSubmission(SubmissionId),
    /// What is said cannot be taken.
    #[error(transparent)]
    Details(#[from] DetailsError),
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for DescribeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Describes a submission anew; boards and results show it at once. The same again changes nothing.
///
/// # Errors
/// There is no such submission, what is said cannot be taken, or the database cannot answer.
pub async fn describe(app: &App, id: SubmissionId, said: Described) -> Result<(), DescribeError> {
    let mut db = app.db.begin().await?;
    let sent = store::submission::by_id(&mut *db, id).await?.ok_or(DescribeError::NoSubmission(id))?;
    // The same order of locks as everybody who changes a board: participant, track.
    store::participant::lock(&mut db, sent.participant).await?;
    let before = store::submission::by_id(&mut *db, id).await?.ok_or(DescribeError::NoSubmission(id))?;
    let description = said.description.unwrap_or_else(|| before.description.clone());
    let method_url = said.method_url.or_else(|| before.method_url.clone());
    let now = Details::parse(Some(description), method_url, None)?;
    if (&now.description, &now.method_url) == (&before.description, &before.method_url) {
        return Ok(());
    }
    let at = app.database_time(&mut *db).await?;
    store::submission::describe(&mut *db, id, &now.description, now.method_url.as_deref(), at).await?;
    store::track::board_changed(&mut db, before.track, at).await?;
    store::submission::notify(&mut db, id).await?;
    db.commit().await?;
    Ok(())
}
