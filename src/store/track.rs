//! Tracks: their settings, phase, shape and the counts shown beside them.

use scoring::TrackShape;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;

use super::StoreError;
use crate::domain::benchmark::{Benchmark, BenchmarkLimits};
use crate::domain::ids::{CompetitionId, TrackId};
use crate::domain::official_ranking::RankingChange;
use crate::domain::participant::Approval;
use crate::domain::phase::{Dates, Phase, Stage};
use crate::domain::quota::Allowance;
use crate::domain::release::TrackKind;
use crate::domain::slug::{Slug, TrackPath};
use crate::domain::track::{EntryRule, Pages, ScenarioLabels, SubmissionLimits};

/// A track.
#[derive(Debug, Clone)]
pub struct Track {
    /// Its identifier.
    pub id: TrackId,
    /// The competition it belongs to.
    pub competition: CompetitionId,
    /// The competition's slug.
    pub competition_slug: Slug,
    /// The competition's title.
    pub competition_title: String,
    /// Its own slug.
    pub slug: Slug,
    /// Where it stands in time.
    pub phase: Phase,
    /// Its title, texts, dates, limits and rules.
    pub settings: TrackSettings,
    /// What an upload is checked against.
    pub shape: TrackShape,
    /// Counts the changes of the public board.
    pub board_version: i64,
    /// When the board last changed.
    pub board_changed_at: OffsetDateTime,
    /// The event in the log that made this version of the board.
    pub board_log_seq: Option<i64>,
    /// The event that participants are told about on the track's pages.
    pub banner_seq: Option<i64>,
    /// How far its end has come.
    pub ending: Ending,
    /// The benchmark after its end.
    pub benchmark: Benchmark,
}

/// How far the end of a track has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Since when the official entries stand.
    pub entries_frozen_at: Option<OffsetDateTime>,
    /// Since when final scores may exist.
    pub final_begun_at: Option<OffsetDateTime>,
    /// Since when the labels are public.
    pub labels_opened_at: Option<OffsetDateTime>,
    /// Since when the results are no longer provisional.
    pub results_final_at: Option<OffsetDateTime>,
    /// The newest official ranking; 0 before the reveal.
    pub ranking_version: i32,
    /// Whether a newer official ranking is necessary that waits for final scores.
    pub ranking_is_due: bool,
    /// Which version of the labels is scored against.
    pub labels_version: i32,
}

impl Track {
    /// The track as it stands at an instant: past its date an open track is closed for everybody, whether or not the
    /// sweeper has written it down yet.
    #[must_use]
    pub fn at(mut self, now: OffsetDateTime) -> Self {
        self.phase = self.stage().phase_at(now);
        self
    }

    /// `competition/track`.
    pub fn path(&self) -> TrackPath {
        TrackPath { competition: self.competition_slug.clone(), track: self.slug.clone() }
    }

    /// Its phase with its dates.
    pub fn stage(&self) -> Stage {
        Stage { phase: self.phase, dates: self.settings.dates }
    }

    /// How much a participant may send at `now`, and what counts against it.
    pub fn allowance(&self, now: OffsetDateTime) -> Allowance {
        Allowance::of(self.phase, self.settings.limits, self.benchmark, now)
    }
}

/// What an organiser sets for a track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackSettings {
    /// Its title.
    pub title: String,
    /// What it is, in a sentence or two.
    pub description: String,
    /// When it opens and closes.
    pub dates: Dates,
    /// How scenarios are called for people.
    pub scenario_labels: ScenarioLabels,
    /// Its texts.
    pub pages: Pages,
    /// How much a participant may send.
    pub limits: SubmissionLimits,
    /// Which submission stands on the board.
    pub entry_rule: EntryRule,
    /// Whether an organiser approves each participant.
    pub approval: Approval,
    /// What participants are to find out.
    pub kind: TrackKind,
    /// Whether the terms say that zips of official entries are published once the labels are opened.
    pub publish_entries: bool,
}

/// Counts shown beside a track.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrackCounts {
    /// Participants that were approved.
    pub participants: i64,
    /// Submissions of the competition that were scored.
    pub entries: i64,
}

