//! The leaderboard as JSON, CSV and a stream of changes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use scoring::Split;
use tokio::sync::broadcast::Receiver;

use super::metrics::{RankingValue, ScenarioNumbers};
use super::submission::split_param;
use crate::app::App;
use crate::board::{BenchmarkBoard, Board, BoardKind, RoundedEntry};
use crate::domain::ids::TrackId;
use crate::domain::leaderboard::{FinalTold, RankedEntry};
use crate::domain::phase::Phase;
use crate::domain::timestamp::rfc3339;
use crate::http::auth::TrackView;
use crate::http::error::HttpError;
use crate::http::query::bad_parameter;
use crate::store;
use crate::store::live::Signal;
use crate::store::log::LogPosition;
use crate::store::track::Track;

/// The ranked entries of a split.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct LeaderboardView {
    /// `competition/track`.
    track: String,
    /// There, and `benchmark`, of the benchmark board.
    #[serde(skip_serializing_if = "Option::is_none")]
    board: Option<&'static str>,
    /// Of the benchmark board: when the benchmark began.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    split: String,
    phase: Phase,
    updated_at: String,
    /// Counts the board's changes.
    version: i64,
    /// The event in the track's log that made this version of the board; null before there was one.
    log: Option<LogPosition>,
    /// The name of the number that ranks, under which each entry has it: `average_TPR_FPR_1000` or `max_TPR_FPR_1000`.
    ranking: &'static str,
    entries: Vec<AnyEntry>,
}

/// A row of a board.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum AnyEntry {
    /// Of an official board.
    Official(Box<EntryView>),
    /// Of the benchmark board, where numbers are told as they are.
    Benchmark(Box<BenchmarkEntryView>),
    /// Of the benchmark board, its final numbers while labels are kept.
    Rounded(RoundedEntryView),
}

/// A participant's row of the benchmark board.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct BenchmarkEntryView {
    #[serde(flatten)]
    entry: EntryView,
    /// Whether the participant has an entry in the official ranking.
    took_part: bool,
}

/// A participant's row of the benchmark board while labels are kept: of its numbers the ranking number alone, rounded.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct RoundedEntryView {
    /// Equal rounded numbers share a rank; null out of competition, where no rank is taken.
    rank: Option<usize>,
    /// Whether it stands on the board without a rank, as organisers' baselines do.
    out_of_competition: bool,
    participant: String,
    submission: String,
    submitted_at: String,
    /// How many of the participant's submissions are of the benchmark, the official entry among them.
    submissions: u32,
    description: String,
    method_url: Option<String>,
    #[serde(flatten)]
    ranking: RankingValue,
    /// To multiples of this.
    rounded_to: f64,
    /// Whether the participant has an entry in the official ranking.
    took_part: bool,
}

impl RoundedEntryView {
    fn of(board: &Board, entry: &RoundedEntry) -> Self {
        Self {
            rank: entry.rank,
            out_of_competition: entry.rank.is_none(),
            participant: entry.participant.clone(),
            submission: entry.submission.to_string(),
            submitted_at: rfc3339(entry.submitted_at),
            submissions: entry.submissions,
            description: entry.description.clone(),
            method_url: entry.method_url.clone(),
            ranking: RankingValue::new(board.ranking.number, entry.value),
            rounded_to: FinalTold::STEP,
            took_part: entry.took_part,
        }
    }
}

/// A participant's entry.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct EntryView {
    /// Equal ranking numbers share a rank; null out of competition, where no rank is taken.
    rank: Option<usize>,
    /// Whether it stands on the board without a rank, as organisers' baselines do.
    out_of_competition: bool,
    /// Whether the difference to the entry above is within chance.
    tied_with_above: bool,
    participant: String,
    submission: String,
    submitted_at: String,
    /// How many scored submissions the participant has.
    submissions: u32,
    description: String,
    method_url: Option<String>,
    #[serde(flatten)]
    ranking: RankingValue,
    interval_95: [f64; 2],
    /// By scenario folder; null for a scenario that is left out.
    scenarios: BTreeMap<String, ScenarioNumbers>,
}

impl EntryView {
    pub(super) fn of(board: &Board, ranked: &RankedEntry) -> Self {
        Self::new(board.scenarios.iter().map(String::as_str), ranked)
    }

    /// A ranked entry of a track with these scenarios.
    pub(super) fn new<'a>(scenarios: impl IntoIterator<Item = &'a str>, ranked: &RankedEntry) -> Self {
        let entry = &ranked.entry;
        let result = &entry.result;
        Self {
            rank: ranked.rank,
            out_of_competition: entry.out_of_competition,
            tied_with_above: ranked.tied_with_above,
            participant: entry.participant.clone(),
            submission: entry.submission.to_string(),
            submitted_at: rfc3339(entry.submitted_at),
            submissions: entry.submissions,
            description: entry.description.clone(),
            method_url: entry.method_url.clone(),
            ranking: result.into(),
            interval_95: [result.interval.low, result.interval.high],
            scenarios: ScenarioNumbers::by_name(scenarios, result),
        }
    }
}

