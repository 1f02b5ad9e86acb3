//! One's own submissions: state, problems, scores, and the files behind them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use scoring::{RocGrid, ScenarioShape, Split};

use super::description::Binary;
use super::metrics::{RankingValue, ScenarioNumbers};
use super::problem::ProblemLine;
use super::upload::bad_details;
use crate::app::App;
use crate::domain::ids::SubmissionId;
use crate::domain::leaderboard::{FinalTold, ScenarioResult, SplitResult};
use crate::domain::quota::AttemptsLeft;
use crate::domain::submission::SubmissionState;
use crate::domain::timestamp::rfc3339;
use crate::domain::visibility::{Audience, SubmissionAccess, VisibleSplit};
use crate::http::auth::{OrganiserOf, SeenSubmission, SignedIn};
use crate::http::error::{Detail, HttpError};
use crate::http::paging::Paging;
use crate::http::path_parameter::PathParameter;
use crate::http::query::bad_parameter;
use crate::objects::ObjectKey;
use crate::service::describe::{self, DescribeError, Described};
use crate::service::told;
use crate::store;
use crate::store::live::Signal;
use crate::store::log::LogPosition;
use crate::store::submission::{Disqualified, Submission};
use crate::store::track::Track;

/// A submission.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct SubmissionView {
    id: String,
    /// `competition/track`.
    track: String,
    /// The participant's public name.
    participant: String,
    state: SubmissionState,
    received_at: String,
    /// When it reached its last state.
    finished_at: Option<String>,
    sha256: String,
    size: u64,
    description: String,
    method_url: Option<String>,
    /// Why it was rejected: the first 100 problems.
    problems: Vec<ProblemLine>,
    /// How many problems there are in all.
    problems_total: usize,
    /// What was odd but taken.
    warnings: Vec<WarningLine>,
    attempts_left: AttemptsLeft,
    /// Whether it is the one that stands on the board.
    stands: bool,
    /// Whether it was sent to the benchmark, beside the official ranking.
    benchmark: bool,
    /// Whether organisers took it out, and why; told to its owner and to organisers alone.
    disqualified: Option<DisqualifiedView>,
    /// The event in the track's log by which it was taken; null of a rejected one.
    log: Option<LogPosition>,
    /// By split; empty before scoring, `final` only after the reveal.
    scores: BTreeMap<String, ToldScores>,
}

/// What is told of a score.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum ToldScores {
    /// Its numbers.
    Numbers(Box<SplitView>),
    /// Of the final split, while labels are kept and for what is no official entry: the ranking number, rounded.
    Rounded(RoundedScore),
}

/// A ranking number that is told rounded.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct RoundedScore {
    #[serde(flatten)]
    ranking: RankingValue,
    /// To multiples of this.
    rounded_to: f64,
}

/// That organisers took a submission out.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Disqualification)]
pub(super) struct DisqualifiedView {
    reason: String,
    at: String,
}

impl From<Disqualified> for DisqualifiedView {
    fn from(disqualified: Disqualified) -> Self {
        Self { reason: disqualified.reason, at: rfc3339(disqualified.at) }
    }
}

/// Something odd in an upload that was taken.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct WarningLine {
    code: String,
    path: Option<String>,
    detail: String,
}

/// The scores of one split.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = SplitScores)]
pub(super) struct SplitView {
    #[serde(flatten)]
    ranking: RankingValue,
    /// The 95 % interval of the ranking number.
    interval_95: [f64; 2],
    /// By scenario folder; null for a scenario that is left out.
    scenarios: BTreeMap<String, ScenarioNumbers>,
    /// ROC curves, by scenario folder; none of a scenario that is left out. Of the final split, while labels are kept, at
    /// 13 rates, and none of a scenario with fewer than 1,000 non-members.
    curves: BTreeMap<String, CurveView>,
}

/// A ROC curve at the false-positive rates at which it is told.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct CurveView {
    /// False-positive rates, ascending.
    fpr: Vec<f64>,
    /// The true-positive rate at each: to 3 decimals, or, told at 13 rates, to 2.
    tpr: Vec<f64>,
    /// True-positive rates at false-positive rates 0, 0.01, … 1; absent where the curve is told at 13 rates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    linear: Vec<f64>,
    /// True-positive rates at 41 rates from 0.0001 to 1, evenly spaced in the logarithm; absent where the curve is told at
    /// 13 rates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<f64>,
}

