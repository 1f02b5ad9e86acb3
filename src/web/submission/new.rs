//! Sending a submission: the form, and the upload behind it.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use scoring::Split;

use super::super::form::{Field, sentence};
use super::super::site::Reader;
use super::super::timestamp::Timestamp;
use super::super::track::{Standing, files, points};
use super::super::track_head::{Tab, TrackHead};
use super::super::{number, render};
use super::Attempts;
use crate::app::App;
use crate::domain::phase::Refusal;
use crate::domain::quota::LimitReached;
use crate::http::auth::{Enroller, TrackView};
use crate::http::error::HttpError;
use crate::http::server::Site;
use crate::http::upload::{self, UploadForm};
use crate::service::submit::{self, Details, DetailsError, SubmitError};
use crate::store::participant::Participant;
use crate::store::track::Track;

/// `/c/{competition}/{track}/submit`.
#[derive(Template)]
#[template(path = "submission/new.html")]
pub(crate) struct NewPage {
    pub(crate) reader: Reader,
    pub(crate) head: TrackHead,
    pub(crate) gate: Gate,
    pub(crate) attempts: Option<Attempts>,
    /// The greatest upload in bytes, and as people say it.
    pub(crate) max_bytes: u64,
    pub(crate) max_size: String,
    pub(crate) file_error: Option<String>,
    pub(crate) description: Field,
    pub(crate) method_url: Field,
    pub(crate) layout: Layout,
    pub(crate) public_url: String,
}

/// Whether an upload would be taken, and if not, why.
#[derive(Clone, Debug)]
pub(crate) enum Gate {
    Open,
    /// The reader must sign in or join first.
    Standing(Standing),
    /// The track opens at this time, if one is set.
    NotOpen(Option<Timestamp>),
    /// The track has closed.
    Closed,
    /// No attempt is left until this time; `None` if none will come.
    NoAttempts(Option<Timestamp>),
}

/// What a submission holds, for the help beside the form.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) scenarios: Vec<LayoutScenario>,
    pub(crate) files: String,
    pub(crate) points: String,
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
        }
    }
}

/// What was typed into the form before, and what was wrong with it.
#[derive(Default)]
struct Typed {
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
    render(&page(&app, &site, &view, Typed::default()).await?)
}

async fn page(app: &App, site: &Site, view: &TrackView, typed: Typed) -> Result<NewPage, HttpError> {
    let track = &view.track;
    let attempts = match view.participant {
        Some(participant) => Some(Attempts::load(app, track, participant.id).await?),
        None => None,
    };
    Ok(NewPage {
        reader: Reader::of(view.login.as_ref()),
        head: TrackHead::load(app, track, view.access, Tab::Submit).await?,
        gate: gate(app, view).await?,
        attempts,
        max_bytes: track.settings.limits.bytes,
        max_size: number::bytes(track.settings.limits.bytes),
        file_error: typed.file_error,
        description: Field::text("description", "Description")
            .optional()
            .hint("Stands under your name on the board.")
            .value(typed.description)
            .error(typed.description_error),
        method_url: Field::text("method_url", "Write-up")
            .kind("url")
            .optional()
            .hint("The address of a paper or of code. The board links to it.")
            .value(typed.method_url)
            .error(typed.method_url_error),
        layout: Layout::of(track),
        public_url: site.base().to_owned(),
    })
}

async fn gate(app: &App, view: &TrackView) -> Result<Gate, HttpError> {
    let now = app.clock.now();
    let (Some(participant), Standing::Approved) = (view.participant, Standing::of(view, now)) else {
        return Ok(Gate::Standing(Standing::of(view, now)));
    };
    match submit::precheck(app, &view.track, participant, None).await {
        Ok(()) => Ok(Gate::Open),
        Err(SubmitError::NotTaking(Refusal::NotYet(opens))) => {
            Ok(Gate::NotOpen(opens.filter(|at| *at > now).map(|at| Timestamp::until(at, now))))
        }
        Err(SubmitError::NotTaking(Refusal::NoLonger(_))) => Ok(Gate::Closed),
        Err(SubmitError::LimitReached(LimitReached::Today { next })) => {
            Ok(Gate::NoAttempts(Some(Timestamp::until(next, now))))
        }
        Err(SubmitError::LimitReached(LimitReached::Total)) => Ok(Gate::NoAttempts(None)),
        Err(error) => Err(HttpError::from_submit(error, now)),
    }
}