/// Which board.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BoardParams {
    /// `official` (also when missing) or, where there is or was a benchmark, `benchmark`.
    board: Option<String>,
    /// `dev` (also when missing) or, after the reveal, `final`.
    split: Option<String>,
}

/// Of which board changes are told.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventParams {
    /// `official` (also when missing) or, where there is or was a benchmark, `benchmark`.
    board: Option<String>,
}

type Params = Result<Query<BoardParams>, QueryRejection>;

/// `official` or `benchmark`; `official` where nothing is said.
fn kind_param(board: Option<&str>) -> Result<BoardKind, HttpError> {
    match board.unwrap_or("official") {
        "official" => Ok(BoardKind::Official),
        "benchmark" => Ok(BoardKind::Benchmark),
        _ => Err(bad_parameter("`board` is `official` or `benchmark`.")),
    }
}

/// A board of either kind.
enum Shown {
    Official(Arc<Board>),
    Benchmark(Arc<BenchmarkBoard>),
}

impl Shown {
    fn board(&self) -> &Board {
        match self {
            Self::Official(board) => board,
            Self::Benchmark(benchmark) => &benchmark.board,
        }
    }

    fn to_csv(&self) -> String {
        match self {
            Self::Official(board) => board.to_csv(),
            Self::Benchmark(benchmark) => benchmark.to_csv(),
        }
    }

    fn entries(&self) -> Vec<AnyEntry> {
        let board = self.board();
        let views = board.entries.iter().map(|ranked| (ranked.entry.participant_id, EntryView::of(board, ranked)));
        match self {
            Self::Official(_) => views.map(|(_, view)| AnyEntry::Official(Box::new(view))).collect(),
            Self::Benchmark(benchmark) => match &benchmark.rounded {
                Some(rounded) => {
                    rounded.iter().map(|entry| AnyEntry::Rounded(RoundedEntryView::of(board, entry))).collect()
                }
                None => views
                    .map(|(participant, entry)| {
                        let took_part = benchmark.took_part(participant);
                        AnyEntry::Benchmark(Box::new(BenchmarkEntryView { entry, took_part }))
                    })
                    .collect(),
            },
        }
    }
}

async fn board(app: &App, view: &TrackView, params: Params) -> Result<Shown, HttpError> {
    let Query(params) = params?;
    let split = split_param(params.split.as_deref())?;
    match kind_param(params.board.as_deref())? {
        BoardKind::Official => {
            let visible = view.access.board(split).ok_or_else(|| HttpError::hidden_board(split))?;
            Ok(Shown::Official(app.boards.of_track(&view.track, visible).await?))
        }
        BoardKind::Benchmark => {
            let has_begun = view.track.benchmark.began_at.is_some();
            let visible = view.access.benchmark(split, has_begun).ok_or_else(HttpError::no_benchmark)?;
            Ok(Shown::Benchmark(app.boards.benchmark(&view.track, visible).await?))
        }
    }
}

/// Answers 304 where the client has this very board.
fn with_etag(board: &Board, headers: &HeaderMap, body: impl FnOnce() -> Response) -> Response {
    let etag = board.etag();
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same = known.is_some_and(|known| {
        known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag || one.trim() == "*")
    });
    let mut response = if same { StatusCode::NOT_MODIFIED.into_response() } else { body() };
    if let Ok(value) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    // The same for everybody; to be asked again each time, which costs a 304.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    response
}

/// The leaderboard.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/leaderboard",
    operation_id = "get_leaderboard", tag = "leaderboard",
    params(("competition" = String, Path), ("track" = String, Path), BoardParams,
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the board that the client has")),
    responses((status = 200, description = "The ranked entries", body = LeaderboardView,
            headers(("ETag" = String, description = "Changes with the board"))),
        (status = 304, description = "The board is still the one named in `If-None-Match`"),
        (status = 404, description = "`not_found`: no such track; `not_revealed`: the final board before the reveal; \
            `not_open`: that of a draft, but to its organisers; \
            `no_benchmark`: there never was one")))]
pub(super) async fn show(
    State(app): State<App>,
    view: TrackView,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let shown = board(&app, &view, params).await?;
    let board = shown.board();
    let log = match board.log_seq {
        Some(seq) => store::log::position(&app.db, view.track.id, seq).await?,
        None => None,
    };
    Ok(with_etag(board, &headers, || {
        let since = match &shown {
            Shown::Official(_) => None,
            Shown::Benchmark(benchmark) => Some(rfc3339(benchmark.began_at)),
        };
        Json(LeaderboardView {
            track: board.track.to_string(),
            board: since.is_some().then_some("benchmark"),
            since,
            split: board.split.as_str().to_owned(),
            phase: board.phase,
            updated_at: rfc3339(board.updated_at),
            version: board.version,
            log,
            ranking: board.ranking.number.name(),
            entries: shown.entries(),
        })
        .into_response()
    }))
}

