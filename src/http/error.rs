//! The error type of everything that answers HTTP. It carries only what a client may know; the router
//! renders it as a page or as `application/problem+json`. Internal text is logged here, once, and never
//! sent.

use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use scoring::Problems;
use time::OffsetDateTime;

use crate::domain::ids::SubmissionId;
use crate::domain::participant::ParticipantStatus;
use crate::domain::phase::Refusal;
use crate::domain::quota::LimitReached;
use crate::domain::timestamp::rfc3339;
use crate::service::accounts::AccountError;
use crate::service::enrol::EnrolError;
use crate::service::participants::ParticipantsError;
use crate::service::readiness::NotReady;
use crate::service::submit::SubmitError;
use crate::store::StoreError;

/// Why a request was not answered as asked.
#[derive(Debug)]
pub enum HttpError {
    /// There is nothing here, or nothing that this client may know of.
    NotFound,
    /// What was asked for is not public yet; the code says what.
    Hidden(Detail),
    /// The final ranking is not public yet.
    NotRevealed,
    /// Nobody is logged in, or the token is not valid.
    LogInFirst,
    /// The client is known, but not allowed to do this.
    NotAllowed(Detail),
    /// The request itself is wrong.
    BadRequest(Detail),
    /// The request conflicts with the present state.
    Conflict(Detail),
    /// The address exists, but does not answer this method.
    MethodNotAllowed,
    /// A file is not in the version that the client asks for.
    PreconditionFailed,
    /// A range has none of the bytes of its file.
    RangeNotSatisfiable,
    /// The body is larger than allowed.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The body has a media type or encoding that is not accepted here.
    UnsupportedMedia(Detail),
    /// An upload is wrong.
    Rejected {
        /// The record that was kept.
        submission: SubmissionId,
        /// What is wrong with it.
        problems: Problems,
    },
    /// A field is wrong.
    Unprocessable(Detail),
    /// A limit is reached.
    LimitReached {
        /// Which one.
        detail: Detail,
        /// When the next attempt is possible; `None` if waiting does not help.
        retry_at: Option<OffsetDateTime>,
        /// The same as a number of seconds from now.
        retry_after: Option<u64>,
    },
    /// The client was too slow.
    TooSlow,
    /// The server cannot answer now; trying again will help.
    Unavailable,
    /// A step of a track's life cannot be taken yet.
    NotReady {
        /// Why, in sentences.
        detail: String,
        /// What is missing.
        problems: Vec<NotReady>,
    },
    /// An upload came before the close, but could not be checked within the grace after it.
    TooLateToDecide,
    /// The commit of a submission was not confirmed, so it may or may not have been taken.
    Undecided,
    /// A fault of ours.
    Internal,
}

/// A stable code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The code.
    pub code: &'static str,
    /// The sentence.
    pub text: String,
}

impl Detail {
    /// A code and its sentence.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// What an error says to the client; pages and JSON are written from the same facts.
#[derive(Debug, Clone)]
pub struct ErrorBody {
    /// The status.
    pub status: StatusCode,
    /// The stable code.
    pub code: &'static str,
    /// A sentence.
    pub detail: String,
    /// What is wrong with an upload.
    pub problems: Option<Problems>,
    /// What is missing for a step.
    pub not_ready: Vec<NotReady>,
    /// The record of a rejected upload.
    pub submission: Option<SubmissionId>,
    /// When the next attempt is possible.
    pub retry_at: Option<OffsetDateTime>,
    retry_after: Option<u64>,
}

impl HttpError {
    /// What the client gets to read.
    pub fn body(self) -> ErrorBody {
        let (status, detail) = self.status_and_detail();
        let mut body = ErrorBody {
            status,
            code: detail.code,
            detail: detail.text,
            problems: None,
            not_ready: Vec::new(),
            submission: None,
            retry_at: None,
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(5),
        };
        match self {
            Self::Rejected { submission, problems } => {
                body.submission = Some(submission);
                body.problems = Some(problems);
            }
            Self::NotReady { problems, .. } => body.not_ready = problems,
            Self::LimitReached { retry_at, retry_after, .. } => {
                body.retry_at = retry_at;
                body.retry_after = retry_after;
            }
            _ => {}
        }
        body
    }

