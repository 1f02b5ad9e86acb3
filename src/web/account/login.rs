//! Signing in, registering, signing out.

use std::net::SocketAddr;

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, FromRef, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

use super::super::form::{self, Field, sentence};
use super::super::render;
use super::super::site::Reader;
use super::safe_next;
use crate::domain::account::{Email, Password, UserName};
use crate::domain::ids::UserId;
use crate::http::auth::{LoginBy, Viewer, no_session_cookie, session_cookie};
use crate::http::error::HttpError;
use crate::http::server::ServerState;
use crate::service::accounts::{self, AccountError, NewAccount};

/// `/login`.
#[derive(Template)]
#[template(path = "account/login.html")]
pub(crate) struct LoginPage {
    pub(crate) reader: Reader,
    /// What is wrong with the form as a whole.
    pub(crate) error: Option<&'static str>,
    pub(crate) fields: Vec<Field>,
    /// Where to go afterwards: a path on this site.
    pub(crate) next: String,
}

/// `/register`.
#[derive(Template)]
#[template(path = "account/register.html")]
pub(crate) struct RegisterPage {
    pub(crate) reader: Reader,
    pub(crate) fields: Vec<Field>,
    pub(crate) next: String,
}

/// Where to go after signing in or registering.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Next {
    next: String,
}

/// The form to sign in.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginForm {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// The form to register.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterForm {
    name: String,
    #[serde(default)]
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

fn login_page(name: &str, error: Option<&'static str>, next: &str) -> LoginPage {
    LoginPage {
        reader: Reader::default(),
        error,
        fields: vec![
            Field::text("name", "Name").value(name).autocomplete("username"),
            Field::password("password", "Password"),
        ],
        next: safe_next(next).to_owned(),
    }
}

/// `GET /login`
pub(crate) async fn login_form(viewer: Viewer, Query(next): Query<Next>) -> Result<Response, HttpError> {
    if viewer.0.is_some() {
        return Ok(Redirect::to(safe_next(&next.next)).into_response());
    }
    Ok(render(&login_page("", None, &next.next))?.into_response())
}

/// `POST /login`
pub(crate) async fn login(
    State(state): State<ServerState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    viewer: Viewer,
    jar: CookieJar,
    form: Result<Form<LoginForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let Form(form) = form.map_err(form::rejected)?;
    match check(&state, &form, peer).await? {
        Some(user) => begin_session(&state, viewer, jar, user, safe_next(&form.next)).await,
        None => {
            // The same words whether the name or the password is wrong, so that nobody can find out
            // which accounts exist.
            let page = login_page(&form.name, Some("This name and this password do not belong together."), &form.next);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
        }
    }
}

async fn check(state: &ServerState, form: &LoginForm, peer: SocketAddr) -> Result<Option<UserId>, HttpError> {
    let app = &state.app;
    let name = form.name.trim().parse::<UserName>().ok();
    let key = name.as_ref().map_or_else(String::new, UserName::key);
    state.rate_limits.try_account(&key, peer.ip(), app.clock.now())?;
    let Ok(password) = form.password.parse::<Password>() else { return Ok(None) };
    Ok(accounts::by_password(app, name.as_ref(), password).await?)
}

async fn begin_session(
    state: &ServerState,
    Viewer(before): Viewer,
    jar: CookieJar,
    user: UserId,
    next: &str,
) -> Result<Response, HttpError> {
    let before = before.and_then(|login| match login.by {
        LoginBy::Session(session) => Some(session),
        LoginBy::Token(_) => None,
    });
    let secret = accounts::begin_session(&state.app, user, before).await?;
    let jar = jar.add(session_cookie(&FromRef::from_ref(state), secret));
    Ok((jar, Redirect::to(next)).into_response())
}

/// What is wrong with the fields of the form to register.
#[derive(Default)]
struct FieldErrors {
    name: Option<String>,
    email: Option<String>,
    password: Option<String>,
}

