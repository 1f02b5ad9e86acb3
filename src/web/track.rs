//! A track's fixed pages: overview, data, and the rules with the form to join.

use askama::Template;
use axum::Form;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use scoring::{RankingRule, Split};

use super::files::Files;
use super::markup::Markup;
use super::results::Outcome;
use super::scenario::ScenarioName;
use super::site::Reader;
use super::timestamp::Timestamp;
use super::track_head::{Tab, TrackHead};
use super::{markdown, number, render, scenario};
use crate::app::App;
use crate::domain::participant::ParticipantStatus;
use crate::domain::phase::{Act, Phase};
use crate::domain::track::EntryRule;
use crate::http::auth::{Downloader, Enroller, TrackView};
use crate::http::download::{self, RequestedFile};
use crate::http::error::HttpError;
use crate::http::server::Site;
use crate::service::enrol;
use crate::service::participants::{self, ParticipantsError};
use crate::store::track::Track;

/// `/c/{competition}/{track}`.
#[derive(Template)]
#[template(path = "track/overview.html")]
pub(crate) struct OverviewPage {
    pub(crate) reader: Reader,
    pub(crate) head: TrackHead,
    /// Who won; `None` before the reveal.
    pub(crate) outcome: Option<Outcome>,
    /// The organiser's overview; empty if there is none.
    pub(crate) page: Markup,
    pub(crate) dates: Vec<Date>,
    /// When the benchmark began, where there is or was one.
    pub(crate) benchmark: Option<Timestamp>,
    pub(crate) is_benchmark_open: bool,
    pub(crate) limits: Limits,
    pub(crate) enrolment: EnrolmentStatus,
}

/// When a track opens or closes.
pub(crate) struct Date {
    pub(crate) event: &'static str,
    /// `None` while no date is set.
    pub(crate) at: Option<Timestamp>,
}

/// How much one participant may submit.
pub(crate) struct Limits {
    pub(crate) per_day: String,
    pub(crate) total: String,
    /// What the total is of: `In all`, or `A year` of a benchmark.
    pub(crate) period: &'static str,
    pub(crate) size: String,
    /// Which of a participant's submissions is on the board, as in `your latest`.
    pub(crate) entry_rule: &'static str,
}

impl Limits {
    fn of(track: &Track) -> Self {
        let (limits, own) = (track.settings.limits, track.benchmark.limits);
        let is_benchmark = track.phase.rules().is_benchmark;
        let (per_day, total) = if is_benchmark { (own.per_day, own.per_year) } else { (limits.per_day, limits.total) };
        Self {
            per_day: number::count(per_day.into()),
            total: number::count(total.into()),
            period: if is_benchmark { "A year" } else { "In all" },
            size: number::bytes(limits.bytes),
            entry_rule: match track.settings.entry_rule {
                _ if is_benchmark => "your best on test, as it is told",
                EntryRule::Latest => "your latest",
                EntryRule::Best => "your best on dev",
                EntryRule::Chosen => "the one you choose",
            },
        }
    }
}

/// Whether the reader takes part in the track, or could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnrolmentStatus {
    /// Not signed in.
    SignedOut,
    /// Signed in, not enrolled (or no longer enrolled), and free to join.
    MayJoin,
    /// Waiting for an organiser's approval.
    Pending,
    /// Takes part.
    Approved,
    /// Declined by an organiser.
    Denied,
    /// Not enrolled, and the track takes no new participants.
    Closed,
}

impl EnrolmentStatus {
    /// The status of the reader of `view` at `now`.
    pub(crate) fn of(view: &TrackView, now: time::OffsetDateTime) -> Self {
        let status = view.participant.map(|participant| participant.status);
        match (&view.login, status) {
            (None, _) => Self::SignedOut,
            (_, Some(ParticipantStatus::Approved)) => Self::Approved,
            (_, Some(ParticipantStatus::Pending)) => Self::Pending,
            (_, Some(ParticipantStatus::Denied)) => Self::Denied,
            _ if view.track.stage().admit(Act::Enrol, now).is_err() => Self::Closed,
            _ => Self::MayJoin,
        }
    }
}

/// `/c/{competition}/{track}/data`.
#[derive(Template)]
#[template(path = "track/data.html")]
pub(crate) struct DataPage {
    pub(crate) reader: Reader,
    pub(crate) head: TrackHead,
    pub(crate) page: Markup,
    pub(crate) files: Files,
    pub(crate) shape: Vec<ScenarioRow>,
    /// What a submission contains, as in `300 files and 60,000 numbers`.
    pub(crate) submission_size: String,
    /// Whether scenarios may be left out, and what that means.
    pub(crate) on_leaving_out: Option<&'static str>,
    /// The full path of one prediction file, as an example of the layout.
    pub(crate) example_path: String,
}

