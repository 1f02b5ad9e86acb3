//! Organisers: the staff of a competition by name. Admins are staff of every competition and have no row here.

use sqlx::PgExecutor;

use super::StoreError;
use crate::domain::ids::{CompetitionId, UserId};

/// Somebody on the staff of a competition, or an admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organiser {
    /// The account's public name.
    pub name: String,
    /// Its e-mail address, where one was given.
    pub email: Option<String>,
}

/// The organisers of a competition, by name.
pub async fn list(db: impl PgExecutor<'_>, competition: CompetitionId) -> Result<Vec<Organiser>, StoreError> {
    Ok(sqlx::query_as!(
        Organiser,
        "select u.name, u.email from organisers o join users u on u.id = o.user_id
         where o.competition_id = $1 order by u.name_key",
        competition.as_uuid(),
    )
    .fetch_all(db)
    .await?)
}

/// The accounts that are staff of every competition, by name.
pub async fn admins(db: impl PgExecutor<'_>) -> Result<Vec<Organiser>, StoreError> {
    Ok(sqlx::query_as!(Organiser, "select name, email from users where is_admin order by name_key")
        .fetch_all(db)
        .await?)
}

/// Whether an account is an organiser of a competition by name (not by being an admin).
pub async fn is_one(db: impl PgExecutor<'_>, competition: CompetitionId, user: UserId) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"select exists (select from organisers where competition_id = $1 and user_id = $2) as "yes!""#,
        competition.as_uuid(),
        user.as_uuid(),
    )
    .fetch_one(db)
    .await?;
    Ok(row.yes)
}

/// Makes an account an organiser; says whether it was none before.
pub async fn add(db: impl PgExecutor<'_>, competition: CompetitionId, user: UserId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "insert into organisers (competition_id, user_id) values ($1, $2) on conflict do nothing",
        competition.as_uuid(),
        user.as_uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes an account off the staff; says whether it was on it.
pub async fn remove(db: impl PgExecutor<'_>, competition: CompetitionId, user: UserId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "delete from organisers where competition_id = $1 and user_id = $2",
        competition.as_uuid(),
        user.as_uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
