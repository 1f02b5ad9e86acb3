//! The forms of the page of the final, one handler each: they check what was typed, ask the service to take the step, and
//! lead back to the page, which says what was done. What is wrong is said at its field, and everything else is kept.

use std::net::SocketAddr;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::form;
use super::super::site::Sentence;
use super::super::timestamp::Timestamp;
use super::form_state::{DateForm, FormState};
use super::{Shown, answer, page};
use crate::app::App;
use crate::domain::ids::SubmissionId;
use crate::domain::phase::{GRACE, Phase};
use crate::http::auth::Organiser;
use crate::http::error::HttpError;
use crate::http::server::ServerState;
use crate::service::lifecycle::{self, By, LabelsAtReveal, StepError, Taken};
use crate::service::organise::{self, OrganiseError};
use crate::service::status::Status;
use crate::store;

/// What was done just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Close,
    Extend,
    Reopen,
    Preview,
    Retry,
    Reveal,
    Final,
    OpenLabels,
    Benchmark,
    End,
}

impl Done {
    const ALL: [Self; 10] = [
        Self::Close,
        Self::Extend,
        Self::Reopen,
        Self::Preview,
        Self::Retry,
        Self::Reveal,
        Self::Final,
        Self::OpenLabels,
        Self::Benchmark,
        Self::End,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Extend => "extend",
            Self::Reopen => "reopen",
            Self::Preview => "preview",
            Self::Retry => "retry",
            Self::Reveal => "reveal",
            Self::Final => "final",
            Self::OpenLabels => "open-labels",
            Self::Benchmark => "benchmark",
            Self::End => "end",
        }
    }

    /// What a word in the page's address stands for.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|done| done.word() == word)
    }

    /// What was done and what it caused; `None` where the track has gone on since, so that it would not be true any more.
    pub(super) fn sentence(self, status: &Status, already: bool) -> Option<Sentence> {
        let track = &status.track;
        let (closes_at, ending) = (track.settings.dates.closes_at, track.ending);
        let is_public = track.phase.rules().final_is_public;
        let (now_true, before) = match self {
            Self::Close => (track.phase == Phase::Closed, "The track was closed before; nothing was changed."),
            Self::Extend => (track.phase == Phase::Open, "It had this closing date before; nothing was changed."),
            Self::Reopen => {
                (track.phase == Phase::Open, "The track was open until that date before; nothing was changed.")
            }
            Self::Preview => (ending.final_begun_at.is_some() && !is_public, "The preview had begun before."),
            Self::Retry => (true, ""),
            Self::Reveal => (is_public, "The final ranking was public before; nothing was changed."),
            Self::Final => (ending.results_final_at.is_some(), "The results were final before; nothing was changed."),
            Self::OpenLabels => {
                (ending.labels_opened_at.is_some(), "The labels were public before; nothing was changed.")
            }
            Self::Benchmark => (
                track.phase == Phase::Benchmark,
                "It was open as a benchmark with these limits before; nothing was changed.",
            ),
            Self::End => (track.phase == Phase::Revealed, "No benchmark was open; nothing was changed."),
        };
        if !now_true {
            return None;
        }
        if already {
            return Some(Sentence::plain(before));
        }
        let date = closes_at.map(Timestamp::deadline);
        Some(match (self, date) {
            (Self::Close, _) => match (closes_at.map(|at| at + GRACE), ending.entries_frozen_at) {
                (Some(until), None) => Sentence::with(
                    "The track is closed, and everybody sees it. Uploads that were under way are taken until ",
                    Timestamp::date(until),
                    "; then the entries freeze by themselves.",
                ),
                _ => Sentence::plain("The track is closed, and everybody sees it."),
            },
            (Self::Extend, Some(date)) => {
                Sentence::with("The track now closes on ", date, ". Its pages say so, and so does its log.")
            }
            (Self::Reopen, Some(date)) => Sentence::with(
                "The track is open again until ",
                date,
                ". Entries are picked anew after that. Its pages say so, and so does its log.",
            ),
            (Self::Extend | Self::Reopen, None) => return None,
            (Self::Preview, _) => Sentence::plain(
                "The preview has begun. Organisers alone see the final scores, and the track cannot be opened again.",
            ),
            (Self::Retry, _) => Sentence::plain("It is in the queue again."),
            (Self::Reveal, _) => Sentence::plain(match ending.labels_opened_at {
                Some(_) => {
                    "The final ranking is public, as version 1, provisional until you declare it final. The labels are public, too."
                }
                None => {
                    "The final ranking is public, as version 1, provisional until you declare it final. The labels stay hidden."
                }
            }),
            (Self::Final, _) => {
                Sentence::plain("The results are final. The track’s pages say so, and so does its log.")
            }
            (Self::Benchmark, _) => Sentence::plain(
                "The track is open as a benchmark. The official ranking stays as it is; the track’s pages say so, and so does its log.",
            ),
            (Self::End, _) => {
                Sentence::plain("The benchmark has ended. What was sent is still scored, and its board stays.")
            }
            (Self::OpenLabels, _) => Sentence::plain(
                "The labels are public: anybody can check every score. The track’s pages say so, and so does its log.",
            ),
        })
    }

    /// Leads back to the page.
    fn redirect(self, organiser: &Organiser, already: bool) -> Response {
        let already = if already { "&already=true" } else { "" };
        let href = format!("/c/{}/organise/final?done={}{already}", organiser.track.path(), self.word());
        Redirect::to(&href).into_response()
    }
}

