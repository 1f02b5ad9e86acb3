//! The steps of a track's life, and the final ranking before the reveal: for organisers.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use scoring::Membership;
use time::OffsetDateTime;

use super::leaderboard::EntryView;
use crate::app::App;
use crate::domain::log_event::StepName;
use crate::domain::phase::Phase;
use crate::domain::reason::Reason;
use crate::domain::sha256::Sha256;
use crate::domain::timestamp::rfc3339;
use crate::domain::visibility::{Preview, VisibleSplit};
use crate::http::auth::{Organiser, TrackView};
use crate::http::error::{Detail, HttpError};
use crate::service::lifecycle::{self, By, LabelsAtReveal, OpeningLabels, SaidOfLimits, StepError, Taken};
use crate::service::rescoring::{self, RescoringError};
use crate::store;
use crate::store::log::LogPosition;
use crate::store::track::Track;

/// A step that is asked for.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepRequest {
    step: StepName,
    /// Why, in at most 500 characters; public. Needed for `correct`.
    reason: Option<String>,
    /// For `extend` and `reopen`: RFC 3339 with an offset, such as `2026-12-01T23:59:00-12:00`.
    closes_at: Option<String>,
    /// For `reveal`, `open-labels` and `correct`: the track as `competition/track`.
    confirm: Option<String>,
    /// For `reveal`: what becomes of the labels.
    labels: Option<LabelsAtReveal>,
    /// For `open`: the root of the commitment to labels that are kept elsewhere until the close.
    commitment: Option<String>,
    /// For `open`: nobody commits to the final labels.
    #[serde(default)]
    uncommitted_final: bool,
    /// For `benchmark`: its limits; what is not said stays as it was, at first 1 a day and 20 a year.
    limits: Option<LimitsRequest>,
    /// For `correct`: the labels that become others, a text of 0 and 1 by `scenario/split/model`.
    solutions: Option<BTreeMap<String, String>>,
}

/// How much a participant may send to a benchmark: numbers from 1 to 1,000,000.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsRequest {
    /// Within one UTC day.
    per_day: Option<u32>,
    /// Within 365 days, counted from the benchmark's beginning.
    per_year: Option<u32>,
}

/// A step that was taken.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct StepTaken {
    /// The phase that the track is in now.
    phase: Phase,
    /// The event in the track's log.
    log: LogPosition,
    /// There, and true, where the step had been taken before and nothing changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    already: bool,
    /// Of `correct`: the rescoring that it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
}

impl From<Taken> for StepTaken {
    fn from(taken: Taken) -> Self {
        Self { phase: taken.phase, log: taken.log, already: taken.already, batch: None }
    }
}

/// How many final scores are there.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct Ready {
    ready: i64,
    of: i64,
}

/// Takes a step of a track's life.
///
/// Asked for in the phase that it leads to, a step changes nothing and answers `already`. `preview`, `reveal`,
/// `open-labels`, `benchmark` and `correct` need a signed-in organiser whose password was given within the last 10 minutes; the others
/// take a token of scope `organise`, too.
#[utoipa::path(post, path = "/competitions/{competition}/tracks/{track}/phase", operation_id = "take_step",
    tag = "organise", params(("competition" = String, Path), ("track" = String, Path)),
    request_body = StepRequest, security(("token" = [])),
    responses(
        (status = 200, description = "Taken, or taken before", body = StepTaken),
        (status = 202, description = "`preview`: how many final scores are there", body = Ready),
        (status = 400, description = "`bad_body`; `bad_date`; `bad_field`"),
        (status = 403, description = "`organise_scope_needed`; `session_needed`: sign in and give the password"),
        (status = 404, description = "`not_found`: no such track, or none that this account organises"),
        (status = 409, description = "`wrong_phase`; `not_ready`: what is missing stands in `problems`"),
        (status = 422, description = "`not_confirmed`; `bad_labels`")))]