struct TrackRow {
    id: TrackId,
    competition: CompetitionId,
    competition_slug: Slug,
    competition_title: String,
    slug: Slug,
    title: String,
    description: String,
    phase: Phase,
    opens_at: Option<OffsetDateTime>,
    closes_at: Option<OffsetDateTime>,
    shape: Json<TrackShape>,
    scenario_labels: Json<ScenarioLabels>,
    pages: Json<Pages>,
    limit_per_day: i32,
    limit_total: i32,
    limit_bytes: i64,
    entry_rule: EntryRule,
    needs_approval: bool,
    kind: TrackKind,
    publish_entries: bool,
    board_version: i64,
    board_changed_at: OffsetDateTime,
    board_log_seq: Option<i64>,
    banner_seq: Option<i64>,
    entries_frozen_at: Option<OffsetDateTime>,
    final_begun_at: Option<OffsetDateTime>,
    labels_opened_at: Option<OffsetDateTime>,
    results_final_at: Option<OffsetDateTime>,
    ranking_version: i32,
    ranking_is_due: bool,
    labels_version: i32,
    benchmark_began_at: Option<OffsetDateTime>,
    benchmark_per_day: i32,
    benchmark_per_year: i32,
    benchmark_version: i64,
    benchmark_changed_at: Option<OffsetDateTime>,
    benchmark_log_seq: Option<i64>,
}

impl From<TrackRow> for Track {
    fn from(row: TrackRow) -> Self {
        Self {
            id: row.id,
            competition: row.competition,
            competition_slug: row.competition_slug,
            competition_title: row.competition_title,
            slug: row.slug,
            phase: row.phase,
            settings: TrackSettings {
                title: row.title,
                description: row.description,
                dates: Dates { opens_at: row.opens_at, closes_at: row.closes_at },
                scenario_labels: row.scenario_labels.0,
                pages: row.pages.0,
                limits: limits(row.limit_per_day, row.limit_total, row.limit_bytes),
                entry_rule: row.entry_rule,
                approval: row.needs_approval.into(),
                kind: row.kind,
                publish_entries: row.publish_entries,
            },
            shape: row.shape.0,
            board_version: row.board_version,
            board_changed_at: row.board_changed_at,
            board_log_seq: row.board_log_seq,
            banner_seq: row.banner_seq,
            ending: Ending {
                entries_frozen_at: row.entries_frozen_at,
                final_begun_at: row.final_begun_at,
                labels_opened_at: row.labels_opened_at,
                results_final_at: row.results_final_at,
                ranking_version: row.ranking_version,
                ranking_is_due: row.ranking_is_due,
                labels_version: row.labels_version,
            },
            benchmark: Benchmark {
                began_at: row.benchmark_began_at,
                limits: benchmark_limits(row.benchmark_per_day, row.benchmark_per_year),
                version: row.benchmark_version,
                changed_at: row.benchmark_changed_at,
                log_seq: row.benchmark_log_seq,
            },
        }
    }
}

fn benchmark_limits(per_day: i32, per_year: i32) -> BenchmarkLimits {
    BenchmarkLimits { per_day: per_day.unsigned_abs(), per_year: per_year.unsigned_abs() }
}

/// Limits from their columns, which the database holds positive.
fn limits(per_day: i32, total: i32, bytes: i64) -> SubmissionLimits {
    SubmissionLimits { per_day: per_day.unsigned_abs(), total: total.unsigned_abs(), bytes: bytes.unsigned_abs() }
}

/// Which tracks a query is about; `None` is "any".
#[derive(Debug, Clone, Copy, Default)]
struct Which<'a> {
    id: Option<TrackId>,
    competition: Option<&'a str>,
    slug: Option<&'a str>,
}

async fn select(db: impl PgExecutor<'_>, which: Which<'_>) -> Result<Vec<Track>, StoreError> {
    let rows = sqlx::query_as!(
        TrackRow,
        r#"select t.id as "id: TrackId", t.competition_id as "competition: CompetitionId",
                  c.slug as "competition_slug: Slug", c.title as competition_title,
                  t.slug as "slug: Slug", t.title, t.description, t.phase as "phase: Phase", t.opens_at, t.closes_at,
                  t.shape as "shape: Json<TrackShape>",
                  t.scenario_labels as "scenario_labels: Json<ScenarioLabels>",
                  t.pages as "pages: Json<Pages>",
                  t.limit_per_day, t.limit_total, t.limit_bytes, t.entry_rule as "entry_rule: EntryRule",
                  t.needs_approval, t.kind as "kind: TrackKind", t.publish_entries, t.board_version, t.board_changed_at,
                  t.board_log_seq, t.banner_seq, t.entries_frozen_at, t.final_begun_at, t.labels_opened_at,
                  t.results_final_at, t.ranking_version, cardinality(t.ranking_due) > 0 as "ranking_is_due!",
                  t.labels_version,
                  t.benchmark_began_at, t.benchmark_per_day, t.benchmark_per_year, t.benchmark_version,
                  t.benchmark_changed_at, t.benchmark_log_seq
           from tracks t join competitions c on c.id = t.competition_id
           where ($1::uuid is null or t.id = $1)
             and ($2::text is null or c.slug = $2)
             and ($3::text is null or t.slug = $3)
           order by t.place, t.created_at, t.slug"#,
        which.id.map(TrackId::as_uuid),
        which.competition,
        which.slug,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Track::from).collect())
}