/// `POST /c/{competition}/{track}/submit`: takes the upload and goes to the page of the submission, also where it was
/// rejected: that page has the problems.
pub(crate) async fn create(
    State(app): State<App>,
    State(site): State<Site>,
    Enroller(_): Enroller,
    view: TrackView,
    request: Request,
) -> Result<Response, HttpError> {
    let (Some(participant), Gate::Open) = (view.participant, gate(&app, &view).await?) else {
        // The page itself says why nothing is taken.
        return Ok(Redirect::to(&format!("/c/{}/submit", view.track.path())).into_response());
    };
    match take(&app, &view.track, participant, request).await {
        Ok(at) => Ok(Redirect::to(&at).into_response()),
        Err(NotTaken::Form(status, typed)) => {
            let page = page(&app, &site, &view, *typed).await?;
            Ok((status, render(&page)?).into_response())
        }
        Err(NotTaken::Other(error)) => Err(error),
    }
}

/// Why an upload was not taken: something the form can show beside its fields, or not.
enum NotTaken {
    Form(StatusCode, Box<Typed>),
    Other(HttpError),
}

impl From<HttpError> for NotTaken {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::TooLarge { limit } => {
                let text = format!("This file is over the {} that the track takes.", number::bytes(limit));
                let typed = Typed { file_error: Some(text), ..Typed::default() };
                Self::Form(StatusCode::PAYLOAD_TOO_LARGE, Box::new(typed))
            }
            other => Self::Other(other),
        }
    }
}

/// Takes the upload in; the address of the submission's page.
async fn take(app: &App, track: &Track, participant: Participant, request: Request) -> Result<String, NotTaken> {
    upload::refuse_encoded(request.headers())?;
    upload::refuse_large(request.headers(), track)?;
    let UploadForm { staged, description, method_url } = upload::read_form(app, track, participant, request).await?;
    let details = Details::parse(description.clone(), method_url.clone(), None);
    let staged = staged.filter(|staged| staged.size > 0);
    let file_error = if staged.is_some() { "Choose the zip again." } else { "Choose the zip to submit." };
    let (Some(staged), Ok(details)) = (staged, &details) else {
        let typed =
            Typed { file_error: Some(file_error.to_owned()), ..typed_again(description, method_url, details.err()) };
        return Err(NotTaken::Form(StatusCode::UNPROCESSABLE_ENTITY, Box::new(typed)));
    };
    match submit::accept(app, track, participant, staged, details).await {
        Ok(accepted) => Ok(format!("/submissions/{}", accepted.id)),
        Err(SubmitError::Rejected { id, .. }) => Ok(format!("/submissions/{id}")),
        Err(error) => Err(NotTaken::Other(HttpError::from_submit(error, app.clock.now()))),
    }
}

/// The form as it was typed, with a word beside what is wrong. A browser does not keep a chosen file.
fn typed_again(description: Option<String>, method_url: Option<String>, wrong: Option<DetailsError>) -> Typed {
    let text = wrong.as_ref().map(|error| sentence(&error.to_string()));
    let (description_error, method_url_error) = match wrong {
        Some(DetailsError::Description) => (text, None),
        Some(DetailsError::MethodUrl) => (None, text),
        Some(DetailsError::IdempotencyKey) | None => (None, None),
    };
    Typed {
        description: description.unwrap_or_default(),
        method_url: method_url.unwrap_or_default(),
        file_error: None,
        description_error,
        method_url_error,
    }
}
