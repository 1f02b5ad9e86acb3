//! The account page: API tokens, tracks, and ending all sessions.
//!
//! Managing an account takes a browser's session: an API token cannot create or revoke tokens.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

use super::super::form::{self, Field};
use super::super::render;
use super::super::site::{Link, Reader};
use super::super::timestamp::Timestamp;
use super::login::signed_out;
use crate::app::App;
use crate::domain::account::TokenScope;
use crate::domain::ids::TokenId;
use crate::domain::participant::ParticipantStatus;
use crate::http::auth::{LoginBy, SignedIn};
use crate::http::error::{Detail, HttpError};
use crate::http::path_parameter::PathParameter;
use crate::http::server::ServerState;
use crate::service::accounts;
use crate::store;
use crate::store::user::User;

/// The longest label that a token may have.
const MAX_LABEL_CHARS: usize = 60;

/// `/account`.
#[derive(Template)]
#[template(path = "account/show.html")]
pub(crate) struct ShowPage {
    pub(crate) reader: Reader,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) since: Timestamp,
    pub(crate) tokens: Vec<TokenRow>,
    /// The token that was just created: it is shown only this once and cannot be read again.
    pub(crate) new_token: Option<String>,
    pub(crate) label: Field,
    pub(crate) enrolments: Vec<EnrolmentRow>,
}

/// An API token. Its secret is not stored, so it cannot be shown.
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) label: String,
    /// Its first characters, to recognise it by.
    pub(crate) hint: String,
    pub(crate) scope: &'static str,
    pub(crate) created: Timestamp,
    pub(crate) last_used: Option<Timestamp>,
}

/// A track the account is enrolled in.
pub(crate) struct EnrolmentRow {
    pub(crate) track: Link,
    pub(crate) status: &'static str,
}

/// The account behind a browser's session; a token is refused.
fn by_session(SignedIn(login): SignedIn) -> Result<User, HttpError> {
    match login.by {
        LoginBy::Session(_) => Ok(login.user),
        LoginBy::Token(_) => Err(HttpError::NotAllowed(Detail::new(
            "session_needed",
            "A token cannot manage an account: sign in with a browser.",
        ))),
    }
}

/// `GET /account`
pub(crate) async fn show(State(app): State<App>, login: SignedIn) -> Result<Html<String>, HttpError> {
    let user = by_session(login)?;
    render(&page(&app, user, label_field()).await?)
}

fn label_field() -> Field {
    Field::text("label", "Name").hint("For yourself, to tell your tokens apart.")
}

async fn page(app: &App, user: User, label: Field) -> Result<ShowPage, HttpError> {
    let now = app.clock.now();
    let tokens = store::token::list(&app.db, user.id).await?.into_iter().map(|token| TokenRow {
        id: token.id.to_string(),
        label: token.label,
        hint: token.hint,
        scope: match token.scope {
            TokenScope::Read => "read",
            TokenScope::Submit => "read and submit",
            TokenScope::Organise => "read, submit and organise",
        },
        created: Timestamp::ago(token.created_at, now),
        last_used: token.last_used_at.map(|at| Timestamp::ago(at, now)),
    });
    let enrolments = store::participant::of_user(&app.db, user.id).await?.into_iter().map(|enrolment| EnrolmentRow {
        track: Link { label: enrolment.title, href: format!("/c/{}/{}", enrolment.competition, enrolment.track) },
        status: match enrolment.status {
            ParticipantStatus::Pending => "waiting for approval",
            ParticipantStatus::Approved => "takes part",
            ParticipantStatus::Denied => "was not admitted",
            ParticipantStatus::Withdrawn => "left",
        },
    });
    Ok(ShowPage {
        reader: Reader { name: Some(user.name.clone()) },
        name: user.name,
        email: user.email.unwrap_or_default(),
        since: Timestamp::ago(user.created_at, now),
        tokens: tokens.collect(),
        new_token: None,
        label,
        enrolments: enrolments.collect(),
    })
}

/// The form for a new token.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenForm {
    label: String,
    scope: TokenScope,
}

/// `POST /account/tokens`: answers with the page itself and not with a redirect, because the new
/// token is shown only once.
pub(crate) async fn create_token(
    State(app): State<App>,
    login: SignedIn,
    form: Result<Form<TokenForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let user = by_session(login)?;
    let Form(form) = form.map_err(form::rejected)?;
    let label = form.label.trim();
    if label.is_empty() || label.chars().count() > MAX_LABEL_CHARS || label.chars().any(char::is_control) {
        let error = format!("A name has 1 to {MAX_LABEL_CHARS} characters.");
        let page = page(&app, user, label_field().value(label).error(Some(error))).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    }
    let secret = accounts::create_token(&app, user.id, label, form.scope).await?;
    let mut page = page(&app, user, label_field()).await?;
    page.new_token = Some(secret);
    let mut response = render(&page)?.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `POST /account/tokens/{id}/revoke`
pub(crate) async fn revoke_token(
    State(app): State<App>,
    login: SignedIn,
    PathParameter(id): PathParameter,
) -> Result<Redirect, HttpError> {
    let user = by_session(login)?;
    let id: TokenId = id.parse().map_err(|_| HttpError::NotFound)?;
    accounts::revoke_token(&app, user.id, id).await?;
    Ok(Redirect::to("/account"))
}

/// `POST /account/sessions/end`: signs the account out everywhere.
pub(crate) async fn end_sessions(
    State(state): State<ServerState>,
    login: SignedIn,
    jar: CookieJar,
) -> Result<Response, HttpError> {
    let user = by_session(login)?;
    accounts::end_all_sessions(&state.app, user.id).await?;
    Ok(signed_out(&state, jar))
}
