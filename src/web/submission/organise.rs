//! The forms by which organisers take a submission out, and back in.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::form;
use super::super::render;
use super::super::site::Reader;
use super::show;
use crate::app::App;
use crate::domain::reason::Reason;
use crate::http::auth::{Login, Organiser, SignedIn};
use crate::http::error::HttpError;
use crate::http::path_parameter::PathParameter;
use crate::service::lifecycle::By;
use crate::service::organise;
use crate::store::submission::Submission;

/// Why something is done.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReasonForm {
    reason: String,
}

/// `POST /submissions/{id}/disqualify`
pub(crate) async fn disqualify(
    State(app): State<App>,
    SignedIn(login): SignedIn,
    PathParameter(id): PathParameter,
    form: Result<Form<ReasonForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let asked = Asked::read(&app, &id, login, form).await?;
    let Ok(reason) = asked.form.reason.parse() else {
        return asked.again(&app, "Give a reason of 1 to 500 characters, on one line.").await;
    };
    organise::disqualify(&app, asked.submission.id, asked.by(Some(&reason))).await?;
    Ok(asked.done())
}

/// `POST /submissions/{id}/restore`
pub(crate) async fn restore(
    State(app): State<App>,
    SignedIn(login): SignedIn,
    PathParameter(id): PathParameter,
    form: Result<Form<ReasonForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let asked = Asked::read(&app, &id, login, form).await?;
    let Ok(reason) = Reason::optional(&asked.form.reason) else {
        return asked.again(&app, "A reason has at most 500 characters, on one line.").await;
    };
    organise::restore(&app, asked.submission.id, asked.by(reason.as_ref())).await?;
    Ok(asked.done())
}

/// What an organiser asks for, of which submission.
struct Asked {
    organiser: Organiser,
    submission: Submission,
    form: ReasonForm,
}

impl Asked {
    async fn read(
        app: &App,
        id: &str,
        login: Login,
        form: Result<Form<ReasonForm>, FormRejection>,
    ) -> Result<Self, HttpError> {
        let (organiser, submission) = Organiser::of_submission(app, id, login).await?;
        let Form(form) = form.map_err(form::rejected)?;
        Ok(Self { organiser, submission, form })
    }

    fn by<'a>(&self, reason: Option<&'a Reason>) -> By<'a> {
        By { user: Some(self.organiser.login.user.id), reason }
    }

    fn done(&self) -> Response {
        Redirect::to(&format!("/submissions/{}", self.submission.id)).into_response()
    }

    /// The page again, with what was typed and what is wrong with it.
    async fn again(self, app: &App, error: &str) -> Result<Response, HttpError> {
        let Self { organiser, submission, form } = self;
        let access = organiser.access.submission(submission.id, submission.participant).ok_or(HttpError::NotFound)?;
        let reason = show::reason_field().value(form.reason.as_str()).error(Some(error.to_owned()));
        let reader = Reader::of(Some(&organiser.login));
        let forms = show::Forms { reason: Some(reason), ..show::Forms::default() };
        let page = show::page(app, reader, access, &organiser.track, submission, forms).await?;
        Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
    }
}