impl From<RocGrid> for CurveView {
    fn from(grid: RocGrid) -> Self {
        let (fpr, tpr) = grid.points().into_iter().unzip();
        Self { fpr, tpr, linear: grid.linear, log: grid.log }
    }
}

impl SplitView {
    fn of(track: &Track, result: SplitResult) -> Self {
        let scenarios = track.shape.scenarios().iter().map(|scenario| scenario.name());
        let scenarios = ScenarioNumbers::by_name(scenarios, &result);
        let (ranking, interval_95) = ((&result).into(), [result.interval.low, result.interval.high]);
        let curve = |scenario: ScenarioResult| Some((scenario.name, scenario.grid?.into()));
        let curves = result.scenarios.into_iter().filter_map(curve).collect();
        Self { ranking, interval_95, scenarios, curves }
    }
}

async fn view(app: &App, seen: SeenSubmission) -> Result<SubmissionView, HttpError> {
    let SeenSubmission { submission, track, access, .. } = seen;
    let now = app.clock.now();
    let allowance = track.allowance(now);
    let used = store::submission::attempts_used(&app.db, submission.participant, allowance, now).await?;
    let scores = visible_scores(app, &track, access).await?;
    let standing = store::entry::standing(&app.db, submission.participant).await?;
    let problems = submission.problems;
    let warnings = submission.warnings.into_iter().map(|warning| WarningLine {
        code: serde_json::to_value(warning.code)
            .ok()
            .and_then(|code| code.as_str().map(str::to_owned))
            .unwrap_or_default(),
        path: warning.path,
        detail: warning.detail,
    });
    Ok(SubmissionView {
        id: submission.id.to_string(),
        track: track.path().to_string(),
        participant: submission.participant_name,
        state: submission.state,
        received_at: rfc3339(submission.received_at),
        finished_at: submission.finished_at.map(rfc3339),
        sha256: submission.sha256.to_string(),
        size: submission.size,
        description: submission.description,
        method_url: submission.method_url,
        problems_total: problems.as_ref().map_or(0, |problems| problems.total),
        problems: ProblemLine::all(problems.as_ref()),
        warnings: warnings.collect(),
        attempts_left: allowance.left(used),
        stands: standing == Some(submission.id),
        benchmark: submission.is_benchmark,
        log: store::submission::receipt(&app.db, submission.id).await?,
        disqualified: submission.disqualified.map(DisqualifiedView::from),
        scores,
    })
}

/// The scores that may be seen, by split.
async fn visible_scores(
    app: &App,
    track: &Track,
    access: SubmissionAccess,
) -> Result<BTreeMap<String, ToldScores>, HttpError> {
    let mut scores = BTreeMap::new();
    for visible in Split::SUBMITTED.into_iter().filter_map(|split| access.scores(split)) {
        let number = track.shape.ranking().number;
        let told = match told(app, track, visible).await? {
            None => continue,
            Some(FinalTold::Numbers(result)) => ToldScores::Numbers(Box::new(SplitView::of(track, result))),
            Some(FinalTold::Rounded(value)) => {
                let ranking = RankingValue::new(number, value);
                ToldScores::Rounded(RoundedScore { ranking, rounded_to: FinalTold::STEP })
            }
        };
        scores.insert(visible.split().as_str().to_owned(), told);
    }
    Ok(scores)
}

async fn told(app: &App, track: &Track, visible: VisibleSplit<SubmissionId>) -> Result<Option<FinalTold>, HttpError> {
    let mut db = app.db.acquire().await?;
    Ok(told::of_submission(&mut db, track, visible).await?)
}

/// The most submissions on one page of the list.
const SUBMISSIONS_A_PAGE: usize = 500;

/// The submissions of a track, for its organisers.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct SubmissionList {
    /// Newest first.
    submissions: Vec<SubmissionLine>,
    /// The address of the next page; null on the last one.
    next: Option<String>,
}

/// A submission in a list.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct SubmissionLine {
    id: String,
    participant: String,
    state: SubmissionState,
    received_at: String,
    sha256: String,
    size: u64,
    description: String,
    /// Why it was rejected: the first 100 problems.
    problems: Vec<ProblemLine>,
    /// How many problems there are in all.
    problems_total: usize,
    /// Whether organisers took it out, and why.
    disqualified: Option<DisqualifiedView>,
}

