//! Error pages.
//!
//! They say what happened and what to do about it, and disclose nothing internal.

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
use crate::http::error::{ErrorBody, HttpError};
use crate::http::server::ServerState;

/// An error as a page.
#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage {
    pub(crate) reader: Reader,
    pub(crate) status: u16,
    pub(crate) title: &'static str,
    pub(crate) text: String,
    /// When it is worth trying again, where that is known.
    pub(crate) retry: Option<Timestamp>,
    pub(crate) links: Vec<Link>,
}

impl ErrorPage {
    /// The page for an HTTP status; `detail` replaces the status's own sentence.
    pub(crate) fn new(reader: Reader, status: u16, detail: Option<String>) -> Self {
        let (title, text) = default_text(status);
        let mut links = vec![Link { label: "All competitions".to_owned(), href: "/".to_owned() }];
        if status == 401 || (status == 403 && reader.name.is_none()) {
            links.insert(0, Link { label: "Sign in".to_owned(), href: "/login".to_owned() });
        }
        Self { reader, status, title, text: detail.unwrap_or_else(|| text.to_owned()), retry: None, links }
    }
}

fn default_text(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("Bad request", "This page does not understand a part of the address or of the form."),
        401 => ("Sign in first", "This page needs an account. Sign in to see it."),
        403 => ("You may not do that", "You do not have permission for this."),
        404 => ("Page not found", "The address may be mistyped, or the page may not be public."),
        405 => ("That does not work here", "This address does not accept that kind of request."),
        408 => ("That took too long", "The upload did not arrive in time. Nothing was kept and no attempt was used."),
        409 => ("Already done", "Somebody, perhaps you, has done this already."),
        412 => ("The file has changed", "The file here is no longer the one that was asked for."),
        416 => ("Nothing more to send", "The file ends before the range that was asked for."),
        413 => ("That is too large", "Nothing was kept and no attempt was used."),
        422 => ("Something in the form is wrong", "Go back and check what you entered."),
        429 => ("Too many requests", "Wait a little and try again."),
        503 => (
            "Back in a moment",
            "The server is starting or overloaded. What was accepted is safe. Try again in a minute.",
        ),
        _ => ("Our fault", "Something went wrong on the server and was logged. What was accepted is safe."),
    }
}

/// The parts of a request that an error page needs, kept while the request is handled.
struct RequestHead {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

/// Adds the page to an error that a handler or extractor has answered without one. Where a page
/// needs an account, a signed-out reader is redirected to the login page, which leads back.
pub(crate) async fn write(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    let head = RequestHead {
        method: request.method().clone(),
        uri: request.uri().clone(),
        headers: request.headers().clone(),
    };
    let mut response = next.run(request).await;
    let Some(body) = response.extensions_mut().remove::<ErrorBody>() else { return response };
    if body.status == StatusCode::UNAUTHORIZED && matches!(head.method, Method::GET | Method::HEAD) {
        let here = head.uri.path_and_query().map_or("/", |path| path.as_str());
        return Redirect::to(&login_href(here)).into_response();
    }
    let reader = if body.status.is_server_error() { Reader::default() } else { reader(&state, head.headers).await };
    let mut written = answer(body.status, &page(reader, &body, state.app.clock.now()));
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
        // An error page without the reader's name is better than none.
        Err(_) => Reader::default(),
    }
}

fn page(reader: Reader, body: &ErrorBody, now: OffsetDateTime) -> ErrorPage {
    // These details are written for programs; people get the page's own words.
    let own_words = matches!(
        body.status,
        StatusCode::UNAUTHORIZED
            | StatusCode::NOT_FOUND
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::SERVICE_UNAVAILABLE
    );
    let mut page = ErrorPage::new(reader, body.status.as_u16(), (!own_words).then(|| body.detail.clone()));
    page.retry = body.retry_at.map(|at| Timestamp::until(at, now));
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

/// The answer to an address without a route.
pub(crate) async fn not_found() -> HttpError {
    HttpError::NotFound
}

/// The answer to a method that an address does not support.
pub(crate) async fn method_not_allowed() -> Response {
    let mut body = HttpError::NotFound.body();
    body.status = StatusCode::METHOD_NOT_ALLOWED;
    body.detail = default_text(405).1.to_owned();
    let mut response = body.status.into_response();
    response.extensions_mut().insert(body);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::Detail;

    #[test]
    fn a_signed_out_reader_is_offered_the_login_page() {
        let page = ErrorPage::new(Reader::default(), 403, None);
        assert_eq!(page.links[0].href, "/login");
    }

    #[test]
    fn a_detail_is_escaped() {
        let html = ErrorPage::new(Reader::default(), 404, Some("<b>".into())).render().unwrap();
        assert!(!html.contains("<b>"), "{html}");
    }

    #[test]
    fn details_for_programs_are_not_shown_to_people() {
        let body = HttpError::LogInFirst.body();
        assert!(body.detail.contains("Bearer"));
        let page = page(Reader::default(), &body, OffsetDateTime::UNIX_EPOCH);
        assert!(!page.render().unwrap().contains("Bearer"));
    }

    #[test]
    fn a_rate_limit_says_when_to_try_again() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let detail = Detail::new("too_many_tries", "Too many tries. Wait a minute.");
        let body = HttpError::limit(detail, Some(now + time::Duration::minutes(3)), now).body();
        let html = page(Reader::default(), &body, now).render().unwrap();
        assert!(html.contains("Too many tries.") && html.contains(">3 min</time>"), "{html}");
    }
}
