//! The page of the final, for organisers: where the track stands, what is waited for, and the steps that can be taken
//! from there. A step that cannot be taken yet is a sentence.

mod form_state;
mod life;
pub(crate) mod participants;
mod ranking;
pub(crate) mod steps;
mod waits;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use time::OffsetDateTime;

use self::form_state::{FormState, Zone};
use self::life::LifeStep;
use self::ranking::{PreviewRow, Ready};
use self::waits::{Retry, Wait};
use super::form::Field;
use super::site::{Reader, Sentence, StepState};
use super::timestamp::Timestamp;
use super::track_head::{Tab, TrackHead};
use super::{number, render};
use crate::app::App;
use crate::domain::official_ranking::RankingChange;
use crate::domain::phase::Phase;
use crate::domain::visibility::TrackAccess;
use crate::http::auth::{Login, OrganiserOf};
use crate::http::error::HttpError;
use crate::http::query::bad_parameter;
use crate::service::lifecycle::LabelsAtReveal;
use crate::service::status::{self, Status};
use crate::store;
use crate::store::track::Track;

/// `/c/{competition}/{track}/organise/final`.
#[derive(Template)]
#[template(path = "organise/final.html")]
pub(crate) struct FinalPage {
    reader: Reader,
    head: TrackHead,
    /// What was done just now, and what it caused.
    done: Option<Sentence>,
    /// Why a step was not taken, where no field is to blame.
    alert: Option<String>,
    life: Vec<LifeStep>,
    /// Where the track stands, in sentences.
    standing: Vec<Sentence>,
    waits: Vec<Wait>,
    moment: Moment,
}

impl FinalPage {
    /// The path that its forms are under.
    fn here(&self) -> String {
        format!("{}/organise/final", self.head.base())
    }

    /// The track as it is typed to confirm what cannot be taken back.
    fn path(&self) -> String {
        format!("{}/{}", self.head.competition_slug, self.head.slug)
    }
}

/// What can be done where the track stands.
enum Moment {
    Draft(Draft),
    Open(Open),
    Closed(Closed),
    /// Final scores are being made, or all are there.
    Preview(Box<Preview>),
    Revealed(Revealed),
}

struct Draft {
    /// The command that opens it.
    command: String,
}

struct Open {
    /// The form for a later closing date; `None` where there is no date that could be extended.
    extend: Option<DateFields>,
}

struct Closed {
    reopen: DateFields,
    /// The password that the preview takes; or why it cannot begin.
    preview: Result<Field, &'static str>,
}

struct Preview {
    /// The ranking, once all scores are there.
    rows: Vec<PreviewRow>,
    /// The address that shows all of it, where the page shows only its beginning.
    all: Option<(String, String)>,
    is_complete: bool,
    ready: Ready,
    /// The form of the reveal; `None` while something keeps it from being taken.
    reveal: Option<RevealFields>,
}

struct Revealed {
    version: String,
    made: Option<Timestamp>,
    change: String,
    /// Since when the results are final; `None` while they are provisional.
    final_since: Option<Timestamp>,
    /// Why they cannot be declared final yet.
    not_final_yet: Option<&'static str>,
    labels: Labels,
    benchmark: BenchmarkSection,
}

/// What can be done about a benchmark after the reveal.
enum BenchmarkSection {
    /// Its labels are public.
    Impossible,
    /// It can be opened, or opened again.
    Closed(Box<BenchmarkFields>),
    /// It is open, since then, with these limits.
    Open(Timestamp, String),
}

/// The fields of the form that opens a benchmark.
struct BenchmarkFields {
    per_day: Field,
    per_year: Field,
    password: Field,
    /// When there was one before.
    before: Option<Timestamp>,
}

impl BenchmarkFields {
    fn of(track: &Track, form: &FormState) -> Self {
        let limits = track.benchmark.limits;
        let (per_day, per_year) = match &form.limits {
            Some((per_day, per_year)) => (per_day.clone(), per_year.clone()),
            None => (limits.per_day.to_string(), limits.per_year.to_string()),
        };
        // There may be another field for a password on the page.
        let password_error = form.limits.as_ref().and(form.password_error.clone());
        Self {
            per_day: Field::text("per_day", "Submissions a day").value(per_day).error(form.per_day_error.clone()),
            per_year: Field::text("per_year", "Submissions a year")
                .hint("Years of 365 days, counted from its beginning.")
                .value(per_year)
                .error(form.per_year_error.clone()),
            password: Field::password("password", "Your password")
                .id_on_page("benchmark-password")
                .error(password_error),
            before: track.benchmark.began_at.map(Timestamp::date),
        }
    }
}

/// What has become of the labels after the reveal.
enum Labels {
    Opened(Timestamp),
    /// They can be opened by this form.
    Kept(ConfirmFields),
    /// They stay hidden while the track is open as a benchmark.
    Benchmark,
}

