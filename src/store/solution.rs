//! The hidden truth: which challenge points are members.

use scoring::commitment::ModelPath;
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
    /// The random bytes of its line in the commitment; there once the labels are committed to.
    pub salt: Option<[u8; 32]>,
}

impl ModelSolution {
    /// Which target model it is of.
    pub fn path(&self) -> ModelPath {
        ModelPath { scenario: self.scenario.clone(), split: self.split, model: self.model.clone() }
    }
}

fn to_bytes(membership: &[Membership]) -> Vec<u8> {
    membership.iter().map(|truth| u8::from(*truth == Membership::Member)).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<Membership> {
    bytes.iter().map(|byte| if *byte == 1 { Membership::Member } else { Membership::NonMember }).collect()
}

/// Writes a version of a track's solutions anew.
pub async fn replace(
    db: &mut PgConnection,
    track: TrackId,
    version: i32,
    solutions: &[ModelSolution],
) -> Result<(), StoreError> {
    sqlx::query!("delete from solutions where track_id = $1 and version = $2", track.as_uuid(), version)
        .execute(&mut *db)
        .await?;
    let splits: Vec<DbSplit> = solutions.iter().map(|one| one.split.into()).collect();
    let scenarios: Vec<String> = solutions.iter().map(|one| one.scenario.clone()).collect();
    let models: Vec<String> = solutions.iter().map(|one| one.model.clone()).collect();
    let memberships: Vec<Vec<u8>> = solutions.iter().map(|one| to_bytes(&one.membership)).collect();
    let salts: Vec<Option<Vec<u8>>> = solutions.iter().map(|one| one.salt.map(|salt| salt.to_vec())).collect();
    sqlx::query!(
        "insert into solutions (track_id, version, split, scenario, model, membership, salt)
         select $1, $2, * from unnest($3::split[], $4::text[], $5::text[], $6::bytea[], $7::bytea[])",
        track.as_uuid(),
        version,
        &splits as _,
        &scenarios,
        &models,
        &memberships,
        &salts as _,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The version of the solutions that a track is scored against, by split, scenario and model name.
pub async fn all(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<ModelSolution>, StoreError> {
    let rows = sqlx::query!(
        r#"select split as "split: DbSplit", scenario, model, membership, salt
           from solutions
           where track_id = $1 and version = (select labels_version from tracks where id = $1)
           order by split, scenario, model"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?;
    let read = |salt: Vec<u8>| {
        <[u8; 32]>::try_from(salt).map_err(|_| StoreError::Inconsistent("a salt has another length".to_owned()))
    };
    rows.into_iter()
        .map(|row| {
            Ok(ModelSolution {
                split: row.split.into(),
                scenario: row.scenario,
                model: row.model,
                membership: from_bytes(&row.membership),
                salt: row.salt.map(read).transpose()?,
            })
        })
        .collect()
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
        r#"select count(*) as "n!" from solutions where track_id = $1 and split = $2 and version = $3"#,
        track.as_uuid(),
        DbSplit::from(split) as DbSplit,
        found.ending.labels_version,
    )
    .fetch_one(db)
    .await?;
    Ok(usize::try_from(solved).is_ok_and(|solved| solved == models))
}

/// The whole solution of one split in a version of the labels, in the order of the shape.
///
/// # Errors
/// [`StoreError::Inconsistent`] where a target model of the shape has no solution or one of another length.
pub async fn of_split(
    db: impl PgExecutor<'_>,
    (track, version): (TrackId, i32),
    shape: &TrackShape,
    split: Split,
) -> Result<SplitSolution, StoreError> {
    let mut kept: std::collections::HashMap<(String, String), Vec<Membership>> = sqlx::query!(
        "select scenario, model, membership from solutions where track_id = $1 and split = $2 and version = $3",
        track.as_uuid(),
        DbSplit::from(split) as DbSplit,
        version,
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
