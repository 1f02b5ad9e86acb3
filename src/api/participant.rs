//! Enrolment in a track, and who takes part, for its organisers.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::lifecycle::reason;
use crate::app::App;
use crate::domain::participant::{Decision, ParticipantStatus, name_key};
use crate::domain::timestamp::rfc3339;
use crate::http::auth::{Enroller, Organiser, OrganiserOf, TrackView};
use crate::http::error::{Detail, HttpError};
use crate::http::paging::Paging;
use crate::service::lifecycle::By;
use crate::service::{enrol, participants};
use crate::store;
use crate::store::log::LogPosition;
use crate::store::participant::{Filter, Listed};

/// The most participants on a page of their list.
const PARTICIPANTS_A_PAGE: usize = 500;

/// What enrolling takes.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Enrolment {
    /// Whether the track's terms are accepted; must be true.
    accept_terms: bool,
}

/// Where the enrolment stands.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct EnrolmentView {
    status: ParticipantStatus,
    /// `competition/track`.
    track: String,
    /// The public name.
    participant: String,
    /// Why an organiser denied or withdrew it, where they said so.
    reason: Option<String>,
}

/// Enrols the caller.
///
/// Called again, it answers 200 and how the enrolment stands.
#[utoipa::path(post, path = "/competitions/{competition}/tracks/{track}/participants", operation_id = "enrol",
    tag = "participation", params(("competition" = String, Path), ("track" = String, Path)),
    request_body(content = Enrolment, description = "The acceptance of the track's terms"),
    security(("token" = [])),
    responses((status = 201, description = "Enrolled", body = EnrolmentView),
        (status = 200, description = "Already enrolled; how the enrolment stands", body = EnrolmentView),
        (status = 400, description = "`bad_json`: the body is not JSON; `bad_parameter`: a query parameter"),
        (status = 403, description = "`read_only_token`, `closed`: the track takes no more participants, `cross_site`"),
        (status = 404, description = "`not_found`: no such track"),
        (status = 409, description = "`name_taken`: another participant of the track has the caller's name"),
        (status = 413, description = "`too_large`: a body over 64 KiB"),
        (status = 415, description = "`not_json`: another `Content-Type` than `application/json`"),
        (status = 422, description = "`terms_not_accepted`; `bad_field`: a field is missing, unknown or of another type")))]
pub(super) async fn enrol(
    State(app): State<App>,
    Enroller(login): Enroller,
    TrackView { track, .. }: TrackView,
    body: Result<Json<Enrolment>, JsonRejection>,
) -> Result<(StatusCode, Json<EnrolmentView>), HttpError> {
    let Json(body) = body.map_err(bad_json)?;
    if !body.accept_terms {
        let detail = Detail::new("terms_not_accepted", "Enrolling takes `\"accept_terms\": true`.");
        return Err(HttpError::Unprocessable(detail));
    }
    let (participant, is_new) = enrol::accepting_terms(&app, &track, &login.user).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let name = store::participant::name(&app.db, participant.id).await?;
    let decided = store::participant::decided(&app.db, participant.id).await?;
    let view = EnrolmentView {
        status: participant.status,
        track: track.path().to_string(),
        participant: name,
        reason: decided.and_then(|decided| decided.reason),
    };
    Ok((status, Json(view)))
}

/// The participants of a track, for its organisers.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct ParticipantList {
    /// Who enrolled last first.
    participants: Vec<ParticipantLine>,
    /// The address of the next page; null on the last one.
    next: Option<String>,
}

/// A participant as organisers see it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct ParticipantLine {
    /// The public name.
    name: String,
    status: ParticipantStatus,
    /// Why, where somebody said; the participant reads it, too.
    reason: Option<String>,
    enrolled_at: String,
    /// When the status last changed; null since the enrolment.
    changed_at: Option<String>,
    /// Whether the participant changed it, and no organiser.
    by_participant: bool,
    /// Whether they stand on boards without a rank.
    out_of_competition: bool,
    /// Submissions that were taken.
    submissions: i64,
    /// The accounts of its members.
    members: Vec<String>,
}

impl From<Listed> for ParticipantLine {
    fn from(listed: Listed) -> Self {
        Self {
            name: listed.name,
            status: listed.status,
            reason: listed.reason,
            enrolled_at: rfc3339(listed.enrolled_at),
            changed_at: listed.changed_at.map(rfc3339),
            by_participant: listed.by_participant,
            out_of_competition: listed.out_of_competition,
            submissions: listed.submissions,
            members: listed.members,
        }
    }
}

/// Which participants are asked for.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Those in this status alone.
    status: Option<ParticipantStatus>,
}

/// Who takes part in a track, waits for it, was denied or withdrew.
///
/// For the track's organisers.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/participants",
    operation_id = "list_participants", tag = "organise",
    params(("competition" = String, Path), ("track" = String, Path), ListParams, Paging<PARTICIPANTS_A_PAGE>),
    security(("token" = [])),
    responses((status = 200, description = "A page of the participants, who enrolled last first", body = ParticipantList),
        (status = 400, description = "`bad_parameter`"),
        (status = 404, description = "`not_found`: no such track, or the caller does not organise it")))]