pub(super) async fn step(
    State(app): State<App>,
    organiser: Organiser,
    body: Result<Json<StepRequest>, axum::extract::rejection::JsonRejection>,
) -> Result<Response, HttpError> {
    let Json(asked) = body.map_err(|error| HttpError::BadRequest(Detail::new("bad_body", error.body_text())))?;
    let path = organiser.track.path();
    let reason = reason(asked.reason.as_deref())?;
    let by = By { user: Some(organiser.login.user.id), reason: reason.as_ref() };
    if matches!(
        asked.step,
        StepName::Preview | StepName::Reveal | StepName::OpenLabels | StepName::Benchmark | StepName::Correct
    ) {
        organiser.needs_recent_password(app.database_time(&app.db).await?)?;
    }
    let confirmed = asked.confirm.as_deref() == Some(&path.to_string());
    if matches!(asked.step, StepName::Reveal | StepName::OpenLabels | StepName::Correct) && !confirmed {
        return Err(HttpError::Unprocessable(Detail::new(
            "not_confirmed",
            format!("This cannot be taken back. Send `\"confirm\": \"{path}\"` with it."),
        )));
    }
    let taken = match asked.step {
        StepName::Open => lifecycle::open(&app, &path, opening(&asked)?, by).await?,
        StepName::Close => lifecycle::close(&app, &path, by).await?,
        StepName::Extend => lifecycle::extend(&app, &path, date(asked.closes_at.as_deref())?, by).await?,
        StepName::Reopen => lifecycle::reopen(&app, &path, date(asked.closes_at.as_deref())?, by).await?,
        StepName::Preview => {
            let counts = lifecycle::preview(&app, &path, by).await?;
            let ready = Ready { ready: counts.ready, of: counts.of };
            return Ok((StatusCode::ACCEPTED, Json(ready)).into_response());
        }
        StepName::Reveal => {
            let text = "Say what becomes of the labels: `\"labels\": \"open\"` or `\"keep\"`.";
            let labels = asked.labels.ok_or_else(|| HttpError::BadRequest(Detail::new("bad_field", text)))?;
            lifecycle::reveal(&app, &path, labels, by).await?
        }
        StepName::OpenLabels => lifecycle::open_labels(&app, &path, by).await?,
        StepName::Final => lifecycle::declare_final(&app, &path, by).await?,
        StepName::Benchmark => lifecycle::benchmark(&app, &path, said_of_limits(asked.limits.as_ref())?, by).await?,
        StepName::End => lifecycle::end(&app, &path, by).await?,
        StepName::Correct => {
            let labels = corrected(asked.solutions.unwrap_or_default())?;
            let done = rescoring::correct(&app, &path, &labels, by).await?;
            let batch = done.batch.map(|batch| batch.to_string());
            let taken = StepTaken { phase: done.phase, log: done.log, already: done.already, batch };
            return Ok(Json(taken).into_response());
        }
    };
    Ok(Json(StepTaken::from(taken)).into_response())
}

/// A reason in words, where one is given.
pub(super) fn reason(text: Option<&str>) -> Result<Option<Reason>, HttpError> {
    Reason::optional(text.unwrap_or_default()).map_err(|_| {
        let text = "A reason has at most 500 characters, and no control characters.";
        HttpError::BadRequest(Detail::new("bad_field", text))
    })
}

fn said_of_limits(asked: Option<&LimitsRequest>) -> Result<SaidOfLimits, HttpError> {
    let Some(LimitsRequest { per_day, per_year }) = asked else { return Ok(SaidOfLimits::default()) };
    let is_one = |limit: &Option<u32>| limit.is_none_or(|limit| (1..=SaidOfLimits::MOST).contains(&limit));
    if !is_one(per_day) || !is_one(per_year) {
        return Err(HttpError::BadRequest(Detail::new("bad_field", "A limit is a number from 1 to 1,000,000.")));
    }
    Ok(SaidOfLimits { per_day: *per_day, per_year: *per_year })
}

/// An instant as requests write it.
fn date(text: Option<&str>) -> Result<OffsetDateTime, HttpError> {
    let wrong = || {
        let text = "Give `closes_at` as RFC 3339 with an offset, such as `2026-12-01T23:59:00-12:00`.";
        HttpError::BadRequest(Detail::new("bad_date", text))
    };
    crate::domain::timestamp::parse(text.ok_or_else(wrong)?).ok_or_else(wrong)
}

fn opening(asked: &StepRequest) -> Result<OpeningLabels, HttpError> {
    let bad = |text: &str| HttpError::BadRequest(Detail::new("bad_field", text));
    match (&asked.commitment, asked.uncommitted_final) {
        (Some(_), true) => Err(bad("Send `commitment` or `uncommitted_final`, not both.")),
        (Some(root), false) => {
            let root: Sha256 = root.parse().map_err(|_| bad("A root has 64 hexadecimal digits."))?;
            Ok(OpeningLabels::Elsewhere(root))
        }
        (None, true) => Ok(OpeningLabels::Uncommitted),
        (None, false) => Ok(OpeningLabels::Here),
    }
}

