//! The files of a track's release, the files packed in them, and who downloaded what.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::{DbSplit, StoreError, to_i64};
use crate::domain::ids::{FileId, TrackId, UserId};
use crate::domain::release::FileName;
use crate::domain::sha256::Sha256;

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Its id. New content gets a new id.
    pub id: FileId,
    /// Its name.
    pub name: FileName,
    /// The scenario it belongs to, if to a single one.
    pub scenario: Option<String>,
    /// The split it belongs to, if to a single one.
    pub split: Option<::scoring::Split>,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its content.
    pub sha256: Sha256,
    /// SHA-256 of the names, sizes and modification times of the files it was made from.
    pub fingerprint: Sha256,
    /// Whether it bundles content that the other files have too.
    pub is_bundle: bool,
    /// Whether it is an archive of the organiser's, released unchanged.
    pub is_verbatim: bool,
    /// Since when participants see it.
    pub released_at: OffsetDateTime,
}

/// A file packed in an archive.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PackedFile {
    /// Its path below the track's folder.
    pub path: String,
    /// The offset of its first byte in the archive.
    pub begins: u64,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its content.
    pub sha256: Sha256,
}

struct FileRow {
    id: FileId,
    name: FileName,
    scenario: Option<String>,
    split: Option<DbSplit>,
    size: i64,
    sha256: Sha256,
    fingerprint: Sha256,
    is_bundle: bool,
    is_verbatim: bool,
    released_at: OffsetDateTime,
}

impl From<FileRow> for ReleaseFile {
    fn from(row: FileRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            scenario: row.scenario,
            split: row.split.map(Into::into),
            size: row.size.unsigned_abs(),
            sha256: row.sha256,
            fingerprint: row.fingerprint,
            is_bundle: row.is_bundle,
            is_verbatim: row.is_verbatim,
            released_at: row.released_at,
        }
    }
}

