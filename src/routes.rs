//! All routes, those of the pages and those of the API, and the middleware around every response.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, HeaderValue, Request, header};
use axum::response::{IntoResponse, Response};
use axum::{body::Body, middleware};
use tower_http::ServiceBuilderExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::csrf::CsrfLayer;
use tower_http::request_id::MakeRequestUuid;
use tower_http::trace::TraceLayer;
use tracing::Span;

use crate::http::error::{Detail, HttpError};
use crate::http::headers;
use crate::http::server::ServerState;
use crate::{api, web};

/// The most bytes of a request body. Uploads have the limit of their track instead.
const BODY_LIMIT: usize = 64 * 1024;
/// The header with the request id, and the most characters of an id that comes from outside.
const REQUEST_ID: &str = "x-request-id";
const MOST_ID: usize = 64;

/// The router for everything that the server answers.
///
/// # Errors
/// The configured public URL is not an origin.
pub fn all(state: ServerState) -> anyhow::Result<Router> {
    // Cross-site posts are refused, by the headers that browsers send (Sec-Fetch-Site, Origin).
    let csrf = CsrfLayer::new()
        .add_trusted_origin(state.site.origin())?
        .with_rejection_response(|_| HttpError::NotAllowed(cross_site()).into_response());
    // Archives do not compress, event streams must not be buffered, and range requests are about
    // the uncompressed bytes.
    let compressible = DefaultPredicate::new()
        .and(NotForContentType::new("application/zip"))
        .and(NotForContentType::SSE)
        .and(|_, _, headers: &HeaderMap, _: &_| !headers.contains_key(header::ACCEPT_RANGES));
    let outermost = tower::ServiceBuilder::new()
        .map_request(without_strange_id)
        .set_x_request_id(MakeRequestUuid)
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(log))
        .propagate_x_request_id()
        .layer(middleware::from_fn(headers::add))
        .layer(CompressionLayer::new().compress_when(compressible));
    // From the inside out: what refuses a request or breaks off leaves an error for the writer around it, and
    // every answer, that one too, gets the headers.
    Ok(api::router(&state.site)
        .merge(web::router(state.clone()))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(csrf)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::map_response(api::write_problem))
        .layer(outermost)
        .with_state(state))
}

/// Removes a request id that no proxy would make, because the id is logged and sent back.
fn without_strange_id<B>(mut request: Request<B>) -> Request<B> {
    let fits = |id: &HeaderValue| {
        let id = id.as_bytes();
        (1..=MOST_ID).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    if !request.headers().get_all(REQUEST_ID).iter().all(fits) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// The span that is on every log line of a request. It has no query and no headers, so that a
/// client cannot forge log lines.
fn span(request: &Request<Body>) -> Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
}

fn log<B>(response: &axum::http::Response<B>, took: Duration, _: &Span) {
    tracing::debug!(status = response.status().as_u16(), millis = took.as_millis(), "answered");
}

fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(text, "a handler panicked");
    HttpError::Internal.into_response()
}

fn cross_site() -> Detail {
    Detail::new("cross_site", "A page of another site sent this, so it was refused.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(ids: &[&str]) -> usize {
        let request = ids.iter().fold(Request::builder(), |request, id| request.header(REQUEST_ID, *id));
        let request = without_strange_id(request.body(()).expect("a request"));
        request.headers().get_all(REQUEST_ID).iter().count()
    }

    #[test]
    fn a_request_id_that_no_proxy_would_make_is_dropped() {
        assert_eq!(kept(&[]), 0);
        assert_eq!(kept(&["0191e2f4-6a7b-7c3d-8e9f-a0b1c2d3e4f5"]), 1);
        assert_eq!(kept(&[&"a".repeat(64)]), 1);
        for strange in ["", "a b", "id=1", "<script>", &"a".repeat(65)] {
            assert_eq!(kept(&[strange]), 0, "{strange}");
        }
        assert_eq!(kept(&["good", "not good"]), 0, "one strange id spoils them all");
    }
}
