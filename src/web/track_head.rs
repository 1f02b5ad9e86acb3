//! The head of every page of a track: title, phase, dates, counts and tabs.

use scoring::Split;
use time::OffsetDateTime;

use super::markdown;
use super::number::{self, Counted};
use super::site::{Pill, Sentence, Tone};
use super::timestamp::Timestamp;
use crate::app::App;
use crate::domain::log_event::{LogEvent, Step, StepName};
use crate::domain::participant::ParticipantStatus;
use crate::domain::phase::{Act, GRACE, Phase, Refusal};
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
            // A benchmark has no closing date.
            (Ok(()), Some(at)) if track.phase == Phase::Open => ("closes in", at, Timestamp::until(at, now)),
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
        (Phase::Revealed, _) if track.ending.results_final_at.is_none() => ("Provisional ranking out", Tone::Good),
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
    /// What is public about how far its end has come, as in `waiting for 2 dev scores`.
    pub(crate) notices: Vec<Sentence>,
    /// What the reader is told of their own enrolment, where they do not take part.
    pub(crate) told: Option<Told>,
    /// How many wait for the reader's approval; 0 where none can be given, and for everybody but organisers.
    pub(crate) waiting: u64,
    /// What participants are told about: another date, other rules, corrected labels.
    pub(crate) banner: Option<Banner>,
    /// Whether the time to submit is over.
    pub(crate) is_over: bool,
    /// Whether the final ranking is public, with a page of results.
    pub(crate) has_results: bool,
    /// Whether the reader organises the track, and sees the way to the pages for organisers.
    is_organiser: bool,
}

/// How the enrolment of a reader stands who does not take part.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) sentence: &'static str,
    /// Why, in the organiser's words; may be empty.
    pub(crate) reason: String,
}

impl Told {
    async fn load(app: &App, access: TrackAccess) -> Result<Option<Self>, StoreError> {
        let Some((participant, status)) = access.enrolment() else { return Ok(None) };
        if status == ParticipantStatus::Approved {
            return Ok(None);
        }
        let Some(decided) = store::participant::decided(&app.db, participant).await? else { return Ok(None) };
        let sentence = match (status, decided.has_taken_part, decided.by_participant) {
            (ParticipantStatus::Pending, false, _) => {
                "You asked to take part: an organiser looks at it. This page will show their answer."
            }
            (ParticipantStatus::Pending, true, _) => {
                "You asked to come back: an organiser looks at it. Until then nothing of yours counts."
            }
            (ParticipantStatus::Withdrawn, false, true) => "You took back your request to take part.",
            (ParticipantStatus::Withdrawn, false, false) => "An organiser took your request to take part off the list.",
            (ParticipantStatus::Withdrawn, true, true) => "You withdrew from this track: nothing of yours counts.",
            (ParticipantStatus::Withdrawn, true, false) => {
                "An organiser withdrew you from this track: nothing of yours counts."
            }
            (_, true, _) => "An organiser took you out of this track: nothing of yours counts.",
            (_, false, _) => "An organiser denied your request to take part.",
        };
        Ok(Some(Self { sentence, reason: decided.reason.unwrap_or_default() }))
    }
}

/// Something that participants are told about on every page of the track.
#[derive(Clone, Debug)]
pub(crate) struct Banner {
    pub(crate) sentence: Sentence,
    /// Why, in the organiser's words; may be empty.
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
}

impl Banner {
    async fn load(app: &App, track: &Track, now: OffsetDateTime) -> Result<Option<Self>, StoreError> {
        let Some(seq) = track.banner_seq else { return Ok(None) };
        let Some(logged) = store::log::event(&app.db, track.id, seq).await? else { return Ok(None) };
        let closes_at = track.settings.dates.closes_at;
        let Some((sentence, reason)) = told(logged.event, closes_at) else { return Ok(None) };
        Ok(Some(Self { sentence, reason: reason.unwrap_or_default(), at: Timestamp::ago(logged.at, now) }))
    }
}

/// What participants are told of an event, and why it was made to happen; `None` of one that is no banner, and of a closing
/// date that is not `closes_at` any more, because the track was closed before it.
fn told(event: LogEvent, closes_at: Option<OffsetDateTime>) -> Option<(Sentence, Option<String>)> {
    Some(match event {
        LogEvent::Step(Step { closes_at: Some(at), .. }) if closes_at != Some(at) => return None,
        LogEvent::Settings { field, new, .. }
            if field == "closes_at" && crate::domain::timestamp::parse(&new) != closes_at =>
        {
            return None;
        }
        LogEvent::Step(Step { step: StepName::Extend, closes_at: Some(at), reason, .. }) => {
            (Sentence::with("The closing date was moved to ", Timestamp::deadline(at), "."), reason)
        }
        LogEvent::Step(Step { step: StepName::Reopen, closes_at: Some(at), reason, .. }) => {
            (Sentence::with("The track was opened again, until ", Timestamp::deadline(at), "."), reason)
        }
        LogEvent::Step(Step { step: StepName::OpenLabels, reason, .. }) => {
            (Sentence::plain("The labels were made public: anybody can check every score."), reason)
        }
        LogEvent::Step(Step { step: StepName::Final, reason, .. }) => {
            (Sentence::plain("The results were declared final."), reason)
        }
        LogEvent::Step(Step { step: StepName::Benchmark, reason, .. }) => {
            let text = "The track is open as a benchmark: new entries stand on a board beside the official ranking, which stays.";
            (Sentence::plain(text), reason)
        }
        LogEvent::Step(Step { step: StepName::End, reason, .. }) => {
            (Sentence::plain("The benchmark has ended; its board stays."), reason)
        }
        LogEvent::Corrected { models, .. } => {
            let models = number::counted(models.len() as u64, "model", "models");
            let text = format!("Labels of {models} were corrected; scores that rest on them are made anew.");
            (Sentence::plain(text), None)
        }
        LogEvent::Settings { field, old, new } => (setting(&field, &old, &new), None),
        _ => return None,
    })
}

