//! The steps of a track's life. Each exists once, here, as one transaction; commands, pages, API, sweeper and the demo
//! call it.
//!
//! A step asked for in the phase it leads to, with the same arguments, changes nothing and says so. Of two who ask at
//! once, one takes it.

use scoring::Split;
use sqlx::PgConnection;
use thiserror::Error;
use time::OffsetDateTime;

use super::entries;
use super::labels::{self, LabelError};
use super::rankings;
use super::readiness::{self, NotReady};
use crate::app::App;
use crate::domain::benchmark::BenchmarkLimits;
use crate::domain::ids::{TrackId, UserId};
use crate::domain::log_event::{FinalLabels, LogEvent, Step, StepName};
use crate::domain::official_ranking::RankingChange;
use crate::domain::phase::Phase;
use crate::domain::reason::Reason;
use crate::domain::sha256::Sha256;
use crate::domain::slug::TrackPath;
use crate::domain::timestamp::rfc3339;
use crate::domain::visibility::VisibleSplit;
use crate::store::label::LabelVersion;
use crate::store::log::{Detail, LogPosition};
use crate::store::ranking::FinalCounts;
use crate::store::track::Track;
use crate::store::{self, StoreError};

/// Who takes a step, and what they say of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct By<'a> {
    /// The account; `None`: a command on the server's machine, or the server itself.
    pub user: Option<UserId>,
    /// Why, in words; public.
    pub reason: Option<&'a Reason>,
}

impl<'a> By<'a> {
    pub(super) fn detail(&self) -> Detail<'a> {
        Detail { user: self.user, reason: self.reason.map(Reason::as_str) }
    }

    fn step(&self, step: StepName) -> Step {
        Step { reason: self.reason.map(|reason| reason.as_str().to_owned()), ..Step::of(step) }
    }
}

/// What is said of the final split's labels when a track opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OpeningLabels {
    /// They are here, and the server commits to them.
    #[default]
    Here,
    /// They are kept elsewhere until the close; this is the root of the commitment to them.
    Elsewhere(Sha256),
    /// Nobody commits to them.
    Uncommitted,
}

/// What becomes of the labels at the reveal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LabelsAtReveal {
    /// They become public: anybody can check every score, and the test models are spent.
    Open,
    /// They stay hidden, for a benchmark with the same models.
    Keep,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The phase that the track is in now.
    pub phase: Phase,
    /// The event that the step made; where it was taken before, the log's head.
    pub log: LogPosition,
    /// The track stood there already; nothing changed.
    pub already: bool,
}

/// Why a step was not taken.
#[derive(Debug, Error)]
pub enum StepError {
    /// There is no such track.
    #[error("there is no track {0}")]
    NoTrack(TrackPath),
    /// The track is in a phase that the step does not start from.
    #[error("{track} is {}: {} is not possible there", .phase.as_str(), .step.as_str())]
    WrongPhase {
        /// Which track.
        track: TrackPath,
        /// The phase it is in.
        phase: Phase,
        /// The step that was asked for.
        step: StepName,
    },
    /// Something is missing.
    #[error("{track} is not ready to {}: {}", .step.as_str(), sentences(.problems))]
    NotReady {
        /// Which track.
        track: TrackPath,
        /// The step that was asked for.
        step: StepName,
        /// What is missing; at least one.
        problems: Vec<NotReady>,
    },
    /// A date does not fit the step.
    #[error("{0}")]
    BadDate(String),
    /// The system cannot supply randomness.
    #[error("the labels could not be committed to")]
    Labels(#[source] LabelError),
    /// The database could not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn sentences(problems: &[NotReady]) -> String {
    problems.iter().map(|problem| problem.detail.as_str()).collect::<Vec<_>>().join(" ")
}

impl From<sqlx::Error> for StepError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A step that has been begun: the track is locked, and everything is decided at one instant.
struct Begun {
    track: Track,
    step: StepName,
    now: OffsetDateTime,
}

impl Begun {
    async fn lock(app: &App, db: &mut PgConnection, path: &TrackPath, step: StepName) -> Result<Self, StepError> {
        let track = store::track::lock_by_path(db, path).await?.ok_or_else(|| StepError::NoTrack(path.clone()))?;
        let now = app.database_time(db).await?;
        Ok(Self { track, step, now })
    }