/// A scenario in the table of the track's shape.
pub(crate) struct ScenarioRow {
    pub(crate) folder: String,
    pub(crate) label: String,
    /// Numbers of models in train, dev and final.
    pub(crate) models: [String; 3],
    /// Challenge points per model, or their range.
    pub(crate) points: String,
    /// Predictions that a submission contains for it.
    pub(crate) predictions: String,
}

/// `/c/{competition}/{track}/rules`.
#[derive(Template)]
#[template(path = "track/rules.html")]
pub(crate) struct RulesPage {
    pub(crate) reader: Reader,
    pub(crate) head: TrackHead,
    pub(crate) evaluation: Markup,
    /// How the scenarios make the ranking number, for a track whose organiser wrote nothing of evaluation.
    pub(crate) ranking: RankingRule,
    pub(crate) terms: Markup,
    /// Whether zips of official entries are published once the labels are opened.
    pub(crate) publish_entries: bool,
    pub(crate) limits: Limits,
    pub(crate) enrolment: EnrolmentStatus,
    /// Whether a participant may withdraw by themself.
    pub(crate) may_leave: bool,
    /// Why the reader could not join, or leave.
    pub(crate) join_error: Option<&'static str>,
}

/// `GET /c/{competition}/{track}`
pub(crate) async fn overview(State(app): State<App>, view: TrackView) -> Result<Html<String>, HttpError> {
    let settings = &view.track.settings;
    let dates = settings.dates;
    // The head of the page shows the first paragraph of the description. The rest of it is the
    // overview where the organiser wrote none.
    let text = if settings.pages.overview.is_empty() {
        markdown::opening(&settings.description).1
    } else {
        settings.pages.overview.as_str()
    };
    // The dates of a draft have no effect yet.
    let has_opened = view.track.phase != Phase::Draft;
    let is_past = |at: time::OffsetDateTime| has_opened && at <= app.clock.now();
    render(&OverviewPage {
        reader: Reader::of(view.login.as_ref()),
        head: TrackHead::load(&app, &view.track, view.access, Tab::Overview).await?,
        outcome: Outcome::load(&app, &view.track, view.access).await?,
        page: markdown::render(text),
        dates: vec![
            Date {
                event: if dates.opens_at.is_some_and(is_past) { "Opened" } else { "Opens" },
                at: dates.opens_at.map(Timestamp::date),
            },
            Date {
                event: if dates.closes_at.is_some_and(is_past) { "Closed" } else { "Closes" },
                at: dates.closes_at.map(Timestamp::date),
            },
        ],
        benchmark: view.track.benchmark.began_at.map(Timestamp::date),
        is_benchmark_open: view.track.phase.rules().is_benchmark,
        limits: Limits::of(&view.track),
        enrolment: EnrolmentStatus::of(&view, app.clock.now()),
    })
}

/// `GET /c/{competition}/{track}/data`
pub(crate) async fn data(
    State(app): State<App>,
    State(site): State<Site>,
    view: TrackView,
) -> Result<Html<String>, HttpError> {
    let track = &view.track;
    render(&DataPage {
        files: Files::of(&app, &site, &view).await?,
        reader: Reader::of(view.login.as_ref()),
        head: TrackHead::load(&app, track, view.access, Tab::Data).await?,
        page: markdown::render(&track.settings.pages.data),
        shape: scenario::names(track).into_iter().filter_map(|name| scenario_row(track, name)).collect(),
        submission_size: submission_size(track),
        on_leaving_out: track.shape.ranking().on_leaving_out(),
        example_path: example_path(track),
    })
}

/// `GET /c/{competition}/{track}/files/{name}`
pub(crate) async fn file(
    State(app): State<App>,
    Downloader { track, login, .. }: Downloader,
    path: Result<Path<(String, String, String)>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let Path((_, _, name)) = path.map_err(|_| HttpError::NotFound)?;
    let requested = RequestedFile::by_path(&app, track.id, &name).await?;
    download::answer(&app, &requested, login.user.id, &method, &headers).await
}

fn scenario_row(track: &Track, name: ScenarioName) -> Option<ScenarioRow> {
    let shape = track.shape.scenarios().get(name.index)?;
    let models = |split| number::count(shape.models(split).len() as u64);
    let submitted: usize = Split::SUBMITTED.into_iter().map(|split| shape.points(split)).sum();
    Some(ScenarioRow {
        folder: name.folder,
        label: name.label,
        models: [models(Split::Train), models(Split::Dev), models(Split::Final)],
        points: points(std::iter::once(shape)),
        predictions: number::count(submitted as u64),
    })
}