/// The fields of a form that asks for a date.
struct DateFields {
    date: String,
    zone: Zone,
    error: Option<String>,
    reason: Field,
}

/// The fields of a form for what cannot be taken back.
struct ConfirmFields {
    typed: String,
    error: Option<String>,
    password: Field,
}

struct RevealFields {
    labels: Option<LabelsAtReveal>,
    labels_error: Option<&'static str>,
    confirm: ConfirmFields,
}

impl RevealFields {
    fn is(&self, labels: LabelsAtReveal) -> bool {
        self.labels == Some(labels)
    }
}

impl ConfirmFields {
    fn of(form: &FormState) -> Self {
        Self { typed: form.confirm.clone(), error: form.confirm_error.clone(), password: password(form) }
    }
}

impl DateFields {
    /// What was typed before, or else the present date, where a later one is asked for.
    fn of(form: &FormState, present: Option<OffsetDateTime>) -> Self {
        let (date, zone) = match &form.date {
            Some((date, zone)) => (date.clone(), *zone),
            None => Zone::prefilled(present),
        };
        Self {
            date,
            zone,
            error: form.date_error.clone(),
            reason: Field::text("reason", "Reason")
                .optional()
                .hint("Public: it stands in the log and, with the new date, on the track’s pages.")
                .value(form.reason.as_str())
                .error(form.reason_error.clone()),
        }
    }
}

fn password(form: &FormState) -> Field {
    // The form of the benchmark has a field of its own.
    let error = form.password_error.clone().filter(|_| form.limits.is_none());
    Field::password("password", "Your password").error(error)
}

/// What the address of the page can ask for.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PageParams {
    /// Show the whole ranking.
    all: bool,
    /// The form that led here.
    done: Option<String>,
    /// It had been done before.
    already: bool,
}

/// `GET /c/{competition}/{track}/organise/final`
pub(crate) async fn show(
    State(app): State<App>,
    OrganiserOf(view): OrganiserOf,
    params: Result<Query<PageParams>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(params) = params?;
    let done = params
        .done
        .as_deref()
        .map(|word| steps::Done::from_word(word).ok_or_else(|| bad_parameter("`done` is a step.")));
    let shown = Shown { all: params.all, done: done.transpose()?, already: params.already };
    let Some(login) = view.login else { return Err(HttpError::LogInFirst) };
    let page = page(&app, &login, view.track, view.access, shown, &FormState::default()).await?;
    answer(&page)
}