impl From<Submission> for SubmissionLine {
    fn from(submission: Submission) -> Self {
        let problems = submission.problems;
        Self {
            id: submission.id.to_string(),
            participant: submission.participant_name,
            state: submission.state,
            received_at: rfc3339(submission.received_at),
            sha256: submission.sha256.to_string(),
            size: submission.size,
            description: submission.description,
            problems_total: problems.as_ref().map_or(0, |problems| problems.total),
            problems: ProblemLine::all(problems.as_ref()),
            disqualified: submission.disqualified.map(DisqualifiedView::from),
        }
    }
}

/// Every submission of a track with its problems, rejected ones too.
///
/// For the track's organisers.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/submissions",
    operation_id = "list_submissions", tag = "submissions",
    params(("competition" = String, Path), ("track" = String, Path), Paging<SUBMISSIONS_A_PAGE>),
    security(("token" = [])),
    responses((status = 200, description = "A page of the submissions, newest first", body = SubmissionList),
        (status = 404, description = "`not_found`: no such track, or the caller does not organise it")))]
pub(super) async fn list(
    State(app): State<App>,
    OrganiserOf(view): OrganiserOf,
    paging: Paging<SUBMISSIONS_A_PAGE>,
) -> Result<Json<SubmissionList>, HttpError> {
    let found = store::submission::of_track(&app.db, view.track.id, paging.after()?, paging.to_load()).await?;
    let page = paging.page(found, |submission| (submission.received_at, submission.id))?;
    let submissions = page.items.into_iter().map(SubmissionLine::from).collect();
    Ok(Json(SubmissionList { submissions, next: page.next }))
}

/// How long to hold an answer.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitParams {
    /// Hold the answer for at most so many seconds (60 at most) until nothing more will happen.
    #[serde(default)]
    wait: u64,
}

/// A submission: state, problems, scores.
#[utoipa::path(get, path = "/submissions/{id}", operation_id = "get_submission", tag = "submissions",
    params(("id" = String, Path, description = "The submission's id"), WaitParams), security(("token" = [])),
    responses((status = 200, description = "The submission as it stands", body = SubmissionView),
        (status = 404, description = "`not_found`: no such submission, or not the caller's")))]
pub(super) async fn show(
    State(app): State<App>,
    SignedIn(login): SignedIn,
    PathParameter(id): PathParameter,
    params: Result<Query<WaitParams>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<SubmissionView>, HttpError> {
    let Query(params) = params?;
    let until = tokio::time::Instant::now() + Duration::from_secs(params.wait.min(60));
    // Listen first, look second: a change between the two is heard.
    let mut signals = app.live.subscribe();
    loop {
        let seen = SeenSubmission::find(&app, &id, login.clone()).await?;
        let submission = seen.submission.id;
        if seen.submission.state.is_terminal() {
            return Ok(Json(view(&app, seen).await?));
        }
        let changed = async {
            loop {
                match signals.recv().await {
                    Ok(Signal::Submission(changed)) if changed == submission => return,
                    Ok(Signal::Resync) | Err(_) => return,
                    Ok(_) => {}
                }
            }
        };
        if tokio::time::timeout_at(until, changed).await.is_err() {
            let seen = SeenSubmission::find(&app, &id, login).await?;
            return Ok(Json(view(&app, seen).await?));
        }
    }
}

/// What its owner says of a submission. What is left out stays as it is; null takes it away.
#[derive(Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DescribeRequest {
    /// In at most 500 characters.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// Where the method is described: an http or https address of at most 500 characters.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    method_url: Option<Option<String>>,
}

/// A field that is there, null or not.
fn given<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    serde::Deserialize::deserialize(value).map(Some)
}

impl From<DescribeError> for HttpError {
    fn from(error: DescribeError) -> Self {
        match error {
            DescribeError::NoSubmission(_) => Self::NotFound,
            DescribeError::Details(error) => bad_details(&error),
            DescribeError::Store(error) => error.into(),
        }
    }
}