/// The track of an address.
pub async fn by_path(db: impl PgExecutor<'_>, path: &TrackPath) -> Result<Option<Track>, StoreError> {
    let which =
        Which { competition: Some(path.competition.as_str()), slug: Some(path.track.as_str()), ..Which::default() };
    Ok(select(db, which).await?.pop())
}

/// The track of an identifier.
pub async fn by_id(db: impl PgExecutor<'_>, id: TrackId) -> Result<Option<Track>, StoreError> {
    Ok(select(db, Which { id: Some(id), ..Which::default() }).await?.pop())
}

/// The tracks of a competition, in the order in which they were made.
pub async fn of_competition(db: impl PgExecutor<'_>, competition: &Slug) -> Result<Vec<Track>, StoreError> {
    select(db, Which { competition: Some(competition.as_str()), ..Which::default() }).await
}

/// Participants and scored submissions of a track.
pub async fn counts(db: impl PgExecutor<'_>, track: TrackId) -> Result<TrackCounts, StoreError> {
    Ok(sqlx::query_as!(
        TrackCounts,
        r#"select (select count(*) from participants where track_id = $1 and status = 'approved') as "participants!",
                  (select count(*) from submissions where track_id = $1 and state = 'scored' and not is_benchmark)
                      as "entries!""#,
        track.as_uuid(),
    )
    .fetch_one(db)
    .await?)
}

/// Locks a track of a competition against other imports and lifecycle changes until the transaction ends.
pub async fn lock(db: &mut PgConnection, competition: CompetitionId, slug: &Slug) -> Result<Option<Track>, StoreError> {
    let row = sqlx::query!(
        r#"select id as "id: TrackId" from tracks where competition_id = $1 and slug = $2 for update"#,
        competition.as_uuid(),
        slug.as_str(),
    )
    .fetch_optional(&mut *db)
    .await?;
    match row {
        Some(row) => by_id(db, row.id).await,
        None => Ok(None),
    }
}

/// What decides whether a track takes a submission or a participant.
#[derive(Debug, Clone, Copy)]
pub struct Gate {
    /// Its phase with its dates.
    pub stage: Stage,
    /// How much a participant may send.
    pub limits: SubmissionLimits,
    /// Since when there is a benchmark, with limits of its own.
    pub benchmark: (Option<OffsetDateTime>, BenchmarkLimits),
    /// Whether an organiser approves each participant.
    pub approval: Approval,
    /// Whether the official entries stand already.
    pub is_frozen: bool,
}

impl Gate {
    /// How much a participant may send at `now`, and what counts against it.
    pub fn allowance(&self, now: OffsetDateTime) -> Allowance {
        let (began_at, limits) = self.benchmark;
        let benchmark = Benchmark { began_at, limits, version: 0, changed_at: None, log_seq: None };
        Allowance::of(self.stage.phase, self.limits, benchmark, now)
    }
}

/// What decides whether a track takes a submission or a participant, held still until the transaction ends: a close
/// that comes between waits for it, or is seen by it.
pub async fn gate(db: &mut PgConnection, track: TrackId) -> Result<Option<Gate>, StoreError> {
    let row = sqlx::query!(
        r#"select phase as "phase: Phase", opens_at, closes_at, limit_per_day, limit_total, limit_bytes, needs_approval,
                  entries_frozen_at is not null as "is_frozen!", benchmark_began_at, benchmark_per_day, benchmark_per_year
           from tracks where id = $1 for share"#,
        track.as_uuid(),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Gate {
        stage: Stage { phase: row.phase, dates: Dates { opens_at: row.opens_at, closes_at: row.closes_at } },
        limits: limits(row.limit_per_day, row.limit_total, row.limit_bytes),
        benchmark: (row.benchmark_began_at, benchmark_limits(row.benchmark_per_day, row.benchmark_per_year)),
        approval: row.needs_approval.into(),
        is_frozen: row.is_frozen,
    }))
}

