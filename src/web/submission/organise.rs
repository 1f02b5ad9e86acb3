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
use crate::http::auth::{Organiser, SignedIn};
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
    let (organiser, submission) = Organiser::of_submission(&app, &id, login).await?;
    let Form(form) = form.map_err(form::rejected)?;
    let Ok(reason) = form.reason.parse() else {
        return again(&app, &organiser, submission, &form, "Give a reason of 1 to 500 characters, on one line.").await;
    };
    let by = By { user: Some(organiser.login.user.id), reason: Some(&reason) };
    organise::disqualify(&app, submission.id, by).await?;
    Ok(Redirect::to(&format!("/submissions/{}", submission.id)).into_response())
}

/// `POST /submissions/{id}/restore`
pub(crate) async fn restore(
    State(app): State<App>,
    SignedIn(login): SignedIn,
    PathParameter(id): PathParameter,
    form: Result<Form<ReasonForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let (organiser, submission) = Organiser::of_submission(&app, &id, login).await?;
    let Form(form) = form.map_err(form::rejected)?;
    let Ok(reason) = Reason::optional(&form.reason) else {
        return again(&app, &organiser, submission, &form, "A reason has at most 500 characters, on one line.").await;
    };
    let by = By { user: Some(organiser.login.user.id), reason: reason.as_ref() };
    organise::restore(&app, submission.id, by).await?;
    Ok(Redirect::to(&format!("/submissions/{}", submission.id)).into_response())
}

/// The page again, with what was typed and what is wrong with it.
async fn again(
    app: &App,
    organiser: &Organiser,
    submission: Submission,
    form: &ReasonForm,
    error: &str,
) -> Result<Response, HttpError> {
    let access = organiser.access.submission(submission.id, submission.participant).ok_or(HttpError::NotFound)?;
    let reason = show::reason_field().value(form.reason.as_str()).error(Some(error.to_owned()));
    let page =
        show::page(app, Reader::of(Some(&organiser.login)), access, &organiser.track, submission, reason).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}