/// A setting that became another, as a sentence.
fn setting(field: &str, old: &str, new: &str) -> Sentence {
    let date = |event: &str| match crate::domain::timestamp::parse(new) {
        Some(at) => Sentence::with(format!("The {event} date was moved to "), Timestamp::deadline(at), "."),
        None => Sentence::plain(format!("The {event} date was taken away.")),
    };
    let bytes = |text: &str| text.parse().map_or_else(|_| text.to_owned(), number::bytes);
    match field {
        "opens_at" => date("opening"),
        "closes_at" => date("closing"),
        "limits.per_day" => Sentence::plain(format!("The limit of submissions a day became {new}; it was {old}.")),
        "limits.total" => Sentence::plain(format!("The limit of submissions in all became {new}; it was {old}.")),
        "limits.bytes" => Sentence::plain(format!("A zip may have {} now; before it was {}.", bytes(new), bytes(old))),
        "entry_rule" => {
            Sentence::plain(format!("The rule by which entries are picked became “{new}”; it was “{old}”."))
        }
        "needs_approval" if new == "true" => Sentence::plain("Who joins now has to be approved by an organiser."),
        "needs_approval" => Sentence::plain("Who joins now takes part at once, without approval."),
        _ => Sentence::plain(format!("The setting {field} became {new}; it was {old}.")),
    }
}

/// What is public about how far the end of a track has come. Nothing here tells whether final scores exist before the
/// reveal.
async fn notices(app: &App, track: &Track, now: OffsetDateTime) -> Result<Vec<Sentence>, StoreError> {
    let ending = track.ending;
    let mut notices = Vec::new();
    match (track.phase, ending.entries_frozen_at) {
        (Phase::Closed, None) => notices.push(waiting(app, track, now).await?),
        (Phase::Closed, Some(_)) => notices.push(Sentence::plain("entries frozen, final ranking not out yet")),
        (Phase::Revealed | Phase::Benchmark, _) => notices.push(Sentence::plain(match ending.labels_opened_at {
            Some(_) => "labels public",
            None => "labels kept hidden",
        })),
        (Phase::Draft | Phase::Open, _) => {}
    }
    if track.phase != Phase::Draft {
        // A commitment that came after the freeze, with the first preview at the latest, changes nothing of this.
        let first = store::label::version(&app.db, track.id, 1).await?;
        let in_time = |at: OffsetDateTime| ending.entries_frozen_at.is_none_or(|frozen| at < frozen);
        if !first.is_some_and(|label| label.root.is_some() && in_time(label.made_at)) {
            notices.push(Sentence::plain(match track.phase {
                Phase::Open => "test labels not committed",
                _ => "test labels not committed before the close",
            }));
        }
    }
    Ok(notices)
}

/// What the freeze of a closed track waits for.
async fn waiting(app: &App, track: &Track, now: OffsetDateTime) -> Result<Sentence, StoreError> {
    let unfinished = store::submission::state_counts(&app.db, track.id).await?.unfinished.unsigned_abs();
    let until = track.settings.dates.closes_at.map(|at| at + GRACE).filter(|at| *at > now);
    Ok(match (unfinished, until) {
        (0, Some(until)) => Sentence::with("uploads that were under way are taken until ", Timestamp::date(until), ""),
        (0, None) => Sentence::plain("entries are being frozen"),
        (scores, _) => Sentence::plain(format!("waiting for {}", number::counted(scores, "dev score", "dev scores"))),
    })
}

/// The pages of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Data,
    Rules,
    Leaderboard,
    /// Once the final ranking is public.
    Results,
    Submit,
    Submissions,
    /// For organisers alone.
    Organise,
}

impl Tab {
    const ALL: [Self; 8] = [
        Self::Overview,
        Self::Data,
        Self::Rules,
        Self::Leaderboard,
        Self::Results,
        Self::Submit,
        Self::Submissions,
        Self::Organise,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Data => "/data",
            Self::Rules => "/rules",
            Self::Leaderboard => "/leaderboard",
            Self::Results => "/results",
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
            Self::Results => ("Results", "Results"),
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
            notices: notices(app, track, now).await?,
            told: Told::load(app, access).await?,
            waiting: match access.audience() == Audience::Organiser && track.phase.rules().approves {
                true => store::participant::count_pending(&app.db, track.id).await?,
                false => 0,
            },
            banner: Banner::load(app, track, now).await?,
            is_over: matches!(track.stage().admit(Act::Submit, now), Err(Refusal::NoLonger(_))),
            has_results: access.board(Split::Final).is_some(),
            is_organiser: access.audience() == Audience::Organiser,
        })
    }

    /// How many wait for the reader's approval, in words.
    pub(crate) fn waiting_words(&self) -> String {
        number::counted(self.waiting, "waits for approval", "wait for approval")
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
        let is_there = |tab: &Tab| match tab {
            Tab::Organise => self.is_organiser,
            Tab::Results => self.has_results,
            // A track that takes nothing any more has results in place of a form.
            Tab::Submit => !(self.has_results && self.is_over),
            _ => true,
        };
        Tab::ALL.into_iter().filter(is_there).map(|tab| {
            let (label, short) = tab.labels();
            (format!("{}{}", self.base(), tab.path()), label, short, tab == self.tab)
        })
    }
}