/// What decides which entries stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryGate {
    /// Where the track stands, as it is written.
    pub phase: Phase,
    /// When it closes, or closed.
    pub closes_at: Option<OffsetDateTime>,
    /// How an entry is picked.
    pub rule: EntryRule,
    /// Whether the official entries stand already.
    pub is_frozen: bool,
    /// Whether final scores may exist.
    pub final_has_begun: bool,
    /// Which version of the labels is scored against.
    pub labels_version: i32,
    /// Whether a newer official ranking waits for final scores.
    pub ranking_is_due: bool,
}

/// What decides which entries stand, held still until the transaction ends: whoever changes it waits, or is waited for.
pub async fn lock_entries(db: &mut PgConnection, track: TrackId) -> Result<EntryGate, StoreError> {
    Ok(sqlx::query_as!(
        EntryGate,
        r#"select phase as "phase: Phase", closes_at, entry_rule as "rule: EntryRule",
                  entries_frozen_at is not null as "is_frozen!", final_begun_at is not null as "final_has_begun!",
                  labels_version, cardinality(ranking_due) > 0 as "ranking_is_due!"
           from tracks where id = $1 for no key update"#,
        track.as_uuid(),
    )
    .fetch_one(db)
    .await?)
}

/// Locks a track against every step of its life until the transaction ends, and reads it as it is written.
pub async fn lock_by_path(db: &mut PgConnection, path: &TrackPath) -> Result<Option<Track>, StoreError> {
    let locked = sqlx::query_scalar!(
        r#"select t.id as "id: TrackId" from tracks t join competitions c on c.id = t.competition_id
           where c.slug = $1 and t.slug = $2 for no key update of t"#,
        path.competition.as_str(),
        path.track.as_str(),
    );
    match locked.fetch_optional(&mut *db).await? {
        Some(id) => by_id(db, id).await,
        None => Ok(None),
    }
}

/// Writes down that the official entries stand. Part of the transaction that picks them.
pub async fn set_frozen(db: &mut PgConnection, track: TrackId, now: OffsetDateTime) -> Result<(), StoreError> {
    sqlx::query!("update tracks set entries_frozen_at = $2 where id = $1", track.as_uuid(), now).execute(db).await?;
    Ok(())
}

/// Takes the freeze back. Part of the transaction that drops the official entries.
pub async fn set_not_frozen(db: &mut PgConnection, track: TrackId) -> Result<(), StoreError> {
    sqlx::query!("update tracks set entries_frozen_at = null where id = $1", track.as_uuid()).execute(db).await?;
    Ok(())
}

/// Writes down that final scores may exist from now on. Part of the transaction that queues their jobs.
pub async fn set_final_begun(db: &mut PgConnection, track: TrackId, now: OffsetDateTime) -> Result<(), StoreError> {
    sqlx::query!("update tracks set final_begun_at = $2 where id = $1", track.as_uuid(), now).execute(db).await?;
    Ok(())
}

/// Writes down that the labels are public.
pub async fn set_labels_opened(db: &mut PgConnection, track: TrackId, now: OffsetDateTime) -> Result<(), StoreError> {
    sqlx::query!("update tracks set labels_opened_at = $2 where id = $1", track.as_uuid(), now).execute(db).await?;
    Ok(())
}

/// Writes down that the results are no longer provisional.
pub async fn set_results_final(db: &mut PgConnection, track: TrackId, now: OffsetDateTime) -> Result<(), StoreError> {
    sqlx::query!("update tracks set results_final_at = $2 where id = $1", track.as_uuid(), now).execute(db).await?;
    Ok(())
}

/// Writes down when a track closes, or closed.
pub async fn set_closes_at(db: &mut PgConnection, track: TrackId, at: OffsetDateTime) -> Result<(), StoreError> {
    sqlx::query!("update tracks set closes_at = $2 where id = $1", track.as_uuid(), at).execute(db).await?;
    Ok(())
}

