//! The page that stands where another should have been.
//!
//! It says what happened and what to do; never what went on inside.

use askama::Template;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use time::OffsetDateTime;

use super::account::login_href;
use super::site::{Link, Reader};
use super::timestamp::Timestamp;
use crate::http::auth::Viewer;
use crate::http::error::{HttpError, Told};
use crate::http::server::ServerState;

/// An error as a page.
#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage {
    pub(crate) reader: Reader,
    pub(crate) status: u16,
    pub(crate) title: &'static str,
    pub(crate) text: String,
    /// When trying again will help, where that is known.
    pub(crate) retry: Option<Timestamp>,
    pub(crate) ways: Vec<Link>,
}

impl ErrorPage {
    /// The page of an HTTP status; `detail` is a sentence for the reader, where there is one to add.
    pub(crate) fn new(reader: Reader, status: u16, detail: Option<String>) -> Self {
        let (title, text) = words(status);
        let mut ways = vec![Link { label: "All competitions".to_owned(), href: "/".to_owned() }];
        if status == 401 || (status == 403 && reader.name.is_none()) {
            ways.insert(0, Link { label: "Sign in".to_owned(), href: "/login".to_owned() });
        }
        Self { reader, status, title, text: detail.unwrap_or_else(|| text.to_owned()), retry: None, ways }
    }
}

fn words(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("That makes no sense here", "A part of the address or of the form is not one that this page knows."),
        401 => ("Sign in first", "This belongs to somebody. Sign in, and you may find it is you."),
        403 => ("You may not do that", "You are known here, but this needs something that you do not have."),
        404 => ("Nothing is here", "The address may be mistyped, or what was here may not be for everybody."),
        405 => ("That does not work here", "This address does not take what was sent to it."),
        408 => ("That took too long", "The upload did not arrive in time. Nothing was kept and no attempt was used."),
        409 => ("That is already so", "Somebody, perhaps you, has done it already."),
        413 => ("That is too large", "Nothing was kept and no attempt was used."),
        422 => ("Something in the form is wrong", "Go back and look it over."),
        429 => ("That was too often", "Wait a little and try again."),
        503 => (
            "Back in a moment",
            "The server is starting or has too much to do. What was accepted is safe. Try again in a minute.",
        ),
        _ => ("Our fault", "Something went wrong on the server and was written down. What was accepted is safe."),
    }
}

/// What was asked, kept until it is known whether an error page is needed.
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

/// Writes the page of an error that a handler or extractor left without one. A page that needs an account sends
/// a signed-out reader to sign in and back.
pub(crate) async fn write(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    let asked =
        Asked { method: request.method().clone(), uri: request.uri().clone(), headers: request.headers().clone() };
    let mut response = next.run(request).await;
    let Some(told) = response.extensions_mut().remove::<Told>() else { return response };
    if told.status == StatusCode::UNAUTHORIZED && matches!(asked.method, Method::GET | Method::HEAD) {
        let here = asked.uri.path_and_query().map_or("/", |path| path.as_str());
        return Redirect::to(&login_href(here)).into_response();
    }
    let reader = if told.status.is_server_error() { Reader::default() } else { reader(&state, asked.headers).await };
    let mut written = answer(told.status, &page(reader, &told, state.app.clock.now()));
    for (name, value) in response.headers() {
        if name != header::CONTENT_LENGTH && name != header::WWW_AUTHENTICATE {
            written.headers_mut().insert(name, value.clone());
        }
    }
    written
}

async fn reader(state: &ServerState, headers: HeaderMap) -> Reader {
    let mut request = Request::new(());
    *request.headers_mut() = headers;
    let (mut parts, ()) = request.into_parts();
    match Viewer::from_request_parts(&mut parts, state).await {
        Ok(Viewer(login)) => Reader::of(login.as_ref()),
        // The error page is better without a name than not at all.
        Err(_) => Reader::default(),
    }
}

fn page(reader: Reader, told: &Told, now: OffsetDateTime) -> ErrorPage {
    // These say to programs what to send; people are better served by our own words.
    let own_words = matches!(
        told.status,
        StatusCode::UNAUTHORIZED
            | StatusCode::NOT_FOUND
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::SERVICE_UNAVAILABLE
    );
    let mut page = ErrorPage::new(reader, told.status.as_u16(), (!own_words).then(|| told.detail.clone()));
    page.retry = told.retry_at.map(|at| Timestamp::until(at, now));
    page
}

fn answer(status: StatusCode, page: &ErrorPage) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the error page cannot be rendered");
            status.into_response()
        }
    }
}

/// The answer to an address that no page has.
pub(crate) async fn not_found() -> HttpError {
    HttpError::NotFound
}

/// The answer to a method that an address does not take.
pub(crate) async fn method_not_allowed() -> Response {
    let mut told = HttpError::NotFound.told();
    told.status = StatusCode::METHOD_NOT_ALLOWED;
    told.detail = words(405).1.to_owned();
    let mut response = told.status.into_response();
    response.extensions_mut().insert(told);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::Detail;

    #[test]
    fn a_signed_out_reader_is_shown_the_way_in() {
        let page = ErrorPage::new(Reader::default(), 403, None);
        assert_eq!(page.ways[0].href, "/login");
    }

    #[test]
    fn a_detail_is_escaped() {
        let html = ErrorPage::new(Reader::default(), 404, Some("<b>".into())).render().unwrap();
        assert!(!html.contains("<b>"), "{html}");
    }

    #[test]
    fn what_programs_are_told_to_send_is_not_told_to_people() {
        let told = HttpError::LogInFirst.told();
        assert!(told.detail.contains("Bearer"));
        let page = page(Reader::default(), &told, OffsetDateTime::UNIX_EPOCH);
        assert!(!page.render().unwrap().contains("Bearer"));
    }

    #[test]
    fn a_limit_says_when_to_come_again() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let detail = Detail::new("too_many_tries", "Too many tries. Wait a minute.");
        let told = HttpError::limit(detail, Some(now + time::Duration::minutes(3)), now).told();
        let html = page(Reader::default(), &told, now).render().unwrap();
        assert!(html.contains("Too many tries.") && html.contains(">3 min</time>"), "{html}");
    }
}
