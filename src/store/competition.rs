//! Competitions.

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::ids::CompetitionId;
use crate::domain::slug::Slug;

/// A competition.
#[derive(Debug, Clone)]
pub struct Competition {
    /// Its identifier.
    pub id: CompetitionId,
    /// Its short name.
    pub slug: Slug,
    /// Its title.
    pub title: String,
    /// What it is, in a sentence or two.
    pub description: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// The competition of a slug.
pub async fn by_slug(db: impl PgExecutor<'_>, slug: &Slug) -> Result<Option<Competition>, StoreError> {
    Ok(sqlx::query_as!(
        Competition,
        r#"select id as "id: CompetitionId", slug as "slug: Slug", title, description, created_at
           from competitions where slug = $1"#,
        slug.as_str(),
    )
    .fetch_optional(db)
    .await?)
}

/// A place in the list of competitions, which is ordered by when they were made, newest first, and then by slug.
pub type Place = (OffsetDateTime, String);

/// The newest competitions behind `after`.
pub async fn list(db: impl PgExecutor<'_>, after: Option<&Place>, most: usize) -> Result<Vec<Competition>, StoreError> {
    Ok(sqlx::query_as!(
        Competition,
        r#"select id as "id: CompetitionId", slug as "slug: Slug", title, description, created_at
           from competitions
           where $1::timestamptz is null or created_at < $1 or (created_at = $1 and slug > $2)
           order by created_at desc, slug limit $3"#,
        after.map(|(created_at, _)| *created_at),
        after.map(|(_, slug)| slug.as_str()),
        super::to_i64(most as u64),
    )
    .fetch_all(db)
    .await?)
}

/// Makes a competition; does nothing where the slug exists.
pub async fn create_if_missing(
    db: impl PgExecutor<'_>,
    slug: &Slug,
    title: &str,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into competitions (id, slug, title, created_at) values ($1, $2, $3, $4)
         on conflict on constraint competitions_slug_key do nothing",
        CompetitionId::generate().as_uuid(),
        slug.as_str(),
        title,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives a competition its title and text.
pub async fn set_texts(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
    title: &str,
    description: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update competitions set title = $2, description = $3 where id = $1",
        competition.as_uuid(),
        title,
        description
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Locks a competition until the transaction ends, so that its texts are changed by one at a time.
pub async fn lock(db: &mut PgConnection, slug: &Slug) -> Result<(), StoreError> {
    sqlx::query!("select from competitions where slug = $1 for no key update", slug.as_str())
        .fetch_optional(db)
        .await?;
    Ok(())
}