pub(super) async fn list(
    State(app): State<App>,
    OrganiserOf(view): OrganiserOf,
    paging: Paging<PARTICIPANTS_A_PAGE>,
    params: Result<Query<ListParams>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(params) = params?;
    let filter = Filter { status: params.status, ..Filter::default() };
    let found = store::participant::list(&app.db, view.track.id, filter, paging.after()?, paging.to_load()).await?;
    let page = paging.page(found, |listed| (listed.enrolled_at, listed.id))?;
    let participants = page.items.into_iter().map(ParticipantLine::from).collect();
    Ok(kept_by_nobody(ParticipantList { participants, next: page.next }))
}

/// An answer about people.
fn kept_by_nobody(answer: impl serde::Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

/// What becomes of a participant.
#[derive(Debug, Clone, Copy, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum StatusRequest {
    /// They take part.
    Approved,
    /// They do not, and cannot ask again.
    Denied,
    /// They do not, and may ask again.
    Withdrawn,
    /// It is as it was before they were denied or withdrew: `approved` or `pending`.
    Restored,
}

impl From<StatusRequest> for Decision {
    fn from(status: StatusRequest) -> Self {
        match status {
            StatusRequest::Approved => Self::Approve,
            StatusRequest::Denied => Self::Deny,
            StatusRequest::Withdrawn => Self::Withdraw,
            StatusRequest::Restored => Self::Restore,
        }
    }
}

/// What is decided of a participant; what is not said stays.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ParticipantRequest {
    status: Option<StatusRequest>,
    /// Why, in at most 500 characters: they and the organisers read it. Needed in a track that is closed or revealed.
    reason: Option<String>,
    /// Whether they stand on boards without a rank.
    out_of_competition: Option<bool>,
}

/// A participant after what was decided.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct ParticipantView {
    #[serde(flatten)]
    participant: ParticipantLine,
    /// The event in the track's log; null where nothing changed, and of applicants, of whom the log says nothing.
    log: Option<LogPosition>,
    /// There, and true, where it stood so before and nothing changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    already: bool,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct ParticipantPath {
    name: String,
}

/// Decides whether a participant takes part, and whether they compete.
///
/// Who is denied or withdrawn leaves all boards at once, with all of theirs, and comes back with it. After the reveal that
/// makes a new version of the official ranking.
#[utoipa::path(patch, path = "/competitions/{competition}/tracks/{track}/participants/{name}",
    operation_id = "change_participant", tag = "organise",
    params(("competition" = String, Path), ("track" = String, Path),
        ("name" = String, Path, description = "The public name, whatever its case")),
    request_body = ParticipantRequest, security(("token" = [])),
    responses((status = 200, description = "As they stand now", body = ParticipantView),
        (status = 400, description = "`bad_body`; `bad_field`: nothing is asked for, or the reason is too long or missing"),
        (status = 403, description = "`organise_scope_needed`"),
        (status = 404, description = "`not_found`: no such participant, or the caller does not organise the track"),
        (status = 409, description = "`wrong_phase`: in a closed or revealed track nobody is approved; `staff_competes`: staff never \
            competes")))]
pub(super) async fn change(
    State(app): State<App>,
    organiser: Organiser,
    Path(ParticipantPath { name }): Path<ParticipantPath>,
    body: Result<Json<ParticipantRequest>, JsonRejection>,
) -> Result<Response, HttpError> {
    let Json(asked) = body.map_err(|error| HttpError::BadRequest(Detail::new("bad_body", error.body_text())))?;
    if asked.status.is_none() && asked.out_of_competition.is_none() {
        let text = "Send `status`, `out_of_competition`, or both.";
        return Err(HttpError::BadRequest(Detail::new("bad_field", text)));
    }
    let reason = reason(asked.reason.as_deref())?;
    let by = By { user: Some(organiser.login.user.id), reason: reason.as_ref() };
    let decision = asked.status.map(Decision::from);
    let path = organiser.track.path();
    let done = participants::change_one(&app, &path, &name, decision, asked.out_of_competition, by).await?;
    let key = name_key(&name);
    let filter = Filter { name_key: Some(&key), ..Filter::default() };
    let found = store::participant::list(&app.db, organiser.track.id, filter, None, 1).await?.pop();
    Ok(kept_by_nobody(ParticipantView {
        participant: found.ok_or(HttpError::NotFound)?.into(),
        log: done.log,
        already: done.changed.is_empty() && !done.competes_changed,
    }))
}

fn bad_json(rejection: JsonRejection) -> HttpError {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            HttpError::UnsupportedMedia(Detail::new("not_json", "Send `Content-Type: application/json`."))
        }
        JsonRejection::JsonDataError(error) => HttpError::Unprocessable(Detail::new("bad_field", error.body_text())),
        JsonRejection::BytesRejection(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            HttpError::TooLarge { limit: 65_536 }
        }
        JsonRejection::BytesRejection(_) => {
            HttpError::BadRequest(Detail::new("bad_json", "The body did not arrive whole."))
        }
        _ => HttpError::BadRequest(Detail::new("bad_json", "The body is not valid JSON.")),
    }
}
