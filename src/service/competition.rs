//! What organisers set for a competition: its title, its text and the order of its tracks.

use sqlx::PgConnection;
use thiserror::Error;

use super::lifecycle::By;
use crate::app::App;
use crate::domain::log_event::LogEvent;
use crate::domain::phase::Phase;
use crate::domain::sha256::Sha256;
use crate::domain::slug::Slug;
use crate::store::competition::Competition;
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// What a competition is to be; `None`: as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its title, 1 to 200 characters on one line.
    pub title: Option<String>,
    /// Its text, Markdown.
    pub description: Option<String>,
    /// Its tracks in the order in which they are shown. Those that are not named follow in the order they have.
    pub tracks: Option<Vec<Slug>>,
}

/// Why a competition was not changed.
#[derive(Debug, Error)]
pub enum CompetitionError {
    /// There is no such competition.
    #[error("there is no competition {0}: the first import of a track makes it")]
    NoCompetition(Slug),
    /// A track is named that the competition has not.
    #[error("{competition} has no track {track}")]
    NoTrack {
        /// The competition.
        competition: Slug,
        /// What was named.
        track: Slug,
    },
    /// A track is named twice.
    #[error("the track {0} is named twice")]
    Twice(Slug),
    /// The title is none.
    #[error("a title has 1 to 200 characters, and no control characters")]
    Title,
    /// The text is too long.
    #[error("a competition's text has at most 100,000 characters")]
    Text,
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CompetitionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A competition with its tracks, in their order.
#[derive(Debug, Clone)]
pub struct Described {
    /// The competition.
    pub competition: Competition,
    /// Its tracks.
    pub tracks: Vec<Slug>,
}

/// A competition as it is.
///
/// # Errors
/// There is no such competition, or the database cannot answer.
pub async fn describe(app: &App, slug: &Slug) -> Result<Described, CompetitionError> {
    let mut db = app.db.begin().await?;
    let (competition, tracks) = load(&mut db, slug).await?;
    Ok(Described { competition, tracks: tracks.into_iter().map(|track| track.slug).collect() })
}

async fn load(db: &mut PgConnection, slug: &Slug) -> Result<(Competition, Vec<Track>), CompetitionError> {
    let competition = store::competition::by_slug(&mut *db, slug).await?;
    let competition = competition.ok_or_else(|| CompetitionError::NoCompetition(slug.clone()))?;
    Ok((competition, store::track::of_competition(&mut *db, slug).await?))
}

/// Changes a competition, and tells the logs of its tracks that are no drafts; says whether anything is another now.
///
/// # Errors
/// There is no such competition or track, a track is named twice, a text is too long, or the database cannot answer.
pub async fn change(app: &App, slug: &Slug, wanted: Wanted, by: By<'_>) -> Result<bool, CompetitionError> {
    let mut db = app.db.begin().await?;
    // Of two who change it at once the second starts from what the first has made.
    store::competition::lock(&mut db, slug).await?;
    let (competition, mut tracks) = load(&mut db, slug).await?;
    let title = wanted.title.unwrap_or_else(|| competition.title.clone()).trim().to_owned();
    if !(1..=200).contains(&title.chars().count()) || title.chars().any(char::is_control) {
        return Err(CompetitionError::Title);
    }
    let description = wanted.description.unwrap_or_else(|| competition.description.clone());
    if description.chars().count() > 100_000 {
        return Err(CompetitionError::Text);
    }
    let before: Vec<Slug> = tracks.iter().map(|track| track.slug.clone()).collect();
    let order = ordered(slug, &before, wanted.tracks.unwrap_or_default())?;
    let digest = |text: &str| Sha256::of(text.as_bytes()).to_string();
    // By its hash, too: tracks that are drafts are named to nobody.
    let listed = |order: &[Slug]| digest(&order.iter().map(Slug::to_string).collect::<Vec<_>>().join(","));
    let changed: Vec<(&str, String, String)> = [
        ("competition.title", digest(&competition.title), digest(&title)),
        ("competition.description", digest(&competition.description), digest(&description)),
        ("competition.tracks", listed(&before), listed(&order)),
    ]
    .into_iter()
    .filter(|(_, old, new)| old != new)
    .collect();
    if changed.is_empty() {
        return Ok(false);
    }
    // All tracks are held, in the order of their ids, before any log is written; the events go to each in slug order.
    tracks.sort_by_key(|track| track.id);
    for track in &tracks {
        store::track::lock_entries(&mut db, track.id).await?;
    }
    let now = app.database_time(&mut *db).await?;
    store::competition::set_texts(&mut *db, competition.id, &title, &description).await?;
    tracks.sort_by(|a, b| a.slug.as_str().cmp(b.slug.as_str()));
    for track in &tracks {
        let place = order.iter().position(|other| *other == track.slug).unwrap_or(order.len());
        store::track::set_place(&mut db, track.id, i32::try_from(place).unwrap_or(i32::MAX)).await?;
        if track.phase == Phase::Draft {
            continue;
        }
        for (field, old, new) in &changed {
            let event = LogEvent::Settings { field: (*field).to_owned(), old: old.clone(), new: new.clone() };
            store::log::append(&mut db, track.id, event, by.detail(), now).await?;
        }
    }
    db.commit().await?;
    Ok(true)
}

/// The tracks that were named, and then the others as they stood.
fn ordered(competition: &Slug, before: &[Slug], named: Vec<Slug>) -> Result<Vec<Slug>, CompetitionError> {
    let mut order: Vec<Slug> = Vec::with_capacity(before.len());
    for track in named {
        if !before.contains(&track) {
            return Err(CompetitionError::NoTrack { competition: competition.clone(), track });
        }
        if order.contains(&track) {
            return Err(CompetitionError::Twice(track));
        }
        order.push(track);
    }
    let others: Vec<Slug> = before.iter().filter(|track| !order.contains(track)).cloned().collect();
    order.extend(others);
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_follows_as_it_stood() {
        let slug = |text: &str| text.parse::<Slug>().expect("a slug");
        let slugs = |texts: &[&str]| texts.iter().map(|text| slug(text)).collect::<Vec<_>>();
        let before = slugs(&["cifar10", "purchase100", "sst2"]);
        let order = |named: &[&str]| ordered(&slug("mico"), &before, slugs(named));
        assert_eq!(order(&["sst2"]).expect("known"), slugs(&["sst2", "cifar10", "purchase100"]));
        assert_eq!(order(&[]).expect("known"), before);
        assert!(matches!(order(&["other"]), Err(CompetitionError::NoTrack { .. })));
        assert!(matches!(order(&["sst2", "sst2"]), Err(CompetitionError::Twice(_))));
    }
}
