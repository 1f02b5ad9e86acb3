//! The form by which an owner says what a submission is, and where its method is described.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::form::{self, sentence};
use super::super::render;
use super::super::site::Reader;
use super::show::{self, DescribeForm, Forms};
use crate::app::App;
use crate::domain::visibility::Audience;
use crate::http::auth::{Enroller, SeenSubmission};
use crate::http::error::HttpError;
use crate::http::path_parameter::PathParameter;
use crate::service::describe::{self, DescribeError, Described};
use crate::service::submit::DetailsError;

/// What is said of a submission.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DescribeFields {
    description: String,
    method_url: String,
}

/// `POST /submissions/{id}/describe`
pub(crate) async fn describe(
    State(app): State<App>,
    Enroller(login): Enroller,
    PathParameter(id): PathParameter,
    fields: Result<Form<DescribeFields>, FormRejection>,
) -> Result<Response, HttpError> {
    let seen = SeenSubmission::find(&app, &id, login).await?;
    if seen.access.audience() != Audience::Owner {
        return Err(HttpError::NotFound);
    }
    let Form(DescribeFields { description, method_url }) = fields.map_err(form::rejected)?;
    let said = Described { description: Some(description.clone()), method_url: Some(method_url.clone()) };
    match describe::describe(&app, seen.submission.id, said).await {
        Ok(()) => Ok(Redirect::to(&format!("/submissions/{}", seen.submission.id)).into_response()),
        Err(DescribeError::Details(error)) => {
            let mut filled = DescribeForm::new(&description, &method_url);
            filled.is_open = true;
            let text = Some(sentence(&error.to_string()));
            match error {
                DetailsError::MethodUrl => filled.method_url = filled.method_url.error(text),
                _ => filled.description = filled.description.error(text),
            }
            let forms = Forms { describe: Some(filled), ..Forms::default() };
            let reader = Reader::of(Some(&seen.login));
            let page = show::page(&app, reader, seen.access, &seen.track, seen.submission, forms).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
        }
        Err(DescribeError::NoSubmission(_)) => Err(HttpError::NotFound),
        Err(DescribeError::Store(error)) => Err(error.into()),
    }
}
