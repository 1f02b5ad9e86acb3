//! Competitions and tracks: definitions, phase, dates, limits.

use axum::Json;
use axum::extract::State;
use scoring::{RankingRule, Split};

use crate::app::App;
use crate::domain::participant::Approval;
use crate::domain::phase::Phase;
use crate::domain::slug::Slug;
use crate::domain::timestamp::rfc3339;
use crate::domain::track::EntryRule;
use crate::http::auth::{TrackView, Viewer, is_listed};
use crate::http::error::HttpError;
use crate::http::paging::Paging;
use crate::http::path_parameter::PathParameter;
use crate::store;
use crate::store::competition::Competition;
use crate::store::track::{Track, TrackCounts};

/// The most competitions on one page of the list.
const COMPETITIONS_A_PAGE: usize = 100;

/// Competitions.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct CompetitionList {
    competitions: Vec<CompetitionView>,
    /// The address of the next page; null on the last one.
    next: Option<String>,
}

/// A competition.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct CompetitionView {
    slug: String,
    title: String,
    description: String,
    tracks: Vec<TrackDefinition>,
}

/// A track.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct TrackDefinition {
    /// `competition/track`.
    track: String,
    slug: String,
    title: String,
    description: String,
    phase: Phase,
    /// RFC 3339; null: not set.
    opens_at: Option<String>,
    /// RFC 3339; null: not set.
    closes_at: Option<String>,
    limits: LimitsView,
    /// Null where there never was a benchmark.
    benchmark: Option<BenchmarkView>,
    entry_rule: EntryRule,
    needs_approval: bool,
    ranking: RankingView,
    participants: i64,
    /// Scored submissions.
    entries: i64,
    scenarios: Vec<ScenarioView>,
}

/// How the scenarios make the ranking number.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct RankingView {
    /// The name of the number: `average_TPR_FPR_1000`, the mean over the scenarios, or `max_TPR_FPR_1000`, the greatest.
    number: &'static str,
    /// Which scenarios a submission must hold: `all`, or `any`, at least one.
    scenarios: &'static str,
}

impl From<RankingRule> for RankingView {
    fn from(rule: RankingRule) -> Self {
        Self { number: rule.number.name(), scenarios: rule.scenarios.name() }
    }
}

/// How much a participant may send.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct LimitsView {
    /// Submissions within one UTC day.
    per_day: u32,
    /// Submissions in all.
    total: u32,
    /// Bytes of one upload.
    bytes: u64,
}

/// The benchmark after a competition: it is open for submissions in the phase `benchmark`.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct BenchmarkView {
    /// When it began (RFC 3339).
    since: String,
    limits: BenchmarkLimitsView,
}

/// How much a participant may send to a benchmark.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct BenchmarkLimitsView {
    /// Submissions within one UTC day.
    per_day: u32,
    /// Submissions within 365 days, counted from its beginning.
    per_year: u32,
}

impl BenchmarkView {
    fn of(track: &Track) -> Option<Self> {
        let limits = track.benchmark.limits;
        let limits = BenchmarkLimitsView { per_day: limits.per_day, per_year: limits.per_year };
        track.benchmark.began_at.map(|began_at| Self { since: rfc3339(began_at), limits })
    }
}

/// A scenario: its target models by split.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct ScenarioView {
    /// The folder's name.
    name: String,
    label: Option<String>,
    epsilon: Option<String>,
    train: Vec<ModelView>,
    dev: Vec<ModelView>,
    #[serde(rename = "final")]
    last: Vec<ModelView>,
}

/// A target model.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct ModelView {
    /// The folder's name.
    name: String,
    /// Challenge points.
    points: usize,
}