    fn status_and_detail(&self) -> (StatusCode, Detail) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, Detail::new("not_found", "There is nothing here.")),
            Self::Hidden(detail) => (StatusCode::NOT_FOUND, detail.clone()),
            Self::NotRevealed => {
                (StatusCode::NOT_FOUND, Detail::new("not_revealed", "The final ranking is not revealed yet."))
            }
            Self::LogInFirst => (
                StatusCode::UNAUTHORIZED,
                Detail::new("not_logged_in", "Log in first, or send a valid token as `Authorization: Bearer cmk_…`."),
            ),
            Self::NotAllowed(detail) => (StatusCode::FORBIDDEN, detail.clone()),
            Self::BadRequest(detail) => (StatusCode::BAD_REQUEST, detail.clone()),
            Self::Conflict(detail) => (StatusCode::CONFLICT, detail.clone()),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                Detail::new("method_not_allowed", "This address does not answer this method."),
            ),
            Self::PreconditionFailed => (
                StatusCode::PRECONDITION_FAILED,
                Detail::new("precondition_failed", "The file is not, or no longer, the one that was asked for."),
            ),
            Self::RangeNotSatisfiable => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                Detail::new("range_not_satisfiable", "The range begins at or behind the end of the file."),
            ),
            Self::TooLarge { limit } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                Detail::new("too_large", format!("What was sent is larger than the {limit} bytes allowed.")),
            ),
            Self::UnsupportedMedia(detail) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, detail.clone()),
            Self::Rejected { problems, .. } => {
                let noun = if problems.total == 1 { "problem" } else { "problems" };
                let text = format!("The upload has {} {noun}. No attempt was used.", problems.total);
                (StatusCode::UNPROCESSABLE_ENTITY, Detail::new("rejected", text))
            }
            Self::Unprocessable(detail) => (StatusCode::UNPROCESSABLE_ENTITY, detail.clone()),
            Self::LimitReached { detail, .. } => (StatusCode::TOO_MANY_REQUESTS, detail.clone()),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                Detail::new(
                    "too_slow",
                    "The upload did not arrive within the time allowed. Nothing was kept; try again.",
                ),
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                Detail::new(
                    "unavailable",
                    "The server cannot answer just now. Nothing was kept; try again in a moment.",
                ),
            ),
            Self::NotReady { detail, .. } => (StatusCode::CONFLICT, Detail::new("not_ready", detail.clone())),
            Self::TooLateToDecide => (
                StatusCode::SERVICE_UNAVAILABLE,
                Detail::new(
                    "not_decided_in_time",
                    "Your upload arrived before the close, but the server could not check it within two minutes after it, so \
                     it was not taken. Tell the organisers.",
                ),
            ),
            Self::Undecided => (
                StatusCode::SERVICE_UNAVAILABLE,
                Detail::new(
                    "undecided",
                    "The connection to the database was lost at the last moment, so the submission may have been taken. \
                     Look at your submissions, or send it again with the same Idempotency-Key.",
                ),
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Detail::new("internal", "Something went wrong on our side. It was written down."),
            ),
        }
    }

    /// A board that this client may not see yet.
    pub fn hidden_board(split: scoring::Split) -> Self {
        match split {
            scoring::Split::Final => Self::NotRevealed,
            _ => Self::Hidden(Detail::new("not_open", "The board is shown once the track has opened.")),
        }
    }

    /// There never was a benchmark.
    pub fn no_benchmark() -> Self {
        Self::Hidden(Detail::new("no_benchmark", "This track has no benchmark board."))
    }

    /// Logs a fault of ours, with its causes, and hides it from the client.
    pub fn internal(error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        tracing::error!(error = format!("{error:#}"), "a request failed");
        Self::Internal
    }
}

impl IntoResponse for HttpError {
    /// A response without a body. [`ErrorBody`] goes along as an extension, and the router's middleware
    /// writes it as a page or as JSON.
    fn into_response(self) -> Response {
        let body = self.body();
        let mut response = body.status.into_response();
        if let Some(seconds) = body.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if body.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(body);
        response
    }
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(
                ref cause @ (sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed),
            ) => {
                tracing::warn!(error = %cause, "the database cannot be reached");
                Self::Unavailable
            }
            // Temporary: class 53 (insufficient resources), 57 (shutting down or starting up), 25006 (read-only).
            StoreError::Database(ref cause) if is_temporary(cause) => {
                tracing::warn!(error = %cause, "the database cannot work now");
                Self::Unavailable
            }
            other => Self::internal(other),
        }
    }
}

fn is_temporary(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("53") || code.starts_with("57") || code == "25006")
}

impl From<QueryRejection> for HttpError {
    /// A query parameter has a value that cannot be read.
    fn from(rejection: QueryRejection) -> Self {
        super::query::bad_parameter(rejection.body_text())
    }
}

impl From<ParticipantsError> for HttpError {
    fn from(error: ParticipantsError) -> Self {
        let text = sentence(&error.to_string());
        match error {
            ParticipantsError::NoTrack(_) | ParticipantsError::NoParticipant { .. } => Self::NotFound,
            ParticipantsError::NoApprovals { .. } | ParticipantsError::TooLate(_) => {
                Self::Conflict(Detail::new("wrong_phase", text))
            }
            ParticipantsError::Staff(_) => Self::Conflict(Detail::new("staff_competes", text)),
            ParticipantsError::NeedsReason(_) => Self::BadRequest(Detail::new("bad_field", text)),
            ParticipantsError::NotEnrolled => Self::NotAllowed(Detail::new("not_enrolled", text)),
            ParticipantsError::Store(error) => error.into(),
        }
    }
}