/// The page again, with what was typed and what is wrong.
async fn again(app: &App, organiser: &Organiser, status: StatusCode, form: &FormState) -> Result<Response, HttpError> {
    // As it stands now, which may be why the step was not taken.
    let track = store::track::by_id(&app.db, organiser.track.id).await?.ok_or(HttpError::NotFound)?;
    let page = page(app, &organiser.login, track.at(app.clock.now()), organiser.access, Shown::default(), form).await?;
    Ok((status, answer(&page)?).into_response())
}

/// The answer to a form whose step was asked for.
async fn answered(
    app: &App,
    organiser: &Organiser,
    done: Done,
    taken: Result<Taken, StepError>,
    form: FormState,
) -> Result<Response, HttpError> {
    match taken {
        Ok(taken) => Ok(done.redirect(organiser, taken.already)),
        Err(error) => refused(app, organiser, error, form).await,
    }
}

async fn refused(
    app: &App,
    organiser: &Organiser,
    error: StepError,
    mut form: FormState,
) -> Result<Response, HttpError> {
    match error {
        StepError::BadDate(text) => {
            form.date_error = Some(text);
            again(app, organiser, StatusCode::UNPROCESSABLE_ENTITY, &form).await
        }
        StepError::NotReady { problems, .. } => {
            let problems: Vec<_> = problems.into_iter().map(|problem| problem.detail).collect();
            form.alert = Some(format!("Not yet. {}", problems.join(" ")));
            again(app, organiser, StatusCode::CONFLICT, &form).await
        }
        StepError::WrongPhase { phase, .. } => {
            form.alert =
                Some(format!("The track is {} now, and this step cannot be taken from there.", phase.as_str()));
            again(app, organiser, StatusCode::CONFLICT, &form).await
        }
        StepError::NoTrack(_) | StepError::Labels(_) | StepError::Store(_) => Err(error.into()),
    }
}

fn by(organiser: &Organiser) -> By<'static> {
    By { user: Some(organiser.login.user.id), reason: None }
}

/// `POST /c/{competition}/{track}/organise/final/close`
pub(crate) async fn close(State(app): State<App>, organiser: Organiser) -> Result<Response, HttpError> {
    let taken = lifecycle::close(&app, &organiser.track.path(), by(&organiser)).await;
    answered(&app, &organiser, Done::Close, taken, FormState::default()).await
}

/// `POST /c/{competition}/{track}/organise/final/extend`
pub(crate) async fn extend(
    State(app): State<App>,
    organiser: Organiser,
    form: Result<Form<DateForm>, FormRejection>,
) -> Result<Response, HttpError> {
    move_close(&app, &organiser, Done::Extend, form).await
}

