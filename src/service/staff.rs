//! Who is on the staff of a competition.

use sqlx::PgConnection;
use thiserror::Error;

use super::competing;
use crate::app::App;
use crate::domain::account::UserName;
use crate::domain::ids::{CompetitionId, UserId};
use crate::domain::slug::Slug;
use crate::store::organiser::Organiser;
use crate::store::{self, StoreError};

/// Why the staff was not listed or changed.
#[derive(Debug, Error)]
pub enum StaffError {
    /// There is no such competition.
    #[error("there is no competition {0}: the first import of a track makes it")]
    NoCompetition(Slug),
    /// There is no such account.
    #[error("there is no account named {0}")]
    NoAccount(UserName),
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for StaffError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The staff of a competition.
#[derive(Debug)]
pub struct Staff {
    /// Its organisers, by name.
    pub organisers: Vec<Organiser>,
    /// Admins, who are staff of every competition.
    pub admins: Vec<Organiser>,
}

/// The staff of a competition.
///
/// # Errors
/// There is no such competition, or the database cannot answer.
pub async fn list(app: &App, competition: &Slug) -> Result<Staff, StaffError> {
    let mut db = app.db.begin().await?;
    let id = competition_id(&mut db, competition).await?;
    let organisers = store::organiser::list(&mut *db, id).await?;
    Ok(Staff { organisers, admins: store::organiser::admins(&mut *db).await? })
}

/// Makes an account an organiser of a competition; says whether it was none before. From here on it competes in none of its
/// tracks.
///
/// # Errors
/// There is no such competition or account, or the database cannot answer.
pub async fn add(app: &App, competition: &Slug, name: &UserName) -> Result<bool, StaffError> {
    let mut db = app.db.begin().await?;
    let (competition, user) = found(&mut db, competition, name).await?;
    // Of an enrolment at the same time one sees what the other did.
    store::user::lock(&mut db, user).await?;
    let is_new = store::organiser::add(&mut *db, competition, user).await?;
    competing::becomes_staff(app, &mut db, competition, user).await?;
    db.commit().await?;
    Ok(is_new)
}

/// Takes an account off the staff of a competition; says whether it was on it. What it may no longer see or do, it may
/// not from the next request on, whatever sessions and tokens it has.
///
/// # Errors
/// There is no such competition or account, or the database cannot answer.
pub async fn remove(app: &App, competition: &Slug, name: &UserName) -> Result<bool, StaffError> {
    let mut db = app.db.begin().await?;
    let (competition, user) = found(&mut db, competition, name).await?;
    let was_one = store::organiser::remove(&mut *db, competition, user).await?;
    db.commit().await?;
    Ok(was_one)
}

async fn found(
    db: &mut PgConnection,
    competition: &Slug,
    name: &UserName,
) -> Result<(CompetitionId, UserId), StaffError> {
    let competition = competition_id(db, competition).await?;
    let user = store::user::by_name(db, name).await?.ok_or_else(|| StaffError::NoAccount(name.clone()))?;
    Ok((competition, user.id))
}

async fn competition_id(db: &mut PgConnection, slug: &Slug) -> Result<CompetitionId, StaffError> {
    let competition = store::competition::by_slug(db, slug).await?;
    Ok(competition.ok_or_else(|| StaffError::NoCompetition(slug.clone()))?.id)
}