/// The challenge points of one model: a number, or a range as in `100 to 200` where models differ.
pub(crate) fn points<'a>(shapes: impl Iterator<Item = &'a scoring::ScenarioShape>) -> String {
    let all: Vec<usize> = shapes
        .flat_map(|shape| Split::ALL.into_iter().flat_map(|split| shape.models(split)))
        .map(|m| m.points)
        .collect();
    match (all.iter().min(), all.iter().max()) {
        (Some(least), Some(most)) if least == most => number::count(*least as u64),
        (Some(least), Some(most)) => format!("{} to {}", number::count(*least as u64), number::count(*most as u64)),
        _ => "0".to_owned(),
    }
}

/// The number of prediction files in a submission.
pub(crate) fn files(track: &Track) -> u64 {
    let of_scenario = |shape: &scoring::ScenarioShape| {
        Split::SUBMITTED.into_iter().map(|split| shape.models(split).len()).sum::<usize>()
    };
    track.shape.scenarios().iter().map(of_scenario).sum::<usize>() as u64
}

fn submission_size(track: &Track) -> String {
    let of_scenario =
        |shape: &scoring::ScenarioShape| Split::SUBMITTED.into_iter().map(|split| shape.points(split)).sum::<usize>();
    let numbers = track.shape.scenarios().iter().map(of_scenario).sum::<usize>() as u64;
    format!("{} and {}", number::counted(files(track), "file", "files"), number::counted(numbers, "number", "numbers"))
}

fn example_path(track: &Track) -> String {
    let first =
        track.shape.scenarios().iter().find_map(|shape| Some((shape.name(), shape.models(Split::Dev).first()?)));
    first
        .map(|(scenario, model)| format!("{}/{scenario}/dev/{}/prediction.csv", track.slug, model.name))
        .unwrap_or_default()
}

/// `GET /c/{competition}/{track}/rules`
pub(crate) async fn rules(State(app): State<App>, view: TrackView) -> Result<Html<String>, HttpError> {
    render(&rules_page(&app, &view, None).await?)
}

async fn rules_page(app: &App, view: &TrackView, join_error: Option<&'static str>) -> Result<RulesPage, HttpError> {
    let pages = &view.track.settings.pages;
    Ok(RulesPage {
        reader: Reader::of(view.login.as_ref()),
        head: TrackHead::load(app, &view.track, view.access, Tab::Rules).await?,
        evaluation: markdown::render(&pages.evaluation),
        ranking: view.track.shape.ranking(),
        terms: markdown::render(&pages.terms),
        publish_entries: view.track.settings.publish_entries,
        limits: Limits::of(&view.track),
        enrolment: EnrolmentStatus::of(view, app.clock.now()),
        may_leave: view.track.phase.rules().participants_may_leave,
        join_error,
    })
}

/// The form to join.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct JoinForm {
    accept_terms: bool,
}

/// `POST /c/{competition}/{track}/join`
pub(crate) async fn join(
    State(app): State<App>,
    Enroller(login): Enroller,
    view: TrackView,
    form: Result<Form<JoinForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let Form(form) = form.map_err(super::form::rejected)?;
    let refusal = match EnrolmentStatus::of(&view, app.clock.now()) {
        EnrolmentStatus::Closed => Some("Joining has closed."),
        _ if !form.accept_terms => Some("Tick the box to accept the terms."),
        _ => None,
    };
    if refusal.is_some() {
        let page = rules_page(&app, &view, refusal).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    }
    enrol::accepting_terms(&app, &view.track, &login.user).await?;
    Ok(Redirect::to(&format!("/c/{}/rules#join", view.track.path())).into_response())
}

/// The form to withdraw.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LeaveForm {
    sure: bool,
}

/// `POST /c/{competition}/{track}/leave`
pub(crate) async fn leave(
    State(app): State<App>,
    Enroller(login): Enroller,
    view: TrackView,
    form: Result<Form<LeaveForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let Form(form) = form.map_err(super::form::rejected)?;
    let refused = match form.sure {
        false => (StatusCode::UNPROCESSABLE_ENTITY, "Tick the box to withdraw."),
        true => match participants::leave(&app, &view.track, login.user.id).await {
            Ok(_) => return Ok(Redirect::to(&format!("/c/{}/rules#join", view.track.path())).into_response()),
            Err(ParticipantsError::TooLate(_)) => {
                (StatusCode::CONFLICT, "The final ranking is public: nobody withdraws any more.")
            }
            Err(ParticipantsError::NotEnrolled) => (StatusCode::CONFLICT, "You do not take part in this track."),
            Err(error) => return Err(error.into()),
        },
    };
    let page = rules_page(&app, &view, Some(refused.1)).await?;
    Ok((refused.0, render(&page)?).into_response())
}
