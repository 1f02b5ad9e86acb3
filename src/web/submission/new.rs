//! Submitting: the form, and the handler that takes the upload.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use scoring::Split;

use super::super::form::{Field, sentence};
use super::super::site::Reader;
use super::super::timestamp::Timestamp;
use super::super::track::{EnrolmentStatus, files, points};
use super::super::track_head::{Tab, TrackHead};
use super::super::{number, render};
use super::Attempts;
use crate::app::App;
use crate::domain::phase::Refusal;
use crate::domain::quota::LimitReached;
use crate::domain::visibility::Audience;
use crate::http::auth::{Enroller, TrackView};
use crate::http::error::HttpError;
use crate::http::server::Site;
use crate::http::upload::{self, UploadForm};
use crate::service::submit::{self, Details, DetailsError, Sender, SubmitError};
use crate::store::participant::Participant;
use crate::store::track::Track;

/// `/c/{competition}/{track}/submit`.
#[derive(Template)]
#[template(path = "submission/new.html")]
pub(crate) struct NewPage {
    pub(crate) reader: Reader,
    pub(crate) head: TrackHead,
    pub(crate) can_submit: CanSubmit,
    pub(crate) attempts: Option<Attempts>,
    /// The upload limit in bytes, and in words.
    pub(crate) max_bytes: u64,
    pub(crate) max_size: String,
    pub(crate) file_error: Option<String>,
    pub(crate) description: Field,
    pub(crate) method_url: Field,
    pub(crate) layout: Layout,
    pub(crate) public_url: String,
    is_revealed: bool,
    /// What an attempt is for now, as a sentence.
    pub(crate) purpose: &'static str,
}

impl NewPage {
    /// What becomes of the ranking of a closed track. Before the reveal it says nothing of whether final scores exist.
    fn on_the_ranking(&self) -> &'static str {
        match self.is_revealed {
            true => "The final ranking is out.",
            false => "The organisers reveal the final ranking, on the test models, once all scores are checked.",
        }
    }
}

/// Whether the reader can submit now, and if not, why.
#[derive(Clone, Debug)]
pub(crate) enum CanSubmit {
    Yes,
    /// The reader has to sign in, join, or be approved first.
    NotEnrolled(EnrolmentStatus),
    /// The track has not opened; it opens at this time, if one is set.
    NotOpen(Option<Timestamp>),
    /// The track has closed.
    Closed,
    /// No attempt is left, as in `today`, until this time; `None` if all attempts are used up.
    NoAttempts(&'static str, Option<Timestamp>),
}

/// What a submission contains, for the help below the form.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) scenarios: Vec<LayoutScenario>,
    pub(crate) files: String,
    pub(crate) points: String,
    /// Whether scenarios may be left out, and what that means.
    pub(crate) on_leaving_out: Option<&'static str>,
}

/// One scenario's folder in the help.
#[derive(Clone, Debug)]
pub(crate) struct LayoutScenario {
    pub(crate) folder: String,
    /// The folders of its dev models, as in `model_100 … model_149`.
    pub(crate) dev: String,
    /// The folders of its test models.
    pub(crate) test: String,
}

impl Layout {
    fn of(track: &Track) -> Self {
        let folders = |shape: &scoring::ScenarioShape, split| {
            let models = shape.models(split);
            match (models.first(), models.last()) {
                (Some(first), Some(last)) if models.len() > 1 => format!("{} … {}", first.name, last.name),
                (Some(only), _) => only.name.clone(),
                _ => String::new(),
            }
        };
        let scenario = |shape: &scoring::ScenarioShape| LayoutScenario {
            folder: shape.name().to_owned(),
            dev: folders(shape, Split::Dev),
            test: folders(shape, Split::Final),
        };
        Self {
            scenarios: track.shape.scenarios().iter().map(scenario).collect(),
            files: number::count(files(track)),
            points: points(track.shape.scenarios().iter()),
            on_leaving_out: track.shape.ranking().on_leaving_out(),
        }
    }
}

/// What was typed into the form before, and what was wrong with it.
#[derive(Default)]
struct FormState {
    description: String,
    method_url: String,
    file_error: Option<String>,
    description_error: Option<String>,
    method_url_error: Option<String>,
}

/// `GET /c/{competition}/{track}/submit`
pub(crate) async fn form(
    State(app): State<App>,
    State(site): State<Site>,
    view: TrackView,
) -> Result<Html<String>, HttpError> {
    render(&page(&app, &site, &view, FormState::default()).await?)
}

async fn page(app: &App, site: &Site, view: &TrackView, form: FormState) -> Result<NewPage, HttpError> {
    let track = &view.track;
    let attempts = match view.participant {
        Some(participant) => Some(Attempts::load(app, track, participant.id).await?),
        None => None,
    };
    Ok(NewPage {
        reader: Reader::of(view.login.as_ref()),
        head: TrackHead::load(app, track, view.access, Tab::Submit).await?,
        can_submit: can_submit(app, view).await?,
        attempts,
        max_bytes: track.settings.limits.bytes,
        max_size: number::bytes(track.settings.limits.bytes),
        file_error: form.file_error,
        description: Field::text("description", "Description")
            .optional()
            .hint("Shown under your name on the board.")
            .value(form.description)
            .error(form.description_error),
        method_url: Field::text("method_url", "Write-up")
            .kind("url")
            .optional()
            .hint("A link to a paper or to code. The board links to it.")
            .value(form.method_url)
            .error(form.method_url_error),
        layout: Layout::of(track),
        public_url: site.base().to_owned(),
        is_revealed: track.phase.rules().final_is_public,
        purpose: purpose(track),
    })
}