/// The leaderboard as CSV.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/leaderboard.csv",
    operation_id = "get_leaderboard_csv", tag = "leaderboard",
    params(("competition" = String, Path), ("track" = String, Path), BoardParams,
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the board that the client has")),
    responses((status = 200, description = "A header line, and a line for each entry", content_type = "text/csv",
            body = String, headers(("ETag" = String, description = "Changes with the board"))),
        (status = 304, description = "The board is still the one named in `If-None-Match`"),
        (status = 404, description = "`not_found`: no such track; `not_revealed`: the final board before the reveal; \
            `not_open`: that of a draft, but to its organisers; \
            `no_benchmark`: there never was one")))]
pub(super) async fn csv(
    State(app): State<App>,
    view: TrackView,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let shown = board(&app, &view, params).await?;
    let board = shown.board();
    Ok(with_etag(board, &headers, || {
        let kind = match board.kind {
            BoardKind::Official => "",
            BoardKind::Benchmark => "-benchmark",
        };
        let name = format!("attachment; filename=\"{}{kind}-{}.csv\"", view.track.slug, board.split);
        let kind = "text/csv; charset=utf-8".to_owned();
        ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], shown.to_csv()).into_response()
    }))
}

/// A change of the board.
#[derive(Debug, serde::Serialize)]
struct Change {
    track: String,
    /// Of an official board: the split that moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<&'static str>,
    /// Of the benchmark board: its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    board: Option<&'static str>,
    version: i64,
}

/// Server-sent events: one `leaderboard` event for each change of the board.
///
/// The event's `id` is the board's version; sent back as `Last-Event-ID`, it brings an event at once if the board has
/// changed since.
#[utoipa::path(get, path = "/competitions/{competition}/tracks/{track}/leaderboard/events",
    operation_id = "watch_leaderboard", tag = "leaderboard",
    params(("competition" = String, Path), ("track" = String, Path), EventParams,
        ("Last-Event-ID" = Option<i64>, Header, description = "The version of the board that the client has seen last")),
    responses((status = 200, description = "A stream of events that does not end", content_type = "text/event-stream",
            body = String),
        (status = 404, description = "`not_found`: no such track; `not_open`: a draft, but to its organisers; \
            `no_benchmark`: there never was one")))]
pub(super) async fn events(
    State(app): State<App>,
    view: TrackView,
    params: Result<Query<EventParams>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, HttpError> {
    let Query(params) = params?;
    let kind = kind_param(params.board.as_deref())?;
    match kind {
        BoardKind::Official if view.access.board(Split::Dev).is_none() => {
            return Err(HttpError::hidden_board(Split::Dev));
        }
        BoardKind::Benchmark
            if view.access.benchmark(Split::Final, view.track.benchmark.began_at.is_some()).is_none() =>
        {
            return Err(HttpError::no_benchmark());
        }
        _ => {}
    }
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
    // Listen first, look second.
    let signals = app.live.subscribe();
    let watch = Watch {
        track: view.track.id,
        path: view.track.path().to_string(),
        // Without a last event, what is there now counts as seen.
        seen: last.unwrap_or(version_of(&view.track, kind)),
        kind,
        check_first: true,
        signals,
        app,
    };
    let stream = futures_util::stream::unfold(watch, |mut watch| async move {
        let version = watch.next_version().await?;
        let (split, board) = match watch.kind {
            BoardKind::Official => (Some(Split::Dev.as_str()), None),
            BoardKind::Benchmark => (None, Some("benchmark")),
        };
        let change = Change { track: watch.path.clone(), split, board, version };
        let event = Event::default().event("leaderboard").id(version.to_string()).json_data(change).ok()?;
        Some((Ok(event), watch))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// Counts the changes of a board.
fn version_of(track: &Track, kind: BoardKind) -> i64 {
    match kind {
        BoardKind::Official => track.board_version,
        BoardKind::Benchmark => track.benchmark.version,
    }
}

struct Watch {
    app: App,
    track: TrackId,
    kind: BoardKind,
    path: String,
    seen: i64,
    check_first: bool,
    signals: Receiver<Signal>,
}

impl Watch {
    /// The next version that is newer than what was seen; `None` when the process ends.
    async fn next_version(&mut self) -> Option<i64> {
        loop {
            if std::mem::take(&mut self.check_first)
                && let Some(version) = self.current().await.filter(|version| *version != self.seen)
            {
                self.seen = version;
                return Some(version);
            }
            match self.signals.recv().await {
                Ok(Signal::Board(track, version))
                    if self.kind == BoardKind::Official && track == self.track && version > self.seen =>
                {
                    self.seen = version;
                    return Some(version);
                }
                Ok(Signal::Benchmark(track, version))
                    if self.kind == BoardKind::Benchmark && track == self.track && version > self.seen =>
                {
                    self.seen = version;
                    return Some(version);
                }
                // Something may have been missed.
                Ok(Signal::Resync) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {
                    self.check_first = true;
                }
                Ok(_) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    async fn current(&self) -> Option<i64> {
        store::track::by_id(&self.app.db, self.track).await.ok().flatten().map(|track| version_of(&track, self.kind))
    }
}