fn register_page(form: &RegisterForm, errors: FieldErrors) -> RegisterPage {
    RegisterPage {
        reader: Reader::default(),
        fields: vec![
            Field::text("name", "Name")
                .hint("2 to 40 letters, digits, dots, dashes or underscores. It appears on the board.")
                .value(form.name.as_str())
                .autocomplete("username")
                .error(errors.name),
            Field::text("email", "E-mail")
                .kind("email")
                .optional()
                .hint("So that an organiser can reach you. Nobody else sees it.")
                .value(form.email.as_str())
                .autocomplete("email")
                .error(errors.email),
            Field::password("password", "Password")
                .hint("At least 8 characters.")
                .autocomplete("new-password")
                .error(errors.password),
        ],
        next: safe_next(&form.next).to_owned(),
    }
}

/// `GET /register`
pub(crate) async fn register_form(viewer: Viewer, Query(next): Query<Next>) -> Result<Response, HttpError> {
    if viewer.0.is_some() {
        return Ok(Redirect::to(safe_next(&next.next)).into_response());
    }
    let empty = RegisterForm { name: String::new(), email: String::new(), password: String::new(), next: next.next };
    Ok(render(&register_page(&empty, FieldErrors::default()))?.into_response())
}

/// `POST /register`
pub(crate) async fn register(
    State(state): State<ServerState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    viewer: Viewer,
    jar: CookieJar,
    form: Result<Form<RegisterForm>, FormRejection>,
) -> Result<Response, HttpError> {
    let Form(form) = form.map_err(form::rejected)?;
    state.rate_limits.try_address(peer.ip(), state.app.clock.now())?;
    match create(&state, &form).await? {
        Ok(user) => begin_session(&state, viewer, jar, user, safe_next(&form.next)).await,
        Err(errors) => {
            let page = register_page(&form, errors);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
        }
    }
}

async fn create(state: &ServerState, form: &RegisterForm) -> Result<Result<UserId, FieldErrors>, HttpError> {
    let taken = || Some("This name is taken.".to_owned());
    let message = |error: crate::domain::account::AccountError| Some(sentence(&error.to_string()));
    let email_text = Some(form.email.trim()).filter(|text| !text.is_empty());
    let (name, email, password) = match (
        form.name.trim().parse::<UserName>(),
        email_text.map(str::parse::<Email>).transpose(),
        form.password.parse::<Password>(),
    ) {
        (Ok(name), Ok(email), Ok(password)) if !name.is_reserved() => (name, email, password),
        (name, email, password) => {
            let name = name.map_or_else(message, |name| name.is_reserved().then(taken).flatten());
            return Ok(Err(FieldErrors {
                name,
                email: email.err().and_then(message),
                password: password.err().and_then(message),
            }));
        }
    };
    match accounts::register(&state.app, NewAccount { name, email, password }).await {
        Ok(user) => Ok(Ok(user)),
        Err(AccountError::NameTaken) => Ok(Err(FieldErrors { name: taken(), ..FieldErrors::default() })),
        Err(error) => Err(error.into()),
    }
}

/// `POST /logout`
pub(crate) async fn logout(
    State(state): State<ServerState>,
    Viewer(login): Viewer,
    jar: CookieJar,
) -> Result<Response, HttpError> {
    if let Some(LoginBy::Session(session)) = login.map(|login| login.by) {
        accounts::end_session(&state.app, &session).await?;
    }
    let jar = jar.add(no_session_cookie(&FromRef::from_ref(&state)));
    Ok((jar, Redirect::to("/")).into_response())
}

/// Deletes the session cookie and redirects to the login page; the account page answers with this
/// after it has ended all sessions.
pub(super) fn signed_out(state: &ServerState, jar: CookieJar) -> Response {
    (jar.add(no_session_cookie(&FromRef::from_ref(state))), Redirect::to("/login")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_log_in_keeps_the_name_and_not_the_password() {
        let html = login_page("ada", Some("Wrong."), "/c/a").render().unwrap();
        assert!(html.contains(r#"value="ada""#) && html.contains(r#"role="alert""#), "{html}");
        assert!(html.contains(r#"name="next" value="/c/a""#), "{html}");
    }
}
