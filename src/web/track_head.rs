//! The head of every page of a track: title, phase, dates, counts and tabs.

use time::OffsetDateTime;

use super::markdown;
use super::number::Counted;
use super::site::{Pill, Tone};
use super::timestamp::Timestamp;
use crate::app::App;
use crate::domain::phase::{Act, Phase, Refusal};
use crate::domain::visibility::{Audience, TrackAccess};
use crate::store::track::{Track, TrackCounts};
use crate::store::{self, StoreError};

/// The date that matters now: when the track opens, when it closes, or when it closed.
#[derive(Clone, Debug)]
pub(crate) struct KeyDate {
    /// `opens in`, `closes in` or `closed`.
    pub(crate) verb: &'static str,
    /// The time until then, or since.
    pub(crate) distance: Timestamp,
    /// The date itself.
    pub(crate) date: Timestamp,
}

impl KeyDate {
    /// The key date of `track` at `now`; `None` if that date is not set.
    pub(crate) fn of(track: &Track, now: OffsetDateTime) -> Option<Self> {
        let dates = track.settings.dates;
        let (verb, at, distance) = match (track.stage().admit(Act::Submit, now), dates.closes_at) {
            (Err(Refusal::NotYet(opens)), _) => {
                let at = opens.filter(|at| *at > now)?;
                ("opens in", at, Timestamp::until(at, now))
            }
            (Ok(()), Some(at)) => ("closes in", at, Timestamp::until(at, now)),
            (Err(Refusal::NoLonger(_)), Some(at)) if at <= now => ("closed", at, Timestamp::ago(at, now)),
            _ => return None,
        };
        Some(Self { verb, distance, date: Timestamp::deadline(at) })
    }
}

/// A track's phase as a label.
pub(crate) fn phase_pill(track: &Track, now: OffsetDateTime) -> Pill {
    let (word, tone) = match (track.phase, track.stage().admit(Act::Submit, now)) {
        (Phase::Draft, _) => ("In preparation", Tone::Quiet),
        (Phase::Open, Ok(())) => ("Open", Tone::Good),
        (Phase::Open, Err(Refusal::NotYet(_))) => ("Opens soon", Tone::Wait),
        (Phase::Open | Phase::Closed, _) => ("Closed", Tone::Quiet),
        (Phase::Revealed, _) => ("Final ranking out", Tone::Good),
        (Phase::Benchmark, _) => ("Open as a benchmark", Tone::Good),
    };
    Pill { word: word.to_owned(), tone }
}

/// The head of every page of a track.
#[derive(Clone, Debug)]
pub(crate) struct TrackHead {
    pub(crate) competition_slug: String,
    pub(crate) competition_title: String,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) summary: String,
    pub(crate) phase: Pill,
    pub(crate) key_date: Option<KeyDate>,
    pub(crate) participants: Counted,
    /// Scored submissions.
    pub(crate) entries: Counted,
    /// What the ranking number is made of, as in `mean of three scenarios`.
    pub(crate) ranking_over: String,
    pub(crate) tab: Tab,
    /// Whether the reader organises the track, and sees the way to the pages for organisers.
    is_organiser: bool,
}

/// The pages of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Data,
    Rules,
    Leaderboard,
    Submit,
    Submissions,
    /// For organisers alone.
    Organise,
}

impl Tab {
    const ALL: [Self; 7] =
        [Self::Overview, Self::Data, Self::Rules, Self::Leaderboard, Self::Submit, Self::Submissions, Self::Organise];

    fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Data => "/data",
            Self::Rules => "/rules",
            Self::Leaderboard => "/leaderboard",
            Self::Submit => "/submit",
            Self::Submissions => "/submissions",
            Self::Organise => "/organise/final",
        }
    }

    /// The label, and a shorter one for phones.
    fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Overview => ("Overview", "Overview"),
            Self::Data => ("Data", "Data"),
            Self::Rules => ("Rules", "Rules"),
            Self::Leaderboard => ("Leaderboard", "Board"),
            Self::Submit => ("Submit", "Submit"),
            Self::Submissions => ("My submissions", "Mine"),
            Self::Organise => ("Organise", "Organise"),
        }
    }
}

impl TrackHead {
    /// Loads the head of `track`'s page `tab` for a reader with this access.
    ///
    /// # Errors
    /// The database cannot be queried.
    pub(crate) async fn load(app: &App, track: &Track, access: TrackAccess, tab: Tab) -> Result<Self, StoreError> {
        // Whoever knows a draft's address may look at it, but visitors see no counts of it.
        let counts = match access.sees_counts() {
            true => store::track::counts(&app.db, track.id).await?,
            false => TrackCounts::default(),
        };
        let now = app.clock.now();
        Ok(Self {
            competition_slug: track.competition_slug.to_string(),
            competition_title: track.competition_title.clone(),
            slug: track.slug.to_string(),
            title: track.settings.title.clone(),
            summary: markdown::opening(&track.settings.description).0,
            phase: phase_pill(track, now),
            key_date: KeyDate::of(track, now),
            participants: Counted::new(counts.participants.unsigned_abs(), "participant", "participants"),
            entries: Counted::new(counts.entries.unsigned_abs(), "entry", "entries"),
            ranking_over: track.shape.ranking().over(track.shape.scenarios().len()),
            tab,
            is_organiser: access.audience() == Audience::Organiser,
        })
    }

    /// The address of the competition's page.
    pub(crate) fn competition_href(&self) -> String {
        format!("/c/{}", self.competition_slug)
    }

    /// The path that all tabs are under, as in `/c/mico/cifar10`.
    pub(crate) fn base(&self) -> String {
        format!("/c/{}/{}", self.competition_slug, self.slug)
    }

    /// The track's path in the JSON API.
    pub(crate) fn api(&self) -> String {
        format!("/api/v1/competitions/{}/tracks/{}", self.competition_slug, self.slug)
    }

    /// The tabs as (address, label, short label, whether it is the current page).
    pub(crate) fn tabs(&self) -> impl Iterator<Item = (String, &'static str, &'static str, bool)> {
        Tab::ALL.into_iter().filter(|tab| *tab != Tab::Organise || self.is_organiser).map(|tab| {
            let (label, short) = tab.labels();
            (format!("{}{}", self.base(), tab.path()), label, short, tab == self.tab)
        })
    }
}
