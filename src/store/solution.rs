//! The hidden truth: which challenge points are members.

use scoring::{Membership, Split, SplitSolution, TrackShape};
use sqlx::{PgConnection, PgExecutor};

use super::{DbSplit, StoreError};
use crate::domain::ids::TrackId;

/// The solution of one target model as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSolution {
    /// The split the model belongs to.
    pub split: Split,
    /// Its scenario.
    pub scenario: String,
    /// Its name.
    pub model: String,
    /// Membership of each challenge point, in their order.
    pub membership: Vec<Membership>,
}

fn to_bytes(membership: &[Membership]) -> Vec<u8> {
    membership.iter().map(|truth| u8::from(*truth == Membership::Member)).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<Membership> {
    bytes.iter().map(|byte| if *byte == 1 { Membership::Member } else { Membership::NonMember }).collect()
}

/// Writes all solutions of a track anew.
pub async fn replace(db: &mut PgConnection, track: TrackId, solutions: &[ModelSolution]) -> Result<(), StoreError> {
    sqlx::query!("delete from solutions where track_id = $1", track.as_uuid()).execute(&mut *db).await?;
    let splits: Vec<DbSplit> = solutions.iter().map(|one| one.split.into()).collect();
    let scenarios: Vec<String> = solutions.iter().map(|one| one.scenario.clone()).collect();
    let models: Vec<String> = solutions.iter().map(|one| one.model.clone()).collect();
    let memberships: Vec<Vec<u8>> = solutions.iter().map(|one| to_bytes(&one.membership)).collect();
    sqlx::query!(
        "insert into solutions (track_id, split, scenario, model, membership)
         select $1, * from unnest($2::split[], $3::text[], $4::text[], $5::bytea[])",
        track.as_uuid(),
        &splits as _,
        &scenarios,
        &models,
        &memberships,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// All solutions kept for a track, by split, scenario and model name.
pub async fn all(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<ModelSolution>, StoreError> {
    let rows = sqlx::query!(
        r#"select split as "split: DbSplit", scenario, model, membership
           from solutions where track_id = $1 order by split, scenario, model"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ModelSolution {
            split: row.split.into(),
            scenario: row.scenario,
            model: row.model,
            membership: from_bytes(&row.membership),
        })
        .collect())
}

/// Whether every target model of a split has its solution.
///
/// # Errors
/// [`StoreError::Inconsistent`] where there is no such track.
pub async fn is_complete(db: &mut PgConnection, track: TrackId, split: Split) -> Result<bool, StoreError> {
    let found = super::track::by_id(&mut *db, track).await?;
    let found = found.ok_or_else(|| StoreError::Inconsistent("the track is gone".to_owned()))?;
    let models: usize = found.shape.scenarios().iter().map(|scenario| scenario.models(split).len()).sum();
    let solved = sqlx::query_scalar!(
        r#"select count(*) as "n!" from solutions where track_id = $1 and split = $2"#,
        track.as_uuid(),
        DbSplit::from(split) as DbSplit,
    )
    .fetch_one(db)
    .await?;
    Ok(usize::try_from(solved).is_ok_and(|solved| solved == models))
}

/// The whole solution of one split, in the order of the shape.
///
/// # Errors
/// [`StoreError::Inconsistent`] where a target model of the shape has no solution or one of another length.
pub async fn of_split(
    db: impl PgExecutor<'_>,
    track: TrackId,
    shape: &TrackShape,
    split: Split,
) -> Result<SplitSolution, StoreError> {
    let mut kept: std::collections::HashMap<(String, String), Vec<Membership>> = sqlx::query!(
        "select scenario, model, membership from solutions where track_id = $1 and split = $2",
        track.as_uuid(),
        DbSplit::from(split) as DbSplit,
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(|row| ((row.scenario, row.model), from_bytes(&row.membership)))
    .collect();
    let mut scenarios = Vec::with_capacity(shape.scenarios().len());
    for scenario in shape.scenarios() {
        let mut models = Vec::with_capacity(scenario.models(split).len());
        for model in scenario.models(split) {
            let key = (scenario.name().to_owned(), model.name.clone());
            let membership = kept
                .remove(&key)
                .ok_or_else(|| StoreError::Inconsistent(format!("no solution for {}/{split}/{}", key.0, key.1)))?;
            models.push(membership);
        }
        scenarios.push(models);
    }
    SplitSolution::new(shape, split, scenarios).map_err(|error| StoreError::Inconsistent(error.to_string()))
}
