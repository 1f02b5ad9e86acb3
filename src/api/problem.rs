//! Errors as `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use scoring::{Problem, Problems};

use crate::domain::timestamp::rfc3339;
use crate::http::error::ErrorBody;
use crate::service::entries::FreezeWait;
use crate::service::readiness::NotReady;

/// The media type of errors.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// An error as clients read it (RFC 9457).
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument {
    /// Always `about:blank`: `code` says which error it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// A stable code.
    code: &'static str,
    /// A sentence for people.
    detail: String,
    /// What is wrong with an upload, the first 100; or what is missing for a step.
    problems: Vec<ProblemLine>,
    /// How many problems there are in all.
    problems_total: usize,
    /// The record of a rejected upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    submission: Option<String>,
    /// When the next attempt comes (RFC 3339), where a limit is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<String>,
}

/// One problem of an upload.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(as = UploadProblem)]
pub(super) struct ProblemLine {
    /// A stable code.
    pub code: String,
    /// The file within the archive.
    pub path: Option<String>,
    /// The line, counted from 1.
    pub line: Option<u32>,
    /// The column, counted from 1 in characters.
    pub column: Option<u32>,
    /// What was found.
    pub found: Option<String>,
    /// What was expected.
    pub expected: Option<String>,
    /// The same in a sentence.
    pub message: String,
    /// Of a step that waits for the freeze: what for, and until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeWait>,
}

impl ProblemLine {
    /// The problems that are shown; none where there are none.
    pub(super) fn all(problems: Option<&Problems>) -> Vec<Self> {
        problems.map(|problems| problems.shown.iter().map(Self::from).collect()).unwrap_or_default()
    }
}

impl From<&Problem> for ProblemLine {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code.as_str().to_owned(),
            path: problem.path.clone(),
            line: problem.line,
            column: problem.column,
            found: problem.found.clone(),
            expected: problem.expected.clone(),
            message: problem.to_string(),
            freeze: None,
        }
    }
}

impl From<&NotReady> for ProblemLine {
    fn from(problem: &NotReady) -> Self {
        Self {
            code: problem.code.to_owned(),
            path: None,
            line: None,
            column: None,
            found: None,
            expected: None,
            message: problem.detail.clone(),
            freeze: problem.freeze,
        }
    }
}

/// Writes the body of an error that a handler or extractor left without one.
pub(crate) async fn write(mut response: Response) -> Response {
    match response.extensions_mut().remove::<ErrorBody>() {
        Some(body) => with_body(response, body),
        None => response,
    }
}

fn with_body(response: Response, body: ErrorBody) -> Response {
    let mut problems = ProblemLine::all(body.problems.as_ref());
    problems.extend(body.not_ready.iter().map(ProblemLine::from));
    let document = ProblemDocument {
        kind: "about:blank",
        title: body.status.canonical_reason().unwrap_or("Error"),
        status: body.status.as_u16(),
        code: body.code,
        detail: body.detail,
        problems_total: body.problems.as_ref().map_or(problems.len(), |problems| problems.total),
        problems,
        submission: body.submission.map(|id| id.to_string()),
        next_attempt_at: body.retry_at.map(rfc3339),
    };
    let mut written = (body.status, Json(document)).into_response();
    for (name, value) in response.headers() {
        if name != header::CONTENT_LENGTH {
            written.headers_mut().insert(name, value.clone());
        }
    }
    written.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    written
}