fn corrected(solutions: BTreeMap<String, String>) -> Result<rescoring::CorrectedLabels, HttpError> {
    let bad = |text: String| HttpError::Unprocessable(Detail::new("bad_labels", text));
    if solutions.is_empty() {
        return Err(bad("Send the labels that become others as `solutions`.".to_owned()));
    }
    let mut labels = rescoring::CorrectedLabels::new();
    for (model, text) in solutions {
        let path = model.parse().map_err(|error| bad(format!("{error}.")))?;
        let label = |c| match c {
            '0' => Some(Membership::NonMember),
            '1' => Some(Membership::Member),
            _ => None,
        };
        let read: Option<Vec<Membership>> = text.chars().map(label).collect();
        labels.insert(path, read.ok_or_else(|| bad(format!("The labels of {model} are not a text of 0 and 1.")))?);
    }
    Ok(labels)
}

impl From<StepError> for HttpError {
    fn from(error: StepError) -> Self {
        let text = |error: &StepError| {
            let text = error.to_string();
            if text.ends_with('.') { text } else { text + "." }
        };
        match error {
            StepError::NoTrack(_) => Self::NotFound,
            StepError::WrongPhase { .. } => Self::Conflict(Detail::new("wrong_phase", text(&error))),
            StepError::NotReady { ref problems, .. } => {
                let problems = problems.clone();
                Self::NotReady { detail: text(&error), problems }
            }
            StepError::BadDate(text) => Self::BadRequest(Detail::new("bad_date", text)),
            StepError::Labels(error) => Self::internal(error),
            StepError::Store(error) => error.into(),
        }
    }
}

impl From<RescoringError> for HttpError {
    fn from(error: RescoringError) -> Self {
        let text = format!("{error}.");
        match error {
            RescoringError::NoTrack(_) | RescoringError::NoBatch(_) | RescoringError::NoSubmission(..) => {
                Self::NotFound
            }
            RescoringError::NotDone { .. } => Self::NotReady { detail: text, problems: Vec::new() },
            RescoringError::AnotherIsOpen(_) => Self::Conflict(Detail::new("rescoring_open", text)),
            RescoringError::Draft(_) => Self::Conflict(Detail::new("wrong_phase", text)),
            RescoringError::BadLabels(text) => Self::Unprocessable(Detail::new("bad_labels", text)),
            RescoringError::Reason => Self::BadRequest(Detail::new("bad_field", text)),
            RescoringError::Labels(error) => Self::internal(error),
            RescoringError::Store(error) => error.into(),
        }
    }
}

/// A final score that went wrong.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct FailedScore {
    submission: String,
    participant: String,
    /// What went wrong the last time.
    error: String,
    /// How often it went wrong.
    errors: i32,
    /// When it is tried again (RFC 3339); null: never by itself, so that it blocks the reveal until it is scored again or
    /// disqualified.
    next_try: Option<String>,
}

/// The final ranking before the reveal.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct FinalView {
    /// Final scores that are there.
    ready: i64,
    /// Official entries.
    of: i64,
    failed: Vec<FailedScore>,
    /// As on the leaderboard; empty until all scores are there.
    entries: Vec<EntryView>,
}

impl FinalView {
    /// The final ranking as organisers see it before the reveal.
    ///
    /// # Errors
    /// The database cannot answer.
    pub(crate) async fn of(
        app: &App,
        track: &Track,
        visible: VisibleSplit<Preview>,
    ) -> Result<Self, crate::store::StoreError> {
        let counts = store::ranking::final_counts(&app.db, VisibleSplit::for_official_ranking(track.id)).await?;
        let failed = store::job::troubled_final(&app.db, track.id).await?;
        let entries = match counts.is_complete() {
            true => {
                let board = app.boards.preview(track, visible).await?;
                board.entries.iter().map(|ranked| EntryView::of(&board, ranked)).collect()
            }
            false => Vec::new(),
        };
        let failed = failed.into_iter().map(|job| FailedScore {
            submission: job.submission.to_string(),
            participant: job.participant,
            error: job.error,
            errors: job.errors,
            next_try: job.next_try.map(rfc3339),
        });
        Ok(Self { ready: counts.ready, of: counts.of, failed: failed.collect(), entries })
    }
}

/// The final ranking before the reveal, for organisers; and what keeps it from being complete.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/final", operation_id = "get_final",
    tag = "organise", params(("competition" = String, Path), ("track" = String, Path)),
    responses((status = 200, description = "What is there", body = FinalView),
        (status = 404, description = "`not_found`: to everybody else, before the first preview, and after the reveal")))]
pub(super) async fn show_final(State(app): State<App>, view: TrackView) -> Result<Response, HttpError> {
    let begun = view.track.ending.final_begun_at.is_some();
    let visible = view.access.preview(begun).ok_or(HttpError::NotFound)?;
    let shown = FinalView::of(&app, &view.track, visible).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(shown)).into_response())
}