/// Writes down when a track closed; one that closed before its opening date opened no later than it closed.
pub async fn set_closed_at(db: &mut PgConnection, track: TrackId, at: OffsetDateTime) -> Result<(), StoreError> {
    sqlx::query!(
        "update tracks set closes_at = $2, opens_at = case when opens_at > $2 then $2 else opens_at end where id = $1",
        track.as_uuid(),
        at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes down which version of the labels is scored against from now on.
pub async fn set_labels_version(db: &mut PgConnection, track: TrackId, version: i32) -> Result<(), StoreError> {
    sqlx::query!("update tracks set labels_version = $2 where id = $1", track.as_uuid(), version).execute(db).await?;
    Ok(())
}

/// Writes down the newest official ranking, which is due no more.
pub async fn set_ranking_version(db: &mut PgConnection, track: TrackId, version: i32) -> Result<(), StoreError> {
    sqlx::query!("update tracks set ranking_version = $2, ranking_due = '{}' where id = $1", track.as_uuid(), version)
        .execute(db)
        .await?;
    Ok(())
}

/// Writes down that a newer official ranking is due once all its final scores are there, and what made it so.
pub async fn add_ranking_due(db: &mut PgConnection, track: TrackId, change: RankingChange) -> Result<(), StoreError> {
    sqlx::query!(
        "update tracks set ranking_due = ranking_due || $2::ranking_change where id = $1",
        track.as_uuid(),
        change as RankingChange,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// All that made a newer official ranking necessary, in the order in which it happened.
pub async fn ranking_due(db: impl PgExecutor<'_>, track: TrackId) -> Result<Vec<RankingChange>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select ranking_due as "changes: Vec<RankingChange>" from tracks where id = $1"#,
        track.as_uuid()
    )
    .fetch_one(db)
    .await?)
}

/// Gives a track its place among those of its competition.
pub async fn set_place(db: &mut PgConnection, track: TrackId, place: i32) -> Result<(), StoreError> {
    sqlx::query!("update tracks set place = $2 where id = $1", track.as_uuid(), place).execute(db).await?;
    Ok(())
}

/// Shows an event of the log on the track's pages.
pub async fn set_banner(db: &mut PgConnection, track: TrackId, seq: i64) -> Result<(), StoreError> {
    sqlx::query!("update tracks set banner_seq = $2 where id = $1", track.as_uuid(), seq).execute(db).await?;
    Ok(())
}

/// Tracks whose date has come while they are still written as open.
pub async fn to_close(db: impl PgExecutor<'_>, now: OffsetDateTime) -> Result<Vec<TrackId>, StoreError> {
    Ok(sqlx::query_scalar!(r#"select id as "id: TrackId" from tracks where phase = 'open' and closes_at <= $1"#, now,)
        .fetch_all(db)
        .await?)
}

/// Closed tracks whose official entries do not stand yet.
pub async fn to_freeze(db: impl PgExecutor<'_>) -> Result<Vec<TrackId>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select id as "id: TrackId" from tracks where phase = 'closed' and entries_frozen_at is null"#,
    )
    .fetch_all(db)
    .await?)
}

/// Tracks that wait for final scores to make their next official ranking.
pub async fn to_rank(db: impl PgExecutor<'_>) -> Result<Vec<TrackId>, StoreError> {
    Ok(sqlx::query_scalar!(r#"select id as "id: TrackId" from tracks where cardinality(ranking_due) > 0"#)
        .fetch_all(db)
        .await?)
}

/// Adds a track in the draft phase.
pub async fn create(
    db: impl PgExecutor<'_>,
    competition: CompetitionId,
    slug: &Slug,
    content: (&TrackSettings, &TrackShape),
    now: OffsetDateTime,
) -> Result<TrackId, StoreError> {
    let (settings, shape) = content;
    let id = TrackId::generate();
    sqlx::query!(
        "insert into tracks (id, competition_id, slug, title, description, opens_at, closes_at, shape, scenario_labels,
             pages, limit_per_day, limit_total, limit_bytes, entry_rule, needs_approval, kind, publish_entries,
             board_changed_at, created_at, place)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18,
             -- Behind those that somebody has put in an order.
             (select coalesce(max(place) + 1, 0) from tracks where competition_id = $2 and place > 0))",
        id.as_uuid(),
        competition.as_uuid(),
        slug.as_str(),
        settings.title,
        settings.description,
        settings.dates.opens_at,
        settings.dates.closes_at,
        Json(shape) as _,
        Json(&settings.scenario_labels) as _,
        Json(&settings.pages) as _,
        super::to_i32(settings.limits.per_day),
        super::to_i32(settings.limits.total),
        super::to_i64(settings.limits.bytes),
        settings.entry_rule as EntryRule,
        settings.approval == Approval::Needed,
        settings.kind as TrackKind,
        settings.publish_entries,
        now,
    )
    .execute(db)
    .await?;
    Ok(id)
}

