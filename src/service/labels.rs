//! The labels of a track: the commitment to them, and their versions.

use std::collections::BTreeMap;

use scoring::commitment::{Commitment, ModelPath, Salt};
use scoring::{Split, TrackShape};
use sqlx::PgConnection;
use thiserror::Error;
use time::OffsetDateTime;

use crate::domain::ids::TrackId;
use crate::domain::log_event::LogEvent;
use crate::domain::sha256::Sha256;
use crate::store::label::LabelVersion;
use crate::store::log::Detail;
use crate::store::solution::ModelSolution;
use crate::store::{self, StoreError};

/// Why labels cannot be committed to.
#[derive(Debug, Error)]
pub enum LabelError {
    /// Not every dev and final model has its labels.
    #[error("labels are missing: {0}")]
    Missing(String),
    /// The labels give another root than the one that was published.
    #[error("the labels and salts give the root {found}, and the one that was published is {expected}")]
    OtherRoot {
        /// What was published.
        expected: Sha256,
        /// What the labels give.
        found: Sha256,
    },
    /// The system cannot supply randomness.
    #[error("the system cannot supply randomness")]
    Randomness(#[source] anyhow::Error),
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives every solution that has none its 32 random bytes.
///
/// # Errors
/// The system cannot supply randomness.
pub fn add_salts(solutions: &mut [ModelSolution]) -> Result<(), LabelError> {
    for one in solutions.iter_mut().filter(|one| one.salt.is_none()) {
        one.salt = Some(crate::secret::random_bytes().map_err(LabelError::Randomness)?);
    }
    Ok(())
}

/// The commitment to labels with their salts. Where a root was published, it must be that one.
///
/// # Errors
/// [`LabelError::Missing`] names the first model of the shape without labels or salt; [`LabelError::OtherRoot`].
pub fn commitment(
    shape: &TrackShape,
    solutions: &[ModelSolution],
    published: Option<Sha256>,
) -> Result<Commitment, LabelError> {
    let by_path: BTreeMap<ModelPath, &ModelSolution> = solutions.iter().map(|one| (one.path(), one)).collect();
    let of = |path: &ModelPath| {
        let found = by_path.get(path)?;
        Some((Salt::from_bytes(found.salt?), found.membership.clone()))
    };
    let made = Commitment::of(shape, of).map_err(|error| LabelError::Missing(error.to_string()))?;
    let found = Sha256::from(made.root());
    match published.filter(|expected| *expected != found) {
        Some(expected) => Err(LabelError::OtherRoot { expected, found }),
        None => Ok(made),
    }
}

/// Whether every dev and every final model of a track has its labels.
///
/// # Errors
/// The database cannot answer.
pub async fn are_complete(db: &mut PgConnection, track: TrackId) -> Result<bool, StoreError> {
    Ok(store::solution::is_complete(db, track, Split::Dev).await?
        && store::solution::is_complete(db, track, Split::Final).await?)
}

/// Commits to the labels of a version, which must be complete: gives them salts where they have none, stores the
/// commitment with the instant at which it was made, and tells the log. A root that was published before must fit.
///
/// # Errors
/// Labels are missing, or the root is another.
pub async fn commit(
    db: &mut PgConnection,
    (track, version): (TrackId, i32),
    shape: &TrackShape,
    mut solutions: Vec<ModelSolution>,
    published: Option<&LabelVersion>,
    now: OffsetDateTime,
) -> Result<Sha256, LabelError> {
    add_salts(&mut solutions)?;
    let expected = published.and_then(|label| Some((label.root?, label.made_at)));
    let commitment = commitment(shape, &solutions, expected.map(|(root, _)| root))?;
    let root = Sha256::from(commitment.root());
    store::solution::replace(db, track, version, &solutions).await?;
    let made_at = expected.map_or(now, |(_, made_at)| made_at);
    let label = LabelVersion { version, root: Some(root), text: Some(commitment.text()), made_at };
    store::label::put(&mut *db, track, &label).await?;
    if expected.is_none() {
        let event = LogEvent::Commitment { root, version: version.unsigned_abs() };
        store::log::append(db, track, event, Detail::default(), now).await?;
    }
    Ok(root)
}