/// An error's text as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

impl From<EnrolError> for HttpError {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::Closed(_) => {
                Self::NotAllowed(Detail::new("closed", "The track is closed and takes no more participants."))
            }
            EnrolError::NameTaken => Self::Conflict(Detail::new(
                "name_taken",
                "Another participant of this track has your name. Ask its organisers.",
            )),
            EnrolError::Store(error) => error.into(),
        }
    }
}

impl From<sqlx::Error> for HttpError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<AccountError> for HttpError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NameTaken => Self::Conflict(Detail::new("name_taken", "This name is taken.")),
            AccountError::Store(error) => error.into(),
            AccountError::Secret(error) => error.into(),
        }
    }
}

impl From<anyhow::Error> for HttpError {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(error)
    }
}

impl HttpError {
    /// The error for a refused submission; `now` is needed to compute `Retry-After`.
    pub fn from_submit(error: SubmitError, now: OffsetDateTime) -> Self {
        match error {
            SubmitError::NotTaking(Refusal::NotYet(opens)) => Self::NotAllowed(Detail::new(
                "not_open",
                match opens {
                    Some(opens) if opens > now => format!("The track opens at {}.", rfc3339(opens)),
                    _ => "The track is not open yet.".to_owned(),
                },
            )),
            SubmitError::NotTaking(Refusal::NoLonger(closed)) => Self::NotAllowed(Detail::new(
                "closed",
                match closed {
                    Some(closed) if closed <= now => format!("The track closed at {}.", rfc3339(closed)),
                    _ => "The track is closed.".to_owned(),
                },
            )),
            SubmitError::NotTaking(Refusal::TooLateToDecide) => Self::TooLateToDecide,
            SubmitError::NotApproved(status) => Self::NotAllowed(not_approved(status)),
            SubmitError::LimitReached(LimitReached::Today { next }) => Self::limit(
                Detail::new(
                    "limit_today",
                    format!("Today's attempts are used. The next one comes at {}.", rfc3339(next)),
                ),
                Some(next),
                now,
            ),
            SubmitError::LimitReached(LimitReached::Total) => {
                Self::limit(Detail::new("limit_total", "All attempts of this track are used."), None, now)
            }
            SubmitError::LimitReached(LimitReached::Year { next }) => Self::limit(
                Detail::new(
                    "limit_total",
                    format!(
                        "This year's attempts for the benchmark are used. The next ones come at {}.",
                        rfc3339(next)
                    ),
                ),
                Some(next),
                now,
            ),
            SubmitError::TooManyRejected { retry_at } => Self::limit(
                Detail::new(
                    "too_many_rejected",
                    "Too many uploads were rejected within the last hour. Check yours with `callimico check` first.",
                ),
                Some(retry_at),
                now,
            ),
            SubmitError::TooLarge { limit } => Self::TooLarge { limit },
            SubmitError::Broken => Self::BadRequest(Detail::new("broken_upload", "The upload did not arrive whole.")),
            SubmitError::TooSlow => Self::TooSlow,
            SubmitError::Rejected { id, problems } => Self::Rejected { submission: id, problems },
            SubmitError::KeyReused => Self::Conflict(Detail::new(
                "idempotency_key_reused",
                "This Idempotency-Key was used for another upload. Take a new key for a new upload.",
            )),
            SubmitError::Storage(error) => {
                tracing::error!(%error, "an upload could not be stored");
                Self::Unavailable
            }
            SubmitError::Undecided(error) => {
                tracing::warn!(%error, "the commit of a submission was not answered");
                Self::Undecided
            }
            SubmitError::Store(error) => error.into(),
            SubmitError::CheckBrokeOff(error) => Self::internal(error),
        }
    }

    /// A limit that is reached.
    pub fn limit(detail: Detail, retry_at: Option<OffsetDateTime>, now: OffsetDateTime) -> Self {
        let retry_after = retry_at.map(|at| (at - now).whole_seconds().max(0).unsigned_abs() + 1);
        Self::LimitReached { detail, retry_at, retry_after }
    }
}

/// Why an enrolment in this state may not submit.
pub fn not_approved(status: ParticipantStatus) -> Detail {
    match status {
        ParticipantStatus::Pending => {
            Detail::new("not_approved_yet", "Your enrolment waits for an organiser's approval.")
        }
        ParticipantStatus::Denied => Detail::new("denied", "Your enrolment was denied by an organiser."),
        ParticipantStatus::Withdrawn | ParticipantStatus::Approved => {
            Detail::new("not_enrolled", "You are not enrolled in this track: accept its terms first.")
        }
    }
}