/// The files of a track, in the order of the list.
pub async fn files(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<ReleaseFile>, StoreError> {
    let rows = sqlx::query_as!(
        FileRow,
        r#"select id as "id: FileId", name as "name: FileName", scenario, split as "split: DbSplit", size, sha256 as "sha256: Sha256",
                  fingerprint as "fingerprint: Sha256", is_bundle, is_verbatim, released_at
           from release_files where track_id = $1 order by position"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(ReleaseFile::from).collect())
}

/// The file with this id, and the track it belongs to.
pub async fn by_id(db: impl PgExecutor<'_>, id: FileId) -> Result<Option<(TrackId, ReleaseFile)>, StoreError> {
    let row = sqlx::query!(
        r#"select track_id as "track_id: TrackId", name as "name: FileName", scenario, split as "split: DbSplit", size, sha256 as "sha256: Sha256",
                  fingerprint as "fingerprint: Sha256", is_bundle, is_verbatim, released_at
           from release_files where id = $1"#,
        id.as_uuid(),
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let file = FileRow {
        id,
        name: row.name,
        scenario: row.scenario,
        split: row.split,
        size: row.size,
        sha256: row.sha256,
        fingerprint: row.fingerprint,
        is_bundle: row.is_bundle,
        is_verbatim: row.is_verbatim,
        released_at: row.released_at,
    };
    Ok(Some((row.track_id, file.into())))
}

/// Those of these files that are part of a release.
pub async fn known(db: impl PgExecutor<'_>, ids: &[FileId]) -> Result<Vec<FileId>, StoreError> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query_scalar!(r#"select id as "id: FileId" from release_files where id = any($1)"#, &ids);
    Ok(rows.fetch_all(db).await?)
}

struct PackedFileRow {
    path: String,
    begins: i64,
    size: i64,
    sha256: Sha256,
}

impl From<PackedFileRow> for PackedFile {
    fn from(row: PackedFileRow) -> Self {
        Self { path: row.path, begins: row.begins.unsigned_abs(), size: row.size.unsigned_abs(), sha256: row.sha256 }
    }
}

/// The files packed in a file, by path.
pub async fn packed_files(db: impl PgExecutor<'_>, file: FileId) -> Result<Vec<PackedFile>, StoreError> {
    let rows = sqlx::query_as!(
        PackedFileRow,
        r#"select path, begins, size, sha256 as "sha256: Sha256" from packed_files where file_id = $1 order by path"#,
        file.as_uuid(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(PackedFile::from).collect())
}

/// The packed file of a track at this path, and the id of the archive it is in.
pub async fn packed_file(
    db: impl PgExecutor<'_>,
    track: TrackId,
    path: &str,
) -> Result<Option<(FileId, PackedFile)>, StoreError> {
    let row = sqlx::query!(
        r#"select f.id as "id: FileId", m.path, m.begins, m.size, m.sha256 as "sha256: Sha256"
           from packed_files m join release_files f on f.id = m.file_id
           where f.track_id = $1 and m.path = $2
           -- What is in an archive of everything is in a smaller one, too.
           order by f.is_bundle limit 1"#,
        track.as_uuid(),
        path,
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let packed = PackedFileRow { path: row.path, begins: row.begins, size: row.size, sha256: row.sha256 };
    Ok(Some((row.id, packed.into())))
}

/// The file packed in this archive at this path.
pub async fn packed_file_in(
    db: impl PgExecutor<'_>,
    file: FileId,
    path: &str,
) -> Result<Option<PackedFile>, StoreError> {
    let row = sqlx::query_as!(
        PackedFileRow,
        r#"select path, begins, size, sha256 as "sha256: Sha256" from packed_files where file_id = $1 and path = $2"#,
        file.as_uuid(),
        path,
    );
    Ok(row.fetch_optional(db).await?.map(PackedFile::from))
}

/// Replaces the track's release by these files, each with the files packed in it.
pub async fn publish(
    db: &mut PgConnection,
    track: TrackId,
    files: &[(ReleaseFile, Vec<PackedFile>)],
) -> Result<(), StoreError> {
    sqlx::query!("delete from release_files where track_id = $1", track.as_uuid()).execute(&mut *db).await?;
    for (position, (file, packed_files)) in (0_i32..).zip(files) {
        sqlx::query!(
            "insert into release_files (id, track_id, position, name, scenario, split, size, sha256, fingerprint,
                 is_bundle, is_verbatim, released_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            file.id.as_uuid(),
            track.as_uuid(),
            position,
            file.name.as_str(),
            file.scenario,
            file.split.map(DbSplit::from) as Option<DbSplit>,
            to_i64(file.size),
            file.sha256 as Sha256,
            file.fingerprint as Sha256,
            file.is_bundle,
            file.is_verbatim,
            file.released_at,
        )
        .execute(&mut *db)
        .await?;
        insert_packed_files(&mut *db, file.id, packed_files).await?;
    }
    Ok(())
}

async fn insert_packed_files(
    db: &mut PgConnection,
    file: FileId,
    packed_files: &[PackedFile],
) -> Result<(), StoreError> {
    let paths: Vec<String> = packed_files.iter().map(|packed| packed.path.clone()).collect();
    let begins: Vec<i64> = packed_files.iter().map(|packed| to_i64(packed.begins)).collect();
    let sizes: Vec<i64> = packed_files.iter().map(|packed| to_i64(packed.size)).collect();
    let hashes: Vec<Vec<u8>> = packed_files.iter().map(|packed| packed.sha256.as_bytes().to_vec()).collect();
    sqlx::query!(
        "insert into packed_files (file_id, path, begins, size, sha256)
         select $1, * from unnest($2::text[], $3::bigint[], $4::bigint[], $5::bytea[])",
        file.as_uuid(),
        &paths,
        &begins,
        &sizes,
        &hashes,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Counts a download when it begins.
pub async fn count_download(
    db: impl PgExecutor<'_>,
    track: TrackId,
    name: &FileName,
    user: UserId,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into downloads (track_id, name, user_id, times, last_at) values ($1, $2, $3, 1, $4)
         on conflict (track_id, name, user_id) do update set times = downloads.times + 1, last_at = excluded.last_at",
        track.as_uuid(),
        name.as_str(),
        user.as_uuid(),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How often a file was downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadCount {
    /// The file's name.
    pub name: String,
    /// How many downloads were begun.
    pub times: i64,
    /// By how many accounts.
    pub accounts: i64,
}

/// How often each file of a track was downloaded; files that nobody downloaded are left out.
pub async fn download_counts(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<DownloadCount>, StoreError> {
    Ok(sqlx::query_as!(
        DownloadCount,
        r#"select name, sum(times)::bigint as "times!", count(*) as "accounts!"
           from downloads where track_id = $1 group by name"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}
