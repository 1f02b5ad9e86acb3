//! Versions of a track's labels, and the commitment to each.

use sqlx::PgExecutor;
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::ids::TrackId;
use crate::domain::sha256::Sha256;

/// A version of the labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelVersion {
    /// Its number, counted from 1.
    pub version: i32,
    /// SHA-256 of commitment.txt; `None`: nobody committed to these labels.
    pub root: Option<Sha256>,
    /// commitment.txt; `None` while the labels are kept elsewhere.
    pub text: Option<String>,
    /// When the commitment was made, or, where there is none, when the version came to be.
    pub made_at: OffsetDateTime,
}

/// A version of a track's labels; `None` before the track opened.
pub async fn version(
    db: impl PgExecutor<'_>,
    track: TrackId,
    version: i32,
) -> Result<Option<LabelVersion>, StoreError> {
    Ok(sqlx::query_as!(
        LabelVersion,
        r#"select version, root as "root: Sha256", text, made_at from label_versions
           where track_id = $1 and version = $2"#,
        track.as_uuid(),
        version,
    )
    .fetch_optional(db)
    .await?)
}

/// Writes down a version of a track's labels, in place of what was known of it.
pub async fn put(db: impl PgExecutor<'_>, track: TrackId, label: &LabelVersion) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into label_versions (track_id, version, root, text, made_at) values ($1, $2, $3, $4, $5)
         on conflict (track_id, version)
         do update set root = excluded.root, text = excluded.text, made_at = excluded.made_at",
        track.as_uuid(),
        label.version,
        label.root as Option<Sha256>,
        label.text,
        label.made_at,
    )
    .execute(db)
    .await?;
    Ok(())
}