fn definition(track: &Track, counts: TrackCounts) -> TrackDefinition {
    let settings = &track.settings;
    let scenarios = track.shape.scenarios().iter().map(|scenario| {
        let label = settings.scenario_labels.get(scenario.name());
        let models = |split| {
            let view = |model: &scoring::TargetModel| ModelView { name: model.name.clone(), points: model.points };
            scenario.models(split).iter().map(view).collect()
        };
        ScenarioView {
            name: scenario.name().to_owned(),
            label: label.and_then(|label| label.label.clone()),
            epsilon: label.and_then(|label| label.epsilon.clone()),
            train: models(Split::Train),
            dev: models(Split::Dev),
            last: models(Split::Final),
        }
    });
    TrackDefinition {
        track: track.path().to_string(),
        slug: track.slug.to_string(),
        title: settings.title.clone(),
        description: settings.description.clone(),
        phase: track.phase,
        opens_at: settings.dates.opens_at.map(rfc3339),
        closes_at: settings.dates.closes_at.map(rfc3339),
        limits: LimitsView {
            per_day: settings.limits.per_day,
            total: settings.limits.total,
            bytes: settings.limits.bytes,
        },
        benchmark: BenchmarkView::of(track),
        entry_rule: settings.entry_rule,
        needs_approval: settings.approval == Approval::Needed,
        ranking: track.shape.ranking().into(),
        participants: counts.participants,
        entries: counts.entries,
        scenarios: scenarios.collect(),
    }
}

async fn view(app: &App, competition: Competition, viewer: &Viewer) -> Result<CompetitionView, HttpError> {
    let mut tracks = Vec::new();
    for track in store::track::of_competition(&app.db, &competition.slug).await? {
        let track = track.at(app.clock.now());
        if is_listed(app, &track, viewer).await? {
            let counts = store::track::counts(&app.db, track.id).await?;
            tracks.push(definition(&track, counts));
        }
    }
    Ok(CompetitionView {
        slug: competition.slug.to_string(),
        title: competition.title,
        description: competition.description,
        tracks,
    })
}

/// All competitions with their tracks.
///
/// Drafts are listed for their organisers only, so a page can have fewer competitions than it has room for.
#[utoipa::path(get, path = "/competitions", operation_id = "list_competitions", tag = "competitions",
    params(Paging<COMPETITIONS_A_PAGE>),
    responses((status = 200, description = "A page of the competitions, newest first", body = CompetitionList)))]
pub(super) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    paging: Paging<COMPETITIONS_A_PAGE>,
) -> Result<Json<CompetitionList>, HttpError> {
    let after = paging.after()?;
    let found = store::competition::list(&app.db, after.as_ref(), paging.to_load()).await?;
    let page = paging.page(found, |competition| (competition.created_at, competition.slug.to_string()))?;
    let mut competitions = Vec::new();
    for competition in page.items {
        let view = view(&app, competition, &viewer).await?;
        // What is being prepared is named to nobody.
        if !view.tracks.is_empty() {
            competitions.push(view);
        }
    }
    Ok(Json(CompetitionList { competitions, next: page.next }))
}

/// A competition with its tracks.
#[utoipa::path(get, path = "/competitions/{competition}", operation_id = "get_competition", tag = "competitions",
    params(("competition" = String, Path)),
    responses((status = 200, description = "The competition", body = CompetitionView),
        (status = 404, description = "`not_found`: no such competition")))]
pub(super) async fn show(
    State(app): State<App>,
    PathParameter(slug): PathParameter,
    viewer: Viewer,
) -> Result<Json<CompetitionView>, HttpError> {
    let slug: Slug = slug.parse().map_err(|_| HttpError::NotFound)?;
    let competition = store::competition::by_slug(&app.db, &slug).await?.ok_or(HttpError::NotFound)?;
    Ok(Json(view(&app, competition, &viewer).await?))
}

/// A track: definition, phase, dates, limits.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}", operation_id = "get_track",
    tag = "competitions", params(("competition" = String, Path), ("track" = String, Path)),
    responses((status = 200, description = "The track", body = TrackDefinition),
        (status = 404, description = "`not_found`: no such track")))]
pub(super) async fn show_track(
    State(app): State<App>,
    TrackView { track, access, .. }: TrackView,
) -> Result<Json<TrackDefinition>, HttpError> {
    // A draft can be looked at by whoever knows its address, but nothing of it is counted for visitors.
    let counts = match access.sees_counts() {
        true => store::track::counts(&app.db, track.id).await?,
        false => TrackCounts::default(),
    };
    Ok(Json(definition(&track, counts)))
}