/// The page as an answer. It may hold final scores, so it is kept by nobody.
fn answer(page: &FinalPage) -> Result<Response, HttpError> {
    let mut response = render(page)?.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// What of the page is asked for.
#[derive(Clone, Copy, Default)]
struct Shown {
    all: bool,
    done: Option<steps::Done>,
    already: bool,
}

async fn page(
    app: &App,
    login: &Login,
    track: Track,
    access: TrackAccess,
    shown: Shown,
    form: &FormState,
) -> Result<FinalPage, HttpError> {
    let head = TrackHead::load(app, &track, access, Tab::Organise).await?;
    let status = status::of_track(app, track).await?;
    Ok(FinalPage {
        reader: Reader::of(Some(login)),
        done: shown.done.and_then(|done| done.sentence(&status, shown.already)),
        alert: form.alert.clone(),
        life: life::steps(app, &status).await?,
        standing: standing(&status),
        waits: waits::of(&status),
        moment: moment(app, access, &status, &head, shown.all, form).await?,
        head,
    })
}

async fn moment(
    app: &App,
    access: TrackAccess,
    status: &Status,
    head: &TrackHead,
    all: bool,
    form: &FormState,
) -> Result<Moment, HttpError> {
    let Status { track, .. } = status;
    let (dates, ending) = (track.settings.dates, track.ending);
    Ok(match track.phase {
        Phase::Draft => Moment::Draft(Draft { command: format!("callimico track open {}", track.path()) }),
        Phase::Open => Moment::Open(Open { extend: dates.closes_at.map(|at| DateFields::of(form, Some(at))) }),
        Phase::Closed if ending.final_begun_at.is_none() => Moment::Closed(Closed {
            reopen: DateFields::of(form, None),
            preview: match (ending.entries_frozen_at, status.has_final_labels) {
                (None, _) => Err("The preview can begin once the entries are frozen."),
                (Some(_), false) => Err("The preview can begin once the labels of the test models are here: \
                                         import them with `callimico import DIR --final-labels`."),
                (Some(_), true) => Ok(password(form)),
            },
        }),
        Phase::Closed => {
            let (rows, count) = match (access.preview(true), status.final_scores) {
                (Some(visible), Some(counts)) if counts.is_complete() => {
                    ranking::rows(app, access, track, visible, all).await?
                }
                _ => (Vec::new(), 0),
            };
            let is_rest_hidden = rows.len() < count;
            Moment::Preview(Box::new(Preview {
                rows,
                all: is_rest_hidden.then(|| {
                    let label = format!("Show all {}", number::count(count as u64));
                    (format!("{}/organise/final?all=true#ranking", head.base()), label)
                }),
                is_complete: status.final_scores.is_some_and(|counts| counts.is_complete()),
                ready: ranking::ready(status),
                reveal: status.before_reveal.is_empty().then(|| RevealFields {
                    labels: form.labels,
                    labels_error: form.labels_error,
                    confirm: ConfirmFields::of(form),
                }),
            }))
        }
        Phase::Revealed | Phase::Benchmark => Moment::Revealed(revealed(app, status, form).await?),
    })
}

async fn revealed(app: &App, status: &Status, form: &FormState) -> Result<Revealed, HttpError> {
    let Status { track, .. } = status;
    let ending = track.ending;
    let official = store::ranking::version(&app.db, track.id, ending.ranking_version).await?;
    Ok(Revealed {
        version: number::count(ending.ranking_version.unsigned_abs().into()),
        made: official.as_ref().map(|official| Timestamp::date(official.made_at)),
        change: official.map_or_else(String::new, |official| RankingChange::all_words(&official.changes)),
        final_since: ending.results_final_at.map(Timestamp::date),
        not_final_yet: match (ending.ranking_is_due, status.final_scores) {
            (_, Some(counts)) if !counts.is_complete() => {
                Some("They can be declared final once all final scores are there.")
            }
            (true, _) => Some("They can be declared final once the newer version of the ranking is made."),
            _ if status.rescoring.is_some() => {
                Some("They can be declared final once the rescoring is applied or dropped.")
            }
            _ => None,
        },
        labels: match (ending.labels_opened_at, track.phase) {
            (Some(at), _) => Labels::Opened(Timestamp::date(at)),
            (None, Phase::Benchmark) => Labels::Benchmark,
            (None, _) => Labels::Kept(ConfirmFields::of(form)),
        },
        benchmark: match (track.phase, ending.labels_opened_at, track.benchmark.began_at) {
            (Phase::Benchmark, _, began_at) => {
                let limits = track.benchmark.limits;
                let text = format!("{} a day, {} a year", limits.per_day, limits.per_year);
                BenchmarkSection::Open(Timestamp::date(began_at.unwrap_or(status.now)), text)
            }
            (_, Some(_), _) => BenchmarkSection::Impossible,
            _ => BenchmarkSection::Closed(Box::new(BenchmarkFields::of(track, form))),
        },
    })
}

/// Where a track stands, in a sentence or two.
fn standing(status: &Status) -> Vec<Sentence> {
    let Status { track, now, .. } = status;
    let (dates, ending) = (track.settings.dates, track.ending);
    match track.phase {
        Phase::Draft => vec![Sentence::plain(match status.has_final_labels {
            true => {
                "The track is being prepared: only its organisers see it in lists. The labels of the test models are here."
            }
            false => {
                "The track is being prepared: only its organisers see it in lists. The labels of the test models are not here."
            }
        })],
        Phase::Open => {
            let mut sentences = vec![match (dates.opens_at.filter(|at| at > now), dates.closes_at) {
                (Some(opens), _) => Sentence::with("Submissions are taken from ", Timestamp::date(opens), " on."),
                (None, Some(closes)) => Sentence::with(
                    "Submissions are taken until ",
                    Timestamp::deadline(closes),
                    ". Then the track closes by itself.",
                ),
                (None, None) => {
                    Sentence::plain("Submissions are taken until somebody closes the track: it has no closing date.")
                }
            }];
            if !status.has_final_labels {
                sentences.push(Sentence::plain("The labels of the test models are not here; the preview needs them."));
            }
            sentences
        }
        Phase::Closed => match (ending.entries_frozen_at, ending.final_begun_at, status.final_scores) {
            (None, ..) => vec![Sentence::plain("The track has closed. Its entries are not frozen yet.")],
            (Some(_), None, _) => vec![Sentence::plain(format!(
                "{} frozen: what was sent before the close decides. No final score exists.",
                are(status.entries, "entry is", "entries are"),
            ))],
            (_, _, Some(counts)) if counts.is_complete() => {
                vec![Sentence::plain("All final scores are there. Before the reveal organisers alone see them.")]
            }
            _ => vec![Sentence::plain("The final scores are being made. Before the reveal organisers alone see them.")],
        },
        Phase::Revealed | Phase::Benchmark => vec![match ending.results_final_at {
            Some(at) => Sentence::with("The final ranking is public, and final since ", Timestamp::date(at), "."),
            None => Sentence::plain("The final ranking is public, and provisional until you declare it final."),
        }],
    }
}

/// A count with its noun and verb, as in `1 entry is` and `58 entries are`.
fn are(count: i64, one: &'static str, many: &'static str) -> String {
    number::counted(count.unsigned_abs(), one, many)
}