/// `POST /c/{competition}/{track}/organise/final/reopen`
pub(crate) async fn reopen(
    State(app): State<App>,
    organiser: Organiser,
    form: Result<Form<DateForm>, FormRejection>,
) -> Result<Response, HttpError> {
    move_close(&app, &organiser, Done::Reopen, form).await
}

async fn move_close(
    app: &App,
    organiser: &Organiser,
    done: Done,
    form: Result<Form<DateForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let Form(form) = form.map_err(form::rejected)?;
    let mut form = FormState::of_date(form);
    let (Some(at), Ok(reason)) = (form.checked_date(), form.checked_reason()) else {
        return again(app, organiser, StatusCode::UNPROCESSABLE_ENTITY, &form).await;
    };
    let (path, by) = (organiser.track.path(), By { reason: reason.as_ref(), ..by(organiser) });
    let taken = match done {
        Done::Reopen => lifecycle::reopen(app, &path, at, by).await,
        _ => lifecycle::extend(app, &path, at, by).await,
    };
    answered(app, organiser, done, taken, form).await
}

/// A form that asks for the password alone.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PasswordForm {
    password: String,
}

/// Who sends a form that takes a password, and to which server.
type Sender = (State<ServerState>, ConnectInfo<SocketAddr>);

/// Whether the password is right; where it is not, the form has the field's error.
async fn confirmed(
    (State(state), ConnectInfo(peer)): &Sender,
    organiser: &mut Organiser,
    password: &str,
    form: &mut FormState,
) -> Result<bool, HttpError> {
    let is_right = organiser.login.confirm_password(state, peer.ip(), password).await?;
    if !is_right {
        form.password_error = Some("This is not your password.".to_owned());
    }
    Ok(is_right)
}

/// `POST /c/{competition}/{track}/organise/final/preview`
pub(crate) async fn preview(
    sender: Sender,
    mut organiser: Organiser,
    form: Result<Form<PasswordForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let app = sender.0.app.clone();
    let Form(typed) = form.map_err(form::rejected)?;
    let mut form = FormState::default();
    if !confirmed(&sender, &mut organiser, &typed.password, &mut form).await? {
        return again(&app, &organiser, StatusCode::UNPROCESSABLE_ENTITY, &form).await;
    }
    let had_begun = organiser.track.ending.final_begun_at.is_some();
    match lifecycle::preview(&app, &organiser.track.path(), by(&organiser)).await {
        Ok(_) => Ok(Done::Preview.redirect(&organiser, had_begun)),
        Err(error) => refused(&app, &organiser, error, form).await,
    }
}

/// The form that has something scored again.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RetryForm {
    /// The official entry whose final score failed; nothing: all that failed.
    submission: Option<String>,
}