    /// The phase that holds for everybody, whether or not the sweeper has written it down.
    fn phase(&self) -> Phase {
        self.track.stage().phase_at(self.now)
    }

    fn wrong_phase(&self) -> StepError {
        StepError::WrongPhase { track: self.track.path(), phase: self.phase(), step: self.step }
    }

    fn not_ready(&self, problems: Vec<NotReady>) -> StepError {
        StepError::NotReady { track: self.track.path(), step: self.step, problems }
    }

    async fn already(&self, db: &mut PgConnection) -> Result<Taken, StepError> {
        let head = store::log::head(&mut *db, self.track.id).await?;
        // What opened before tracks had a log may have no event yet.
        let log = head.unwrap_or(LogPosition { seq: 0, hash: Sha256::from([0; 32]) });
        Ok(Taken { phase: self.phase(), log, already: true })
    }

    fn label_error(&self, error: LabelError) -> StepError {
        match error {
            LabelError::Missing(_) | LabelError::OtherRoot { .. } => self
                .not_ready(vec![NotReady::new("labels_do_not_fit", format!("{}.", capitalised(&error.to_string())))]),
            LabelError::Store(error) => StepError::Store(error),
            LabelError::Randomness(_) => StepError::Labels(error),
        }
    }

    /// Appends the step to the log, and lets the board show the change.
    async fn log(&self, db: &mut PgConnection, step: Step, by: By<'_>) -> Result<LogPosition, StoreError> {
        let log = store::log::append(db, self.track.id, LogEvent::Step(step), by.detail(), self.now).await?;
        store::track::board_changed(db, self.track.id, self.now).await?;
        Ok(log)
    }

    /// Likewise a step that participants are told about.
    async fn announce(&self, db: &mut PgConnection, step: Step, by: By<'_>) -> Result<LogPosition, StoreError> {
        let log = self.log(db, step, by).await?;
        store::track::set_banner(db, self.track.id, log.seq).await?;
        Ok(log)
    }

    /// Likewise a step that changes nothing of the official boards.
    async fn announce_beside(&self, db: &mut PgConnection, step: Step, by: By<'_>) -> Result<LogPosition, StoreError> {
        let log = store::log::append(db, self.track.id, LogEvent::Step(step), by.detail(), self.now).await?;
        store::track::set_banner(db, self.track.id, log.seq).await?;
        store::track::benchmark_changed(db, self.track.id, self.now).await?;
        Ok(log)
    }

    /// Writes down that the track closed, at its date or now.
    async fn write_close(&self, db: &mut PgConnection, by: By<'_>) -> Result<LogPosition, StoreError> {
        let at = self.track.settings.dates.closes_at.filter(|at| *at <= self.now).unwrap_or(self.now);
        store::track::set_closed_at(db, self.track.id, at).await?;
        store::track::change_phase(db, self.track.id, Phase::Open, Phase::Closed).await?;
        self.log(db, Step { closes_at: Some(at), ..by.step(StepName::Close) }, by).await
    }