/// Writes a track's settings and shape anew.
pub async fn update(
    db: impl PgExecutor<'_>,
    track: TrackId,
    settings: &TrackSettings,
    shape: &TrackShape,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update tracks set title = $2, description = $3, opens_at = $4, closes_at = $5, shape = $6, scenario_labels = $7,
             pages = $8, limit_per_day = $9, limit_total = $10, limit_bytes = $11, entry_rule = $12,
             needs_approval = $13, kind = $14, publish_entries = $15
         where id = $1",
        track.as_uuid(),
        settings.title,
        settings.description,
        settings.dates.opens_at,
        settings.dates.closes_at,
        Json(shape) as _,
        Json(&settings.scenario_labels) as _,
        Json(&settings.pages) as _,
        super::to_i32(settings.limits.per_day),
        super::to_i32(settings.limits.total),
        super::to_i64(settings.limits.bytes),
        settings.entry_rule as EntryRule,
        settings.approval == Approval::Needed,
        settings.kind as TrackKind,
        settings.publish_entries,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Remembers where a track was imported from.
pub async fn set_source(db: impl PgExecutor<'_>, track: TrackId, directory: &str) -> Result<(), StoreError> {
    sqlx::query!("update tracks set source_directory = $2 where id = $1", track.as_uuid(), directory)
        .execute(db)
        .await?;
    Ok(())
}

/// Where a track was imported from; `None` where that is not known.
pub async fn source(db: impl PgExecutor<'_>, track: TrackId) -> Result<Option<String>, StoreError> {
    let found = sqlx::query_scalar!("select source_directory from tracks where id = $1", track.as_uuid());
    Ok(found.fetch_optional(db).await?.flatten())
}

/// Moves a track from one phase into another; says whether it stood in the first. Of two who do it at once, one does.
pub async fn change_phase(db: &mut PgConnection, track: TrackId, from: Phase, to: Phase) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update tracks set phase = $3 where id = $1 and phase = $2",
        track.as_uuid(),
        from as Phase,
        to as Phase,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Begins a track's benchmark, or goes on with it: its years are counted from its first beginning.
pub async fn begin_benchmark(
    db: &mut PgConnection,
    track: TrackId,
    limits: BenchmarkLimits,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update tracks set benchmark_began_at = coalesce(benchmark_began_at, $2),
             benchmark_changed_at = coalesce(benchmark_changed_at, $2), benchmark_per_day = $3, benchmark_per_year = $4
         where id = $1",
        track.as_uuid(),
        now,
        super::to_i32(limits.per_day),
        super::to_i32(limits.per_year),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Counts a change of the track's benchmark board, where there is one, and wakes everybody who is looking at it. Part of
/// the transaction that changes it.
pub async fn benchmark_changed(db: &mut PgConnection, track: TrackId, now: OffsetDateTime) -> Result<(), StoreError> {
    let version = sqlx::query_scalar!(
        "update tracks set benchmark_version = benchmark_version + 1,
             benchmark_changed_at = greatest(benchmark_changed_at, $2),
             benchmark_log_seq = (select seq from log_heads where track_id = $1 and seq > 0)
         where id = $1 and benchmark_began_at is not null returning benchmark_version",
        track.as_uuid(),
        now,
    );
    match version.fetch_optional(&mut *db).await? {
        Some(version) => super::live::notify(db, super::live::Signal::Benchmark(track, version)).await,
        None => Ok(()),
    }
}

/// Counts a change of the track's board and wakes everybody who is looking at it. What changes it may change the benchmark
/// board, too.
///
/// Part of the transaction that changes the board, after the event that says so; the wake-up leaves with its commit.
pub async fn board_changed(db: &mut PgConnection, track: TrackId, now: OffsetDateTime) -> Result<(), StoreError> {
    let row = sqlx::query!(
        "update tracks set board_version = board_version + 1, board_changed_at = greatest(board_changed_at, $2),
             board_log_seq = (select seq from log_heads where track_id = $1 and seq > 0)
         where id = $1 returning board_version",
        track.as_uuid(),
        now,
    )
    .fetch_one(&mut *db)
    .await?;
    super::live::notify(db, super::live::Signal::Board(track, row.board_version)).await?;
    benchmark_changed(db, track, now).await
}
