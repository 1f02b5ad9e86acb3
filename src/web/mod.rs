//! The HTML pages: page structs that hold only what is shown, their templates, and their handlers.
//!
//! A handler extracts, loads, asks the domain and renders. There is no SQL here, and no HTML in
//! Rust except the figures. No field of a page struct is a database row. Of the JSON API the pages
//! know only its addresses.

pub(crate) mod account;
pub(crate) mod asset;
pub(crate) mod ceremony;
pub(crate) mod competition;
pub(crate) mod error;
pub(crate) mod files;
pub(crate) mod form;
pub(crate) mod leaderboard;
pub(crate) mod markdown;
pub(crate) mod markup;
pub(crate) mod number;
pub(crate) mod organise;
pub(crate) mod results;
pub(crate) mod scenario;
pub(crate) mod site;
pub(crate) mod submission;
pub(crate) mod timestamp;
pub(crate) mod track;
pub(crate) mod track_head;

use axum::Extension;
use axum::Router;
use axum::http::Method;
use axum::middleware;
use axum::response::Html;
use axum::routing::{get, post};
use tower_http::timeout::RequestBodyDeadlineLayer;

use crate::http::drain::drain_unread;
use crate::http::error::HttpError;
use crate::http::listener::BODY_TIME;
use crate::http::query::{self, QueryNames};
use crate::http::server::ServerState;

/// The query parameters that pages take; a page that is not here takes none.
const QUERY_NAMES: [(&str, &[&str]); 12] = [
    ("/", &["after", "limit"]),
    ("/c/{competition}/{track}/organise/final", &["all", "done", "already"]),
    ("/c/{competition}/{track}/organise/participants", &["q", "status", "after", "limit", "done", "at", "already"]),
    ("/c/{competition}/{track}/organise/participants.csv", &["status"]),
    ("/c/{competition}/{track}/leaderboard", &["board", "split", "by", "sort", "curves", "page"]),
    ("/c/{competition}/{track}/results", &["version", "all"]),
    ("/c/{competition}/{track}/results.svg", &["version"]),
    ("/c/{competition}/{track}/results.png", &["version"]),
    ("/c/{competition}/{track}/reveal", &["screen", "rehearsal"]),
    ("/c/{competition}/{track}/submissions", &["after", "limit"]),
    ("/login", &["next"]),
    ("/register", &["next"]),
];

/// The routes of the pages and their error pages; also answers every address that has no route.
pub fn router(state: ServerState) -> Router<ServerState> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let names = QUERY_NAMES.iter().map(|(path, known)| (Method::GET, (*path).to_owned(), names(known)));
    let refuse_unknown = middleware::from_fn_with_state(names.collect::<QueryNames>(), query::refuse_unknown);
    let submit = get(submission::new::form).post(submission::new::create);
    Router::new()
        .route("/", get(competition::list))
        .route("/c/{competition}", get(competition::show))
        .route("/c/{competition}/results", get(results::competition::show))
        .route("/c/{competition}/{track}", get(track::overview))
        .route("/c/{competition}/{track}/data", get(track::data))
        .route("/c/{competition}/{track}/files/{*name}", get(track::file))
        .route("/c/{competition}/{track}/rules", get(track::rules))
        .route("/c/{competition}/{track}/join", post(track::join))
        .route("/c/{competition}/{track}/leave", post(track::leave))
        .route("/c/{competition}/{track}/leaderboard", get(leaderboard::show))
        .route("/c/{competition}/{track}/results", get(results::show))
        .route("/c/{competition}/{track}/results.svg", get(results::picture::svg))
        .route(
            "/c/{competition}/{track}/results.png",
            get(results::picture::png).layer(Extension(results::picture::Pictures::default())),
        )
        .route("/c/{competition}/{track}/reveal", get(ceremony::show))
        .route("/c/{competition}/{track}/submissions", get(submission::list::list))
        .route(
            "/c/{competition}/{track}/organise/participants",
            get(organise::participants::show).post(organise::participants::act),
        )
        .route("/c/{competition}/{track}/organise/participants.csv", get(organise::participants::csv))
        .route("/c/{competition}/{track}/organise/final", get(organise::show))
        .route("/c/{competition}/{track}/organise/final/close", post(organise::steps::close))
        .route("/c/{competition}/{track}/organise/final/extend", post(organise::steps::extend))
        .route("/c/{competition}/{track}/organise/final/reopen", post(organise::steps::reopen))
        .route("/c/{competition}/{track}/organise/final/preview", post(organise::steps::preview))
        .route("/c/{competition}/{track}/organise/final/retry", post(organise::steps::retry))
        .route("/c/{competition}/{track}/organise/final/reveal", post(organise::steps::reveal))
        .route("/c/{competition}/{track}/organise/final/declare", post(organise::steps::declare_final))
        .route("/c/{competition}/{track}/organise/final/open-labels", post(organise::steps::open_labels))
        .route("/c/{competition}/{track}/organise/final/benchmark", post(organise::steps::benchmark))
        .route("/c/{competition}/{track}/organise/final/end", post(organise::steps::end))
        .route("/submissions/{id}", get(submission::show::show))
        .route("/submissions/{id}/final", post(submission::show::ask_for_final))
        .route("/submissions/{id}/describe", post(submission::describe::describe))
        .route("/submissions/{id}/disqualify", post(submission::organise::disqualify))
        .route("/submissions/{id}/restore", post(submission::organise::restore))
        .route("/login", get(account::login::login_form).post(account::login::login))
        .route("/register", get(account::login::register_form).post(account::login::register))
        .route("/logout", post(account::login::logout))
        .route("/account", get(account::show::show))
        .route("/account/tokens", post(account::show::create_token))
        .route("/account/tokens/{id}/revoke", post(account::show::revoke_token))
        .route("/account/sessions/end", post(account::show::end_sessions))
        .layer(refuse_unknown.clone())
        // Its address has the version of the file in the query.
        .route("/static/{name}", get(asset::serve))
        .layer(RequestBodyDeadlineLayer::new(BODY_TIME))
        // Routes added from here on are outside the body deadline: an upload has a deadline of its
        // own. The query is checked inside of the draining, so that a browser that is still sending
        // its upload gets to show the refusal.
        .route("/c/{competition}/{track}/submit", submit.layer(refuse_unknown).layer(middleware::from_fn(drain_unread)))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(middleware::from_fn_with_state(state, error::write))
}

/// Renders a page as an HTML response.
fn render(page: &impl askama::Template) -> Result<Html<String>, HttpError> {
    page.render().map(Html).map_err(HttpError::internal)
}