    /// Writes down a close that the date has brought about, as the sweeper would; says whether there was one.
    async fn write_close_that_is_due(&self, db: &mut PgConnection) -> Result<bool, StoreError> {
        let is_due = self.track.phase == Phase::Open && self.phase() == Phase::Closed;
        if is_due {
            self.write_close(db, By::default()).await?;
        }
        Ok(is_due)
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Opens a track: from draft to open. It takes submissions from its opening date on, and its dev board is live. What
/// organisers tried before is removed.
///
/// # Errors
/// Labels are missing, or it has been open before.
pub async fn open(app: &App, path: &TrackPath, labels: OpeningLabels, by: By<'_>) -> Result<Taken, StepError> {
    let mut db = app.db.begin().await?;
    // Jobs before the track, as a worker takes them that scores a trial right now.
    let held = store::job::lock_trials(&mut *db, path).await?;
    let begun = Begun::lock(app, &mut db, path, StepName::Open).await?;
    let Begun { track, now, .. } = &begun;
    if begun.phase() == Phase::Open && same_labels(&mut db, track, labels).await? {
        return begun.already(&mut db).await;
    }
    if track.phase != Phase::Draft {
        return Err(begun.wrong_phase());
    }
    if store::job::has_others(&mut *db, track.id, &held).await? {
        let text = "A trial came in just now: ask again in a moment.";
        return Err(begun.not_ready(vec![NotReady::new("trial_arrived", text)]));
    }
    let has_dev = store::solution::is_complete(&mut db, track.id, Split::Dev).await?;
    let has_final = store::solution::is_complete(&mut db, track.id, Split::Final).await?;
    let mut problems = Vec::new();
    if !has_dev {
        problems.push(NotReady::new("no_dev_labels", "The labels of the dev split are missing: import them."));
    }
    if track.settings.dates.closes_at.is_some_and(|at| at <= *now) {
        problems.push(NotReady::new("date_passed", "Its closing date has passed: set a later one."));
    }
    let said = match (labels, has_final) {
        (OpeningLabels::Here, true) => FinalLabels::Committed,
        (OpeningLabels::Here, false) => {
            problems.push(NotReady::new(
                "no_final_labels",
                "The labels of the final split are missing: import them, or give the root of a commitment to them \
                 (--commitment ROOT, made with `callimico commit`), or say that nobody commits to them \
                 (--uncommitted-final).",
            ));
            FinalLabels::Uncommitted
        }
        // With a root that was published and the labels here, both must fit.
        (OpeningLabels::Elsewhere(_), true) => FinalLabels::Committed,
        (OpeningLabels::Elsewhere(_), false) => FinalLabels::Elsewhere,
        (OpeningLabels::Uncommitted, true) => {
            problems.push(NotReady::new(
                "final_labels_are_here",
                "The labels of the final split are here, so the server commits to them: leave --uncommitted-final out.",
            ));
            FinalLabels::Committed
        }
        (OpeningLabels::Uncommitted, false) => FinalLabels::Uncommitted,
    };
    if !problems.is_empty() {
        return Err(begun.not_ready(problems));
    }
    store::submission::remove_all(&mut *db, track.id).await?;
    store::track::change_phase(&mut db, track.id, Phase::Draft, Phase::Open).await?;
    let version = track.ending.labels_version;
    let root = match labels {
        OpeningLabels::Elsewhere(root) => Some(root),
        OpeningLabels::Here | OpeningLabels::Uncommitted => None,
    };
    match said {
        FinalLabels::Committed => {
            let solutions = store::solution::all(&mut *db, track.id).await?;
            let commit = labels::commit(&mut db, (track.id, version), &track.shape, solutions, None, *now).await;
            let made = commit.map_err(|error| begun.label_error(error))?;
            if let Some(expected) = root.filter(|root| *root != made) {
                return Err(begun.label_error(LabelError::OtherRoot { expected, found: made }));
            }
        }
        FinalLabels::Elsewhere | FinalLabels::Uncommitted => {
            store::label::put(&mut *db, track.id, &LabelVersion { version, root, text: None, made_at: *now }).await?;
            if let Some(root) = root {
                let event = LogEvent::Commitment { root, version: version.unsigned_abs() };
                store::log::append(&mut db, track.id, event, Detail::default(), *now).await?;
            }
        }
    }
    let closes_at = track.settings.dates.closes_at;
    let step = Step { closes_at, final_labels: Some(said), ..by.step(StepName::Open) };
    let log = begun.log(&mut db, step, by).await?;
    db.commit().await?;
    Ok(Taken { phase: Phase::Open, log, already: false })
}

/// Whether a track was opened with the same word on its final labels.
async fn same_labels(db: &mut PgConnection, track: &Track, labels: OpeningLabels) -> Result<bool, StoreError> {
    let root = store::label::version(&mut *db, track.id, 1).await?.and_then(|label| label.root);
    let said = store::log::last_step(&mut *db, track.id, StepName::Open).await?.and_then(|step| step.final_labels);
    Ok(match (labels, said) {
        // What opened before tracks had a log was opened without a word.
        (OpeningLabels::Here, said) => matches!(said, Some(FinalLabels::Committed) | None),
        (OpeningLabels::Elsewhere(asked), said) => said != Some(FinalLabels::Uncommitted) && root == Some(asked),
        (OpeningLabels::Uncommitted, said) => said == Some(FinalLabels::Uncommitted),
    })
}

/// Closes a track: from open to closed. Before its date the closing date becomes now.
///
/// # Errors
/// It is not open.
pub async fn close(app: &App, path: &TrackPath, by: By<'_>) -> Result<Taken, StepError> {
    let mut db = app.db.begin().await?;
    let begun = Begun::lock(app, &mut db, path, StepName::Close).await?;
    match begun.track.phase {
        Phase::Closed => return begun.already(&mut db).await,
        Phase::Open => {}
        _ => return Err(begun.wrong_phase()),
    }
    // Past its date it closed by itself, and nobody's word made it.
    let by = if begun.phase() == Phase::Closed { By::default() } else { by };
    let log = begun.write_close(&mut db, by).await?;
    db.commit().await?;
    Ok(Taken { phase: Phase::Closed, log, already: false })
}

/// Closes a track whose date has come; for the sweeper. Says whether it did.
///
/// # Errors
/// The database cannot answer.
pub async fn close_at_its_date(app: &App, track: TrackId) -> Result<bool, StoreError> {
    let mut db = app.db.begin().await?;
    store::track::lock_entries(&mut db, track).await?;
    let now = app.database_time(&mut *db).await?;
    let Some(track) = store::track::by_id(&mut *db, track).await? else { return Ok(false) };
    let is_due = Begun { track, step: StepName::Close, now }.write_close_that_is_due(&mut db).await?;
    db.commit().await?;
    Ok(is_due)
}

/// Gives an open track a later closing date.
///
/// # Errors
/// It is not open any more, or the date is not later than the present one.
pub async fn extend(app: &App, path: &TrackPath, to: OffsetDateTime, by: By<'_>) -> Result<Taken, StepError> {
    let mut db = app.db.begin().await?;
    let begun = Begun::lock(app, &mut db, path, StepName::Extend).await?;
    if begun.phase() != Phase::Open {
        return Err(begun.wrong_phase());
    }
    match begun.track.settings.dates.closes_at {
        Some(present) if to == present => return begun.already(&mut db).await,
        Some(present) if to < present => {
            return Err(StepError::BadDate(format!(
                "{path} closes at {}, and an extension is later than that.",
                rfc3339(present)
            )));
        }
        Some(_) => {}
        None => return Err(StepError::BadDate(format!("{path} has no closing date that could be extended."))),
    }
    store::track::set_closes_at(&mut db, begun.track.id, to).await?;
    let step = Step { closes_at: Some(to), ..by.step(StepName::Extend) };
    let log = begun.announce(&mut db, step, by).await?;
    db.commit().await?;
    Ok(Taken { phase: Phase::Open, log, already: false })
}

/// Opens a closed track again, until a date that lies ahead. Entries that were frozen are picked anew after the next
/// close.
///
/// # Errors
/// It is not closed, a preview has begun, or the date does not lie ahead.
pub async fn reopen(app: &App, path: &TrackPath, until: OffsetDateTime, by: By<'_>) -> Result<Taken, StepError> {
    let mut db = app.db.begin().await?;
    let begun = Begun::lock(app, &mut db, path, StepName::Reopen).await?;
    let Begun { track, now, .. } = &begun;
    match begun.phase() {
        Phase::Open if track.settings.dates.closes_at == Some(until) => return begun.already(&mut db).await,
        Phase::Closed => {}
        _ => return Err(begun.wrong_phase()),
    }
    if track.ending.final_begun_at.is_some() {
        let text = "A preview has begun: final scores exist, so the track cannot be opened again.";
        return Err(begun.not_ready(vec![NotReady::new("final_begun", text)]));
    }
    if until <= *now {
        return Err(StepError::BadDate("Give a closing date that lies ahead.".to_owned()));
    }
    begun.write_close_that_is_due(&mut db).await?;
    // First, because an open track is never frozen.
    entries::unfreeze(&mut db, track.id, track.settings.entry_rule).await?;
    store::track::set_closes_at(&mut db, track.id, until).await?;
    store::track::change_phase(&mut db, track.id, Phase::Closed, Phase::Open).await?;
    let step = Step { closes_at: Some(until), ..by.step(StepName::Reopen) };
    let log = begun.announce(&mut db, step, by).await?;
    db.commit().await?;
    Ok(Taken { phase: Phase::Open, log, already: false })
}

/// Begins the final scores of a closed track, for organisers; asked again it says how many are there.
///
/// # Errors
/// It is not closed, its entries are not frozen yet, or its labels are missing or are not those that were committed to.
pub async fn preview(app: &App, path: &TrackPath, by: By<'_>) -> Result<FinalCounts, StepError> {
    let mut db = app.db.begin().await?;
    let begun = Begun::lock(app, &mut db, path, StepName::Preview).await?;
    let Begun { track, now, .. } = &begun;
    if begun.phase() != Phase::Closed {
        return Err(begun.wrong_phase());
    }
    if track.ending.final_begun_at.is_none() {
        let problems = readiness::cannot_begin(&mut db, track, *now).await?;
        if !problems.is_empty() {
            return Err(begun.not_ready(problems));
        }
        let version = track.ending.labels_version;
        let known = store::label::version(&mut *db, track.id, version).await?;
        let solutions = store::solution::all(&mut *db, track.id).await?;
        match known.as_ref() {
            // Labels that were committed to here fit by what is stored, or somebody changed them by hand.
            Some(label) if label.text.is_some() => {
                labels::commitment(&track.shape, &solutions, label.root).map_err(|error| begun.label_error(error))?;
            }
            Some(LabelVersion { root: Some(_), .. }) => {
                let text = "The labels that were committed to are not here: import them with their salts \
                            (`callimico import DIR --final-labels --salts FILE`).";
                return Err(begun.not_ready(vec![NotReady::new("labels_do_not_fit", text)]));
            }
            // Nobody committed to them before: from here on they are, with the true date.
            _ => {
                labels::commit(&mut db, (track.id, version), &track.shape, solutions, None, *now)
                    .await
                    .map_err(|error| begun.label_error(error))?;
            }
        }
        entries::begin_final(&mut db, track.id, *now).await?;
        store::log::append(&mut db, track.id, LogEvent::FinalBegun {}, by.detail(), *now).await?;
    }
    let counts = store::ranking::final_counts(&mut *db, VisibleSplit::for_official_ranking(track.id)).await?;
    db.commit().await?;
    Ok(counts)
}

/// Reveals the final ranking as its version 1: from closed to revealed. It cannot be taken back.
///
/// # Errors
/// It is not closed, or final scores are missing.
pub async fn reveal(app: &App, path: &TrackPath, labels: LabelsAtReveal, by: By<'_>) -> Result<Taken, StepError> {
    let mut db = app.db.begin().await?;
    let begun = Begun::lock(app, &mut db, path, StepName::Reveal).await?;
    let Begun { track, now, .. } = &begun;
    match begun.phase() {
        Phase::Revealed if revealed_so(&mut db, track, labels).await? => return begun.already(&mut db).await,
        Phase::Closed => {}
        _ => return Err(begun.wrong_phase()),
    }
    let problems = readiness::cannot_reveal(&mut db, track).await?;
    if !problems.is_empty() {
        return Err(begun.not_ready(problems));
    }
    begun.write_close_that_is_due(&mut db).await?;
    store::track::change_phase(&mut db, track.id, Phase::Closed, Phase::Revealed).await?;
    if labels == LabelsAtReveal::Open {
        store::track::set_labels_opened(&mut db, track.id, *now).await?;
    }
    let step = Step { labels_opened: Some(labels == LabelsAtReveal::Open), ..by.step(StepName::Reveal) };
    let log = store::log::append(&mut db, track.id, LogEvent::Step(step), by.detail(), *now).await?;
    rankings::make(
        &mut db,
        track,
        (vec![RankingChange::Reveal], by.reason.map(|reason| reason.as_str().to_owned())),
        *now,
    )
    .await?;
    store::track::board_changed(&mut db, track.id, *now).await?;
    db.commit().await?;
    Ok(Taken { phase: Phase::Revealed, log, already: false })
}

/// Whether a track was revealed with the same word on its labels.
async fn revealed_so(db: &mut PgConnection, track: &Track, labels: LabelsAtReveal) -> Result<bool, StoreError> {
    let step = store::log::last_step(&mut *db, track.id, StepName::Reveal).await?;
    Ok(step.is_some_and(|step| step.labels_opened == Some(labels == LabelsAtReveal::Open)))
}

/// Makes the labels of a revealed track public. There is no benchmark with these models any more.
///
/// # Errors
/// It is not revealed.
pub async fn open_labels(app: &App, path: &TrackPath, by: By<'_>) -> Result<Taken, StepError> {
    let mut db = app.db.begin().await?;
    let begun = Begun::lock(app, &mut db, path, StepName::OpenLabels).await?;
    let Begun { track, now, .. } = &begun;
    if begun.phase() != Phase::Revealed {
        return Err(begun.wrong_phase());
    }
    if track.ending.labels_opened_at.is_some() {
        return begun.already(&mut db).await;
    }
    store::track::set_labels_opened(&mut db, track.id, *now).await?;
    let log = begun.announce(&mut db, by.step(StepName::OpenLabels), by).await?;
    db.commit().await?;
    Ok(Taken { phase: Phase::Revealed, log, already: false })
}

/// Declares the results final: they are no longer provisional.
///
/// # Errors
/// It is not revealed, or a newer ranking waits for final scores.
pub async fn declare_final(app: &App, path: &TrackPath, by: By<'_>) -> Result<Taken, StepError> {
    let mut db = app.db.begin().await?;
    let begun = Begun::lock(app, &mut db, path, StepName::Final).await?;
    let Begun { track, now, .. } = &begun;
    if !begun.phase().rules().final_is_public {
        return Err(begun.wrong_phase());
    }
    if track.ending.results_final_at.is_some() {
        return begun.already(&mut db).await;
    }
    let mut problems = readiness::cannot_reveal(&mut db, track).await?;
    if track.ending.ranking_is_due && problems.is_empty() {
        let text = "A newer version of the ranking is being made; ask again in a few seconds.";
        problems.push(NotReady::new("ranking_due", text));
    }
    if !problems.is_empty() {
        return Err(begun.not_ready(problems));
    }
    store::track::set_results_final(&mut db, track.id, *now).await?;
    let log = begun.announce(&mut db, by.step(StepName::Final), by).await?;
    db.commit().await?;
    Ok(Taken { phase: begun.phase(), log, already: false })
}

/// What is said of a benchmark's limits: what is not said stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SaidOfLimits {
    /// Submissions within one UTC day.
    pub per_day: Option<u32>,
    /// Submissions within one year of the benchmark.
    pub per_year: Option<u32>,
}

impl SaidOfLimits {
    /// The most that a limit can be.
    pub const MOST: u32 = 1_000_000;

