//! The pages: page structs that hold only what is shown, the templates they fill, and the handlers that do so.
//!
//! A handler extracts, loads, asks the domain and renders. No SQL here, no HTML text in Rust but the figures, and nothing
//! of a page struct is a row of the database. The pages know nothing of the JSON interface but its addresses.

pub(crate) mod account;
pub(crate) mod asset;
pub(crate) mod competition;
pub(crate) mod error;
pub(crate) mod files;
pub(crate) mod form;
pub(crate) mod leaderboard;
pub(crate) mod markdown;
pub(crate) mod markup;
pub(crate) mod number;
pub(crate) mod scenario;
pub(crate) mod site;
pub(crate) mod submission;
pub(crate) mod timestamp;
pub(crate) mod track;
pub(crate) mod track_head;

use axum::Router;
use axum::middleware;
use axum::response::Html;
use axum::routing::{get, post};
use tower_http::timeout::RequestBodyDeadlineLayer;

use crate::http::drain::drain_unread;
use crate::http::error::HttpError;
use crate::http::listener::BODY_TIME;
use crate::http::server::ServerState;

/// The pages' routes, with their error pages; also the answer to every address that nothing else has.
pub fn router(state: ServerState) -> Router<ServerState> {
    let upload = post(submission::new::create).layer(middleware::from_fn(drain_unread));
    Router::new()
        .route("/", get(competition::list))
        .route("/c/{competition}", get(competition::show))
        .route("/c/{competition}/{track}", get(track::overview))
        .route("/c/{competition}/{track}/data", get(track::data))
        .route("/c/{competition}/{track}/files/{*name}", get(track::file))
        .route("/c/{competition}/{track}/rules", get(track::rules))
        .route("/c/{competition}/{track}/join", post(track::join))
        .route("/c/{competition}/{track}/leaderboard", get(leaderboard::show))
        .route("/c/{competition}/{track}/submissions", get(submission::list::list))
        .route("/submissions/{id}", get(submission::show::show))
        .route("/login", get(account::login::login_form).post(account::login::login))
        .route("/register", get(account::login::register_form).post(account::login::register))
        .route("/logout", post(account::login::logout))
        .route("/account", get(account::show::show))
        .route("/account/tokens", post(account::show::create_token))
        .route("/account/tokens/{id}/revoke", post(account::show::revoke_token))
        .route("/account/sessions/end", post(account::show::end_sessions))
        .route("/static/{name}", get(asset::serve))
        .layer(RequestBodyDeadlineLayer::new(BODY_TIME))
        // An upload has its own time.
        .route("/c/{competition}/{track}/submit", upload.get(submission::new::form))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(middleware::from_fn_with_state(state, error::write))
}

/// A page as an answer.
fn render(page: &impl askama::Template) -> Result<Html<String>, HttpError> {
    page.render().map(Html).map_err(HttpError::internal)
}