/// What a submission that is sent now is for; said to those who can send one.
fn purpose(track: &Track) -> &'static str {
    let rules = track.phase.rules();
    if rules.is_benchmark {
        return "This is for the benchmark board: it is scored on both splits now. The official ranking stands, whatever is sent.";
    }
    match rules.takes_trials {
        true => {
            "This is a trial, as organisers send one before the opening: it is scored on the dev split alone, organisers alone \
             see it on the board, it stands in no log, and it is removed when the track opens."
        }
        false => {
            "It counts for the competition: it is scored on the dev split now, and on the test split once the track has closed."
        }
    }
}

/// As whom the reader submits.
fn sender(view: &TrackView, participant: Participant) -> Sender {
    Sender { participant, is_organiser: view.audience() == Audience::Organiser }
}

async fn can_submit(app: &App, view: &TrackView) -> Result<CanSubmit, HttpError> {
    let now = app.clock.now();
    let (Some(participant), EnrolmentStatus::Approved) = (view.participant, EnrolmentStatus::of(view, now)) else {
        return Ok(CanSubmit::NotEnrolled(EnrolmentStatus::of(view, now)));
    };
    let sender = sender(view, participant);
    match submit::precheck(app, &view.track, sender, None).await {
        Ok(()) => Ok(CanSubmit::Yes),
        Err(SubmitError::NotTaking(Refusal::NotYet(opens))) => {
            Ok(CanSubmit::NotOpen(opens.filter(|at| *at > now).map(|at| Timestamp::until(at, now))))
        }
        Err(SubmitError::NotTaking(Refusal::NoLonger(_))) => Ok(CanSubmit::Closed),
        Err(SubmitError::LimitReached(LimitReached::Today { next })) => {
            Ok(CanSubmit::NoAttempts(" today", Some(Timestamp::until(next, now))))
        }
        Err(SubmitError::LimitReached(LimitReached::Year { next })) => {
            Ok(CanSubmit::NoAttempts(" this year", Some(Timestamp::until(next, now))))
        }
        Err(SubmitError::LimitReached(LimitReached::Total)) => Ok(CanSubmit::NoAttempts("", None)),
        Err(error) => Err(HttpError::from_submit(error, now)),
    }
}

/// `POST /c/{competition}/{track}/submit`: takes the upload and redirects to the submission's page,
/// even if it was rejected, because that page lists the problems.
pub(crate) async fn create(
    State(app): State<App>,
    State(site): State<Site>,
    Enroller(_): Enroller,
    view: TrackView,
    request: Request,
) -> Result<Response, HttpError> {
    let (Some(participant), CanSubmit::Yes) = (view.participant, can_submit(&app, &view).await?) else {
        // The page says why the reader cannot submit.
        return Ok(Redirect::to(&format!("/c/{}/submit", view.track.path())).into_response());
    };
    match accept_upload(&app, &view.track, sender(&view, participant), request).await {
        Ok(at) => Ok(Redirect::to(&at).into_response()),
        Err(UploadError::Form(status, form)) => {
            let page = page(&app, &site, &view, *form).await?;
            Ok((status, render(&page)?).into_response())
        }
        Err(UploadError::Other(error)) => Err(error),
    }
}

/// Why an upload was not taken: an error that the form shows beside its fields, or another.
enum UploadError {
    Form(StatusCode, Box<FormState>),
    Other(HttpError),
}

impl From<HttpError> for UploadError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::TooLarge { limit } => {
                let text = format!("This file is larger than the {} that the track accepts.", number::bytes(limit));
                let form = FormState { file_error: Some(text), ..FormState::default() };
                Self::Form(StatusCode::PAYLOAD_TOO_LARGE, Box::new(form))
            }
            other => Self::Other(other),
        }
    }
}

/// Takes the upload and returns the path of the submission's page.
async fn accept_upload(app: &App, track: &Track, sender: Sender, request: Request) -> Result<String, UploadError> {
    upload::refuse_encoded(request.headers())?;
    upload::refuse_large(request.headers(), track)?;
    let UploadForm { received, description, method_url } =
        upload::read_form(app, track, sender.participant, request).await?;
    let details = Details::parse(description.clone(), method_url.clone(), None);
    let received = received.filter(|received| received.staged.size > 0);
    let file_error = if received.is_some() { "Choose the zip again." } else { "Choose the zip to submit." };
    let (Some(received), Ok(details)) = (received, &details) else {
        let form =
            FormState { file_error: Some(file_error.to_owned()), ..form_state(description, method_url, details.err()) };
        return Err(UploadError::Form(StatusCode::UNPROCESSABLE_ENTITY, Box::new(form)));
    };
    match submit::accept(app, track, sender, received, details).await {
        Ok(accepted) => Ok(format!("/submissions/{}", accepted.id)),
        Err(SubmitError::Rejected { id, .. }) => Ok(format!("/submissions/{id}")),
        Err(error) => Err(UploadError::Other(HttpError::from_submit(error, app.clock.now()))),
    }
}

/// The form as it was filled in, with an error beside the field that is wrong. The file is not part
/// of it: a browser does not keep a chosen file.
fn form_state(description: Option<String>, method_url: Option<String>, error: Option<DetailsError>) -> FormState {
    let text = error.as_ref().map(|error| sentence(&error.to_string()));
    let (description_error, method_url_error) = match error {
        Some(DetailsError::Description) => (text, None),
        Some(DetailsError::MethodUrl) => (None, text),
        Some(DetailsError::IdempotencyKey) | None => (None, None),
    };
    FormState {
        description: description.unwrap_or_default(),
        method_url: method_url.unwrap_or_default(),
        file_error: None,
        description_error,
        method_url_error,
    }
}
