//! The top of every page of a track: title, phase, dates, counts, tabs.

use time::OffsetDateTime;

use super::markdown;
use super::number::Counted;
use super::site::{Pill, Tone};
use super::timestamp::Timestamp;
use crate::app::App;
use crate::domain::phase::{Act, Phase, Refusal};
use crate::domain::visibility::TrackAccess;
use crate::store::track::{Track, TrackCounts};
use crate::store::{self, StoreError};

/// When a track opens, closes or closed: whichever comes next, or came last.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// `opens in`, `closes in` or `closed`.
    pub(crate) verb: &'static str,
    /// How far away.
    pub(crate) distance: Timestamp,
    /// The date itself.
    pub(crate) date: Timestamp,
}

impl Turn {
    /// The next turn of a track at `now`, as far as its dates are set.
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

/// Where a track stands, in a word.
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

/// The top of every page of a track.
#[derive(Clone, Debug)]
pub(crate) struct TrackHead {
    pub(crate) competition_slug: String,
    pub(crate) competition_title: String,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) summary: String,
    pub(crate) phase: Pill,
    pub(crate) turn: Option<Turn>,
    pub(crate) participants: Counted,
    /// Scored submissions.
    pub(crate) entries: Counted,
    /// Over what the ranking number is taken, as in `mean of three scenarios`.
    pub(crate) ranking_over: String,
    pub(crate) tab: Tab,
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
}

impl Tab {
    const ALL: [Self; 6] =
        [Self::Overview, Self::Data, Self::Rules, Self::Leaderboard, Self::Submit, Self::Submissions];

    fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Data => "/data",
            Self::Rules => "/rules",
            Self::Leaderboard => "/leaderboard",
            Self::Submit => "/submit",
            Self::Submissions => "/submissions",
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
        }
    }
}

impl TrackHead {
    /// The head of `track`'s page `tab` for somebody with this access.
    ///
    /// # Errors
    /// The database cannot answer.
    pub(crate) async fn load(app: &App, track: &Track, access: TrackAccess, tab: Tab) -> Result<Self, StoreError> {
        // A draft can be looked at by whoever knows its address, but nothing of it is counted for visitors.
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
            turn: Turn::of(track, now),
            participants: Counted::new(counts.participants.unsigned_abs(), "participant", "participants"),
            entries: Counted::new(counts.entries.unsigned_abs(), "entry", "entries"),
            ranking_over: ranking_over(track),
            tab,
        })
    }

    /// The address of the competition's page.
    pub(crate) fn competition_href(&self) -> String {
        format!("/c/{}", self.competition_slug)
    }

    /// The address all tabs hang under, `/c/mico/cifar10`.
    pub(crate) fn base(&self) -> String {
        format!("/c/{}/{}", self.competition_slug, self.slug)
    }

    /// The address of the track in the JSON interface.
    pub(crate) fn api(&self) -> String {
        format!("/api/v1/competitions/{}/tracks/{}", self.competition_slug, self.slug)
    }

    /// The tabs as (address, label, short label, whether it is this page).
    pub(crate) fn tabs(&self) -> impl Iterator<Item = (String, &'static str, &'static str, bool)> {
        Tab::ALL.into_iter().map(|tab| {
            let (label, short) = tab.labels();
            (format!("{}{}", self.base(), tab.path()), label, short, tab == self.tab)
        })
    }
}

fn ranking_over(track: &Track) -> String {
    match track.shape.scenarios().len() {
        1 => "one scenario".to_owned(),
        2 => "mean of two scenarios".to_owned(),
        3 => "mean of three scenarios".to_owned(),
        n => format!("mean of {n} scenarios"),
    }
}
