//! What participants are given: the files of a track's release, the single files within them, and who fetched what.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::{DbSplit, StoreError, to_i64};
use crate::domain::ids::{FileId, TrackId, UserId};
use crate::domain::release::FileName;

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Its identifier, another for another content.
    pub id: FileId,
    /// What it is called.
    pub name: FileName,
    /// The scenario it belongs to, if to one.
    pub scenario: Option<String>,
    /// The split it belongs to, if to one.
    pub split: Option<::scoring::Split>,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Hash of names, sizes and times of what it was made from.
    pub fingerprint: [u8; 32],
    /// Whether the other files hold what is in this one, too.
    pub is_whole: bool,
    /// Whether it was taken as the organiser had it.
    pub is_as_it_is: bool,
    /// Since when participants see it.
    pub released_at: OffsetDateTime,
}

/// A single file within an archive.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// Its path below the track's folder.
    pub path: String,
    /// The byte of the archive it begins at.
    pub begins: u64,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    #[serde(with = "hex::serde")]
    pub sha256: [u8; 32],
}

struct FileRow {
    id: FileId,
    name: String,
    scenario: Option<String>,
    split: Option<DbSplit>,
    size: i64,
    sha256: Vec<u8>,
    fingerprint: Vec<u8>,
    is_whole: bool,
    is_as_it_is: bool,
    released_at: OffsetDateTime,
}

fn hash(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Inconsistent("a hash that has not 32 bytes".to_owned()))
}

fn name(text: &str) -> Result<FileName, StoreError> {
    text.parse().map_err(|error| StoreError::Inconsistent(format!("a file of a release: {error}")))
}

impl TryFrom<FileRow> for ReleaseFile {
    type Error = StoreError;

    fn try_from(row: FileRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            name: name(&row.name)?,
            scenario: row.scenario,
            split: row.split.map(Into::into),
            size: row.size.unsigned_abs(),
            sha256: hash(&row.sha256)?,
            fingerprint: hash(&row.fingerprint)?,
            is_whole: row.is_whole,
            is_as_it_is: row.is_as_it_is,
            released_at: row.released_at,
        })
    }
}

/// The files of a track, in the order of the list.
pub async fn files(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<ReleaseFile>, StoreError> {
    let rows = sqlx::query_as!(
        FileRow,
        r#"select id as "id: FileId", name, scenario, split as "split: DbSplit", size, sha256, fingerprint,
                  is_whole, is_as_it_is, released_at
           from release_files where track_id = $1 order by position"#,
        track.as_uuid(),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(ReleaseFile::try_from).collect()
}

/// The file of an identifier, and the track it belongs to.
pub async fn by_id(db: impl PgExecutor<'_>, id: FileId) -> Result<Option<(TrackId, ReleaseFile)>, StoreError> {
    let row = sqlx::query!(
        r#"select track_id as "track_id: TrackId", name, scenario, split as "split: DbSplit", size, sha256, fingerprint,
                  is_whole, is_as_it_is, released_at
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
        is_whole: row.is_whole,
        is_as_it_is: row.is_as_it_is,
        released_at: row.released_at,
    };
    Ok(Some((row.track_id, file.try_into()?)))
}

/// Which of these files participants see.
pub async fn known(db: impl PgExecutor<'_>, ids: &[FileId]) -> Result<Vec<FileId>, StoreError> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query_scalar!(r#"select id as "id: FileId" from release_files where id = any($1)"#, &ids);
    Ok(rows.fetch_all(db).await?)
}

struct MemberRow {
    path: String,
    begins: i64,
    size: i64,
    sha256: Vec<u8>,
}

impl TryFrom<MemberRow> for Member {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<Self, StoreError> {
        Ok(Self {
            path: row.path,
            begins: row.begins.unsigned_abs(),
            size: row.size.unsigned_abs(),
            sha256: hash(&row.sha256)?,
        })
    }
}

/// The single files within a file, by path.
pub async fn members(db: impl PgExecutor<'_>, file: FileId) -> Result<Vec<Member>, StoreError> {
    let rows = sqlx::query_as!(
        MemberRow,
        "select path, begins, size, sha256 from release_members where file_id = $1 order by path",
        file.as_uuid(),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Member::try_from).collect()
}

/// A single file of a track by its path, and the file it lies in.
pub async fn member(
    db: impl PgExecutor<'_>,
    track: TrackId,
    path: &str,
) -> Result<Option<(FileId, Member)>, StoreError> {
    let row = sqlx::query!(
        r#"select f.id as "id: FileId", m.path, m.begins, m.size, m.sha256
           from release_members m join release_files f on f.id = m.file_id
           where f.track_id = $1 and m.path = $2
           -- What is in an archive of everything is in a smaller one, too.
           order by f.is_whole limit 1"#,
        track.as_uuid(),
        path,
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let member = MemberRow { path: row.path, begins: row.begins, size: row.size, sha256: row.sha256 };
    Ok(Some((row.id, member.try_into()?)))
}

/// A single file within a file, by its path.
pub async fn member_of(db: impl PgExecutor<'_>, file: FileId, path: &str) -> Result<Option<Member>, StoreError> {
    let row = sqlx::query_as!(
        MemberRow,
        "select path, begins, size, sha256 from release_members where file_id = $1 and path = $2",
        file.as_uuid(),
        path,
    );
    row.fetch_optional(db).await?.map(Member::try_from).transpose()
}

/// Lets participants see these files, each with the single files in it, and none but these.
pub async fn publish(
    db: &mut PgConnection,
    track: TrackId,
    files: &[(ReleaseFile, Vec<Member>)],
) -> Result<(), StoreError> {
    sqlx::query!("delete from release_files where track_id = $1", track.as_uuid()).execute(&mut *db).await?;
    for (position, (file, members)) in (0_i32..).zip(files) {
        sqlx::query!(
            "insert into release_files (id, track_id, position, name, scenario, split, size, sha256, fingerprint,
                 is_whole, is_as_it_is, released_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            file.id.as_uuid(),
            track.as_uuid(),
            position,
            file.name.as_str(),
            file.scenario,
            file.split.map(DbSplit::from) as Option<DbSplit>,
            to_i64(file.size),
            &file.sha256,
            &file.fingerprint,
            file.is_whole,
            file.is_as_it_is,
            file.released_at,
        )
        .execute(&mut *db)
        .await?;
        insert_members(&mut *db, file.id, members).await?;
    }
    Ok(())
}

async fn insert_members(db: &mut PgConnection, file: FileId, members: &[Member]) -> Result<(), StoreError> {
    let paths: Vec<String> = members.iter().map(|member| member.path.clone()).collect();
    let begins: Vec<i64> = members.iter().map(|member| to_i64(member.begins)).collect();
    let sizes: Vec<i64> = members.iter().map(|member| to_i64(member.size)).collect();
    let hashes: Vec<Vec<u8>> = members.iter().map(|member| member.sha256.to_vec()).collect();
    sqlx::query!(
        "insert into release_members (file_id, path, begins, size, sha256)
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

/// Counts a download that begins.
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

/// How often a file was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadCount {
    /// The file's name.
    pub name: String,
    /// Downloads begun.
    pub times: i64,
    /// By how many accounts.
    pub accounts: i64,
}

/// How often each file of a track was fetched; of those that nobody fetched nothing is said.
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