/// `POST /c/{competition}/{track}/organise/final/retry`
pub(crate) async fn retry(
    State(app): State<App>,
    organiser: Organiser,
    form: Result<Form<RetryForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let Form(form) = form.map_err(form::rejected)?;
    let Some(submission) = form.submission else {
        lifecycle::retry_failed(&app, &organiser.track.path()).await?;
        return Ok(Done::Retry.redirect(&organiser, false));
    };
    let id: SubmissionId = submission.parse().map_err(|_| HttpError::NotFound)?;
    let submission = store::submission::by_id(&app.db, id).await?;
    // An organiser of one track has no say over the submissions of another.
    submission.filter(|submission| submission.track == organiser.track.id).ok_or(HttpError::NotFound)?;
    match organise::retry_final(&app, id).await {
        Ok(()) => Ok(Done::Retry.redirect(&organiser, false)),
        Err(OrganiseError::NoFinalJob(_)) => {
            let alert = "It waits for no final score: it was scored, or taken out, in the meantime.".to_owned();
            let form = FormState { alert: Some(alert), ..FormState::default() };
            again(&app, &organiser, StatusCode::CONFLICT, &form).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The form of what cannot be taken back.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConfirmForm {
    labels: Option<LabelsAtReveal>,
    confirm: String,
    password: String,
}

impl ConfirmForm {
    /// What was typed, with what is wrong with it.
    fn checked(&self, organiser: &Organiser) -> FormState {
        let track = organiser.track.path().to_string();
        FormState {
            labels: self.labels,
            confirm: self.confirm.clone(),
            confirm_error: (self.confirm.trim() != track).then(|| format!("Type {track}: it cannot be taken back.")),
            ..FormState::default()
        }
    }
}

/// `POST /c/{competition}/{track}/organise/final/reveal`
pub(crate) async fn reveal(
    sender: Sender,
    mut organiser: Organiser,
    form: Result<Form<ConfirmForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let app = sender.0.app.clone();
    let Form(typed) = form.map_err(form::rejected)?;
    let mut form = typed.checked(&organiser);
    if typed.labels.is_none() {
        form.labels_error = Some("Say what becomes of the labels.");
    }
    let (Some(labels), None) = (typed.labels, &form.confirm_error) else {
        return again(&app, &organiser, StatusCode::UNPROCESSABLE_ENTITY, &form).await;
    };
    if !confirmed(&sender, &mut organiser, &typed.password, &mut form).await? {
        return again(&app, &organiser, StatusCode::UNPROCESSABLE_ENTITY, &form).await;
    }
    let taken = lifecycle::reveal(&app, &organiser.track.path(), labels, by(&organiser)).await;
    answered(&app, &organiser, Done::Reveal, taken, form).await
}

/// `POST /c/{competition}/{track}/organise/final/declare`
pub(crate) async fn declare_final(State(app): State<App>, organiser: Organiser) -> Result<Response, HttpError> {
    let taken = lifecycle::declare_final(&app, &organiser.track.path(), by(&organiser)).await;
    answered(&app, &organiser, Done::Final, taken, FormState::default()).await
}

/// The form that opens a benchmark.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BenchmarkForm {
    per_day: String,
    per_year: String,
    password: String,
}

/// `POST /c/{competition}/{track}/organise/final/benchmark`
pub(crate) async fn benchmark(
    sender: Sender,
    mut organiser: Organiser,
    form: Result<Form<BenchmarkForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let app = sender.0.app.clone();
    let Form(typed) = form.map_err(form::rejected)?;
    let mut form = FormState { limits: Some((typed.per_day, typed.per_year)), ..FormState::default() };
    let Some(limits) = form.checked_limits() else {
        return again(&app, &organiser, StatusCode::UNPROCESSABLE_ENTITY, &form).await;
    };
    if !confirmed(&sender, &mut organiser, &typed.password, &mut form).await? {
        return again(&app, &organiser, StatusCode::UNPROCESSABLE_ENTITY, &form).await;
    }
    let taken = lifecycle::benchmark(&app, &organiser.track.path(), limits, by(&organiser)).await;
    answered(&app, &organiser, Done::Benchmark, taken, form).await
}

/// `POST /c/{competition}/{track}/organise/final/end`
pub(crate) async fn end(State(app): State<App>, organiser: Organiser) -> Result<Response, HttpError> {
    let taken = lifecycle::end(&app, &organiser.track.path(), by(&organiser)).await;
    answered(&app, &organiser, Done::End, taken, FormState::default()).await
}

/// `POST /c/{competition}/{track}/organise/final/open-labels`
pub(crate) async fn open_labels(
    sender: Sender,
    mut organiser: Organiser,
    form: Result<Form<ConfirmForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let app = sender.0.app.clone();
    let Form(typed) = form.map_err(form::rejected)?;
    let mut form = typed.checked(&organiser);
    if form.confirm_error.is_some() || !confirmed(&sender, &mut organiser, &typed.password, &mut form).await? {
        return again(&app, &organiser, StatusCode::UNPROCESSABLE_ENTITY, &form).await;
    }
    let taken = lifecycle::open_labels(&app, &organiser.track.path(), by(&organiser)).await;
    answered(&app, &organiser, Done::OpenLabels, taken, form).await
}