/// Describes a submission, in every phase.
///
/// For its owner. An address that is given after the reveal is marked so on the results.
#[utoipa::path(patch, path = "/submissions/{id}", operation_id = "describe_submission", tag = "submissions",
    params(("id" = String, Path, description = "The submission's id")), request_body = DescribeRequest,
    security(("token" = [])),
    responses((status = 200, description = "The submission as it stands", body = SubmissionView),
        (status = 400, description = "`bad_body`; `bad_field`: too long, or no address"),
        (status = 403, description = "`not_owner`: the caller organises the track; `read_only_token`"),
        (status = 404, description = "`not_found`: no such submission, or not the caller's")))]
pub(super) async fn describe(
    State(app): State<App>,
    SignedIn(login): SignedIn,
    PathParameter(id): PathParameter,
    body: Result<Json<DescribeRequest>, JsonRejection>,
) -> Result<Json<SubmissionView>, HttpError> {
    let seen = SeenSubmission::find(&app, &id, login.clone()).await?;
    if seen.access.audience() != Audience::Owner {
        return Err(HttpError::NotAllowed(Detail::new("not_owner", "Only its owner describes a submission.")));
    }
    if !login.may_act() {
        return Err(HttpError::NotAllowed(Detail::new("read_only_token", "This token may only read.")));
    }
    let Json(asked) = body.map_err(|error| HttpError::BadRequest(Detail::new("bad_body", error.body_text())))?;
    let blank = |field: Option<Option<String>>| field.map(Option::unwrap_or_default);
    let said = Described { description: blank(asked.description), method_url: blank(asked.method_url) };
    describe::describe(&app, seen.submission.id, said).await?;
    Ok(Json(view(&app, SeenSubmission::find(&app, &id, login).await?).await?))
}

/// Which split's scores are asked for.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SplitParams {
    /// `dev` (also when missing) or, after the reveal, `final`.
    split: Option<String>,
}

/// The scores as the original program wrote them.
#[utoipa::path(get, path = "/submissions/{id}/scores.txt", operation_id = "get_scores_txt", tag = "submissions",
    params(("id" = String, Path, description = "The submission's id"), SplitParams), security(("token" = [])),
    responses((status = 200, description = "A number a line", content_type = "text/plain", body = String),
        (status = 404, description = "`not_found`: no such submission, not the caller's, or no such scores yet")))]
pub(super) async fn scores_txt(
    State(app): State<App>,
    SeenSubmission { track, access, .. }: SeenSubmission,
    params: Result<Query<SplitParams>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, HttpError> {
    let Query(params) = params?;
    let split = split_param(params.split.as_deref())?;
    let visible = access.scores(split).ok_or(HttpError::NotFound)?;
    // What is told rounded has no scores.txt.
    let Some(FinalTold::Numbers(result)) = told(&app, &track, visible).await? else { return Err(HttpError::NotFound) };
    let of = |scenario: &ScenarioShape| result.scenario(scenario.name()).map(|scenario| scenario.numbers);
    let ranking = (result.ranking.number(), result.ranking_value);
    let text = scoring::write_metrics(track.shape.scenarios().iter().map(of), ranking);
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

/// `dev` or `final`; `dev` where nothing is said.
pub(super) fn split_param(split: Option<&str>) -> Result<Split, HttpError> {
    match split.unwrap_or("dev").parse() {
        Ok(split @ (Split::Dev | Split::Final)) => Ok(split),
        _ => Err(bad_parameter("`split` is `dev` or `final`.")),
    }
}

/// The upload as it came.
#[utoipa::path(get, path = "/submissions/{id}/archive", operation_id = "get_archive", tag = "submissions",
    params(("id" = String, Path, description = "The submission's id")), security(("token" = [])),
    responses((status = 200, description = "The zip, byte for byte", content_type = "application/zip", body = Binary),
        (status = 404, description = "`not_found`: no such submission, not the caller's, or it was rejected")))]
pub(super) async fn archive(
    State(app): State<App>,
    SeenSubmission { submission, .. }: SeenSubmission,
) -> Result<impl IntoResponse, HttpError> {
    // Of a rejected upload the bytes are not kept.
    let bytes = app
        .objects
        .read(&ObjectKey::Upload(submission.id))
        .await
        .map_err(HttpError::internal)?
        .ok_or(HttpError::NotFound)?;
    let name = format!("attachment; filename=\"submission-{}.zip\"", submission.id);
    Ok(([(header::CONTENT_TYPE, "application/zip".to_owned()), (header::CONTENT_DISPOSITION, name)], bytes))
}