    fn over(self, limits: BenchmarkLimits) -> BenchmarkLimits {
        BenchmarkLimits {
            per_day: self.per_day.unwrap_or(limits.per_day),
            per_year: self.per_year.unwrap_or(limits.per_year),
        }
    }
}

/// Opens a revealed track again for entries that stand beside the official ranking: from revealed to benchmark. Its years
/// are counted from the first time that this is done.
///
/// # Errors
/// It is not revealed, or its labels are public.
pub async fn benchmark(app: &App, path: &TrackPath, limits: SaidOfLimits, by: By<'_>) -> Result<Taken, StepError> {
    let mut db = app.db.begin().await?;
    let begun = Begun::lock(app, &mut db, path, StepName::Benchmark).await?;
    let Begun { track, now, .. } = &begun;
    let before = track.benchmark.limits;
    let wanted = limits.over(before);
    match begun.phase() {
        Phase::Benchmark if wanted == before => return begun.already(&mut db).await,
        Phase::Revealed => {}
        _ => return Err(begun.wrong_phase()),
    }
    if track.ending.labels_opened_at.is_some() {
        let text = "Its labels are public, so there can be no benchmark with these models.";
        return Err(begun.not_ready(vec![NotReady::new("labels_opened", text)]));
    }
    store::track::change_phase(&mut db, track.id, Phase::Revealed, Phase::Benchmark).await?;
    store::track::begin_benchmark(&mut db, track.id, wanted, *now).await?;
    for (field, old, new) in [
        ("benchmark.per_day", before.per_day, wanted.per_day),
        ("benchmark.per_year", before.per_year, wanted.per_year),
    ] {
        if old != new {
            let event = LogEvent::Settings { field: field.to_owned(), old: old.to_string(), new: new.to_string() };
            store::log::append(&mut db, track.id, event, by.detail(), *now).await?;
        }
    }
    let log = begun.announce_beside(&mut db, by.step(StepName::Benchmark), by).await?;
    db.commit().await?;
    Ok(Taken { phase: Phase::Benchmark, log, already: false })
}

/// Ends a benchmark: from benchmark to revealed. What was sent before is still scored, and its board stays.
///
/// # Errors
/// There is no benchmark.
pub async fn end(app: &App, path: &TrackPath, by: By<'_>) -> Result<Taken, StepError> {
    let mut db = app.db.begin().await?;
    let begun = Begun::lock(app, &mut db, path, StepName::End).await?;
    match begun.phase() {
        Phase::Revealed => return begun.already(&mut db).await,
        Phase::Benchmark => {}
        _ => return Err(begun.wrong_phase()),
    }
    store::track::change_phase(&mut db, begun.track.id, Phase::Benchmark, Phase::Revealed).await?;
    let log = begun.announce_beside(&mut db, by.step(StepName::End), by).await?;
    db.commit().await?;
    Ok(Taken { phase: Phase::Revealed, log, already: false })
}

/// Puts the submissions of a track that could not be scored back into the queue, on either split, all of them or none;
/// answers how many. Entries that were frozen without one of them are frozen anew, as long as no preview has begun.
///
/// # Errors
/// There is no such track, or the database cannot answer.
pub async fn retry_failed(app: &App, path: &TrackPath) -> Result<usize, StepError> {
    let mut db = app.db.begin().await?;
    let track = store::track::lock_by_path(&mut db, path).await?.ok_or_else(|| StepError::NoTrack(path.clone()))?;
    let now = app.database_time(&mut *db).await?;
    let given_up = store::job::enqueue_given_up(&mut db, track.id).await?;
    // Once final scores may exist the entries stand: a dev score that came now could only change who they are. What was
    // sent to a benchmark is no entry.
    let is_benchmark = track.ending.final_begun_at.is_some();
    let again = store::job::enqueue_failed(&mut db, track.id, is_benchmark, now).await?;
    if again > 0 && track.phase == Phase::Closed && track.ending.entries_frozen_at.is_some() {
        entries::unfreeze(&mut db, track.id, track.settings.entry_rule).await?;
    }
    db.commit().await?;
    Ok(again + given_up)
}
