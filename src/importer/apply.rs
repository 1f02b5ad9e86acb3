//! Plans an import by comparison with the database and applies it, all in one transaction.

use std::collections::BTreeMap;
use std::path::Path;

use scoring::commitment::SaltsFile;
use scoring::{Membership, RankingKind, RankingRule, Scenarios, Split};
use time::OffsetDateTime;
use track_files::TrackDirectory;

use super::plan::{self, Action, Plan};
use super::{ImportError, settings};
use crate::app::App;
use crate::domain::log_event::LogEvent;
use crate::domain::phase::Phase;
use crate::domain::sha256::Sha256;
use crate::domain::slug::TrackPath;
use crate::service::labels::{self, LabelError};
use crate::service::{entries, settings as settings_log};
use crate::store;
use crate::store::label::LabelVersion;
use crate::store::log::Detail;
use crate::store::solution::ModelSolution;
use crate::store::track::{Track, TrackSettings};

/// What to import, and whether to change anything.
#[derive(Debug, Clone)]
pub struct Request {
    /// The track to create or update.
    pub track: TrackPath,
    /// Its title, which overrides the directory's.
    pub title: Option<String>,
    /// Its ranking rule or a part of it, which overrides the directory's.
    pub ranking: SaidOfRanking,
    /// Whether to apply the plan.
    pub mode: Mode,
    /// Whether the labels of the final split must be there, and the salts with which somebody committed to them.
    pub final_labels: FinalLabels,
}

/// What is asked of the labels of the final split.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FinalLabels {
    /// They may come later.
    #[default]
    MayBeMissing,
    /// They must be there; with the salts of a commitment, where they were committed to elsewhere.
    Needed(Option<SaltsFile>),
}

/// As much of a ranking rule as somebody has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SaidOfRanking {
    /// What the number is.
    pub number: Option<RankingKind>,
    /// Which scenarios a submission must hold.
    pub scenarios: Option<Scenarios>,
}

impl SaidOfRanking {
    /// The rule, with what was said in place of what it says itself.
    pub fn over(self, rule: RankingRule) -> RankingRule {
        RankingRule { number: self.number.unwrap_or(rule.number), scenarios: self.scenarios.unwrap_or(rule.scenarios) }
    }
}

/// Whether an import changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only makes the plan.
    DryRun,
    /// Makes the plan and applies it.
    Apply,
}

/// Imports the track directory at `root`; returns what was done, or what would be.
///
/// # Errors
/// The directory cannot be read or lacks solutions, the import would change something that may no
/// longer change, or the database fails.
pub async fn track_directory(app: &App, root: &Path, request: &Request) -> Result<Plan, ImportError> {
    let mut directory = read(root, request.track.track.as_str())?;
    let mut db = app.db.begin().await?;
    let now = app.database_time(&mut *db).await?;
    // This serialises concurrent imports into the same competition.
    let competition_slug = &request.track.competition;
    store::competition::create_if_missing(&mut *db, competition_slug, &title(competition_slug.as_str()), now).await?;
    let competition = store::competition::by_slug(&mut *db, competition_slug)
        .await?
        .ok_or_else(|| ImportError::Refused("the competition vanished while it was imported".to_owned()))?;
    // Jobs before the track, as a worker takes them that scores a trial right now.
    let held = store::job::lock_trials(&mut *db, &request.track).await?;
    let existing = store::track::lock(&mut db, competition.id, &request.track.track).await?;

    let mut wanted = existing
        .as_ref()
        .map_or_else(|| settings::defaults(request.track.track.as_str()), |track| track.settings.clone());
    let notes = settings::read(root, &mut wanted)?;
    if let Some(title) = &request.title {
        wanted.title.clone_from(title);
    }
    let ranking = wanted_ranking(request, &directory, existing.as_ref());
    directory.shape = directory.shape.with_ranking(ranking);
    let solutions = to_store(&directory);
    let kept = match &existing {
        Some(track) => store::solution::all(&mut *db, track.id).await?,
        None => Vec::new(),
    };
    let mut merged = merge_final(&kept, solutions);
    take_salts(request, &kept, &mut merged)?;
    let mut plan = make_plan(request, &directory, existing.as_ref(), (&wanted, notes), (&kept, &merged));
    let trials = match &existing {
        Some(track) if makes_trials_stale(track, &directory, &kept, &merged) => {
            store::submission::count(&mut *db, track.id).await?
        }
        _ => 0,
    };
    if trials > 0 {
        plan.overridden.push(format!(
            "trials of organisers: {trials} removed, because what they were checked and scored against is replaced"
        ));
    }
    if let Some(track) = &existing {
        refuse_to_change_the_ranking(track, ranking)?;
        refuse_to_change_the_truth(track, &directory, &kept, &merged)?;
        refuse_to_change_the_rule(track, &wanted, now)?;
        refuse_to_change_the_dates(track, &wanted, now)?;
        refuse_to_change_the_limits(track, &wanted, now)?;
        refuse_to_publish_after_all(track, &wanted)?;
    }
    if request.mode == Mode::Apply {
        let id = match &existing {
            Some(track) if plan.action == Action::Unchanged => track.id,
            Some(track) => {
                store::track::update(&mut *db, track.id, &wanted, &directory.shape).await?;
                if track.settings.entry_rule != wanted.entry_rule {
                    entries::pick_all(&mut db, track.id, wanted.entry_rule).await?;
                }
                settings_log::log_changes(&mut db, track, &wanted, Detail::default(), now).await?;
                // The board shows the title, the scenario labels and the ranking rule too. A change of hidden
                // solutions alone must not be visible, so it does not count as a change of the
                // board.
                if track.settings != wanted || track.shape.ranking() != ranking {
                    store::track::board_changed(&mut db, track.id, now).await?;
                }
                track.id
            }
            None => {
                let content = (&wanted, &directory.shape);
                store::track::create(&mut *db, competition.id, &request.track.track, content, now).await?
            }
        };
        if trials > 0 {
            if store::job::has_others(&mut *db, id, &held).await? {
                return Err(ImportError::Refused("a trial came in just now: import again in a moment".to_owned()));
            }
            store::submission::remove_all(&mut *db, id).await?;
            store::track::board_changed(&mut db, id, now).await?;
        }
        if plan.action != Action::Unchanged {
            let version = existing.as_ref().map_or(1, |track| track.ending.labels_version);
            store::solution::replace(&mut db, id, version, &merged).await?;
            if existing.as_ref().is_none_or(|track| track.shape != directory.shape) {
                let shape = serde_json::to_vec(&directory.shape)
                    .map_err(|error| ImportError::Refused(format!("the shape cannot be written: {error}")))?;
                let event = LogEvent::Import { shape_sha256: Sha256::of(&shape) };
                store::log::append(&mut db, id, event, Detail::default(), now).await?;
            }
            if let Some(track) = existing.as_ref().filter(|track| track.phase != Phase::Draft) {
                commit_to_labels(&mut db, track, merged, now).await?;
            }
        }
        // Not part of the plan, because only a later `release` uses it.
        let source = root.canonicalize().map_err(|error| ImportError::Unreadable(root.to_owned(), error))?;
        store::track::set_source(&mut *db, id, &source.to_string_lossy()).await?;
        db.commit().await?;
    }
    Ok(plan)
}

/// Gives the solutions their salts: those of a file must be all of them, and those that are stored stay with labels that
/// stay.
fn take_salts(request: &Request, kept: &[ModelSolution], merged: &mut [ModelSolution]) -> Result<(), ImportError> {
    for one in merged.iter_mut() {
        let same = |old: &&ModelSolution| key(old) == key(one) && old.membership == one.membership;
        one.salt = kept.iter().find(same).and_then(|old| old.salt);
    }
    let FinalLabels::Needed(salts) = &request.final_labels else { return Ok(()) };
    if !merged.iter().any(|one| one.split == Split::Final) {
        return Err(ImportError::Refused("--final-labels: the directory has no labels of the final split".to_owned()));
    }
    let Some(salts) = salts else { return Ok(()) };
    if salts.track != request.track.track.as_str() {
        return Err(ImportError::Refused(format!(
            "the salts are those of the track `{}`, not of `{}`",
            salts.track, request.track.track
        )));
    }
    let mut unused = salts.salts.clone();
    for one in merged.iter_mut() {
        let path = one.path();
        let salt = unused
            .remove(&path)
            .ok_or_else(|| ImportError::Refused(format!("the salts have none for {path}; nothing was imported")))?;
        one.salt = Some(*salt.as_bytes());
    }
    match unused.into_keys().next() {
        Some(path) => Err(ImportError::Refused(format!("the salts name {path}, which has no labels here"))),
        None => Ok(()),
    }
}

/// Of a track that has opened: labels that were kept elsewhere must fit the commitment to them, and labels that nobody
/// committed to are committed to now, with the true date.
async fn commit_to_labels(
    db: &mut sqlx::PgConnection,
    track: &Track,
    merged: Vec<ModelSolution>,
    now: OffsetDateTime,
) -> Result<(), ImportError> {
    let version = track.ending.labels_version;
    let known = store::label::version(&mut *db, track.id, version).await?;
    let elsewhere = known.as_ref().filter(|label| label.root.is_some() && label.text.is_none());
    if let Some(LabelVersion { root: Some(expected), text: Some(_), .. }) = known.as_ref() {
        // Committed to already: what is stored from here on must open that commitment, or nothing is.
        let made = labels::commitment(&track.shape, &merged, Some(*expected));
        return made.map(drop).map_err(|error| ImportError::Refused(error.to_string()));
    }
    if !labels::are_complete(db, track.id).await? {
        return Ok(());
    }
    if elsewhere.is_some() && merged.iter().any(|one| one.salt.is_none()) {
        return Err(ImportError::Refused(
            "the labels were committed to elsewhere: give the salts of the commitment (--final-labels --salts FILE)"
                .to_owned(),
        ));
    }
    labels::commit(db, (track.id, version), &track.shape, merged, elsewhere, now).await.map_err(
        |error| match error {
            LabelError::Store(error) => error.into(),
            other => ImportError::Refused(other.to_string()),
        },
    )?;
    Ok(())
}

/// Once a track has closed, nobody sends anything any more: what is allowed then no longer changes.
fn refuse_to_change_the_limits(track: &Track, wanted: &TrackSettings, now: OffsetDateTime) -> Result<(), ImportError> {
    let phase = track.stage().phase_at(now);
    let same = track.settings.limits == wanted.limits && track.settings.approval == wanted.approval;
    if same || matches!(phase, Phase::Draft | Phase::Open) {
        return Ok(());
    }
    Err(ImportError::Refused(format!(
        "{} is {}: its limits, and whether participants are approved, can no longer change",
        track.path(),
        phase.as_str()
    )))
}

/// Once a track has closed, only a step of its life can move its dates; while it is open, its close stays ahead.
fn refuse_to_change_the_dates(track: &Track, wanted: &TrackSettings, now: OffsetDateTime) -> Result<(), ImportError> {
    let (old, new) = (track.settings.dates, wanted.dates);
    let phase = track.stage().phase_at(now);
    let refused = |why: &str| Err(ImportError::Refused(format!("{} is {}: {why}", track.path(), phase.as_str())));
    match phase {
        _ if old == new => Ok(()),
        Phase::Draft => Ok(()),
        Phase::Open if new.closes_at.is_some_and(|at| at <= now) => {
            refused("its closing date cannot lie in the past (`callimico track close` closes it now)")
        }
        Phase::Open => Ok(()),
        Phase::Closed => refused("its dates no longer change by an import (`callimico track reopen` opens it again)"),
        Phase::Revealed | Phase::Benchmark => refused("its dates can no longer change"),
    }
}

/// The ranking rule: what the command line says, else `track.yaml`, else what the track has, else MICO's.
fn wanted_ranking(request: &Request, directory: &TrackDirectory, existing: Option<&Track>) -> RankingRule {
    let kept = existing.map(|track| track.shape.ranking());
    request.ranking.over(directory.ranking.or(kept).unwrap_or_default())
}

fn title(slug: &str) -> String {
    settings::defaults(slug).title
}

/// Reads the directory and checks its solutions: train and dev must be complete, and final must be
/// if it has any.
fn read(root: &Path, slug: &str) -> Result<TrackDirectory, ImportError> {
    let directory = TrackDirectory::read(root, slug, &Split::ALL)?;
    directory.solution(Split::Train)?;
    directory.solution(Split::Dev)?;
    if !directory.lacks_solution(Split::Final) {
        directory.solution(Split::Final)?;
    }
    Ok(directory)
}

/// The solutions to store. Those of the train split are public and stay in the directory.
fn to_store(directory: &TrackDirectory) -> Vec<ModelSolution> {
    let hidden = directory.solutions.iter().filter(|((split, ..), _)| *split != Split::Train);
    hidden
        .map(|((split, scenario, model), membership)| ModelSolution {
            split: *split,
            scenario: scenario.clone(),
            model: model.clone(),
            membership: membership.clone(),
            salt: None,
        })
        .collect()
}

/// Adds the final split's stored solutions if the directory has none: once imported, they stay.
fn merge_final(kept: &[ModelSolution], mut solutions: Vec<ModelSolution>) -> Vec<ModelSolution> {
    if !solutions.iter().any(|one| one.split == Split::Final) {
        solutions.extend(kept.iter().filter(|one| one.split == Split::Final).cloned());
    }
    solutions.sort_by(|a, b| key(a).cmp(&key(b)));
    solutions
}

fn key(one: &ModelSolution) -> (Split, &str, &str) {
    (one.split, &one.scenario, &one.model)
}

fn by_key(solutions: &[ModelSolution]) -> BTreeMap<(Split, &str, &str), &[Membership]> {
    solutions.iter().map(|one| (key(one), one.membership.as_slice())).collect()
}

fn salts_by_key(solutions: &[ModelSolution]) -> BTreeMap<(Split, &str, &str), Option<[u8; 32]>> {
    solutions.iter().map(|one| (key(one), one.salt)).collect()
}

fn make_plan(
    request: &Request,
    directory: &TrackDirectory,
    existing: Option<&Track>,
    (wanted, notes): (&TrackSettings, settings::Notes),
    (kept, merged): (&[ModelSolution], &[ModelSolution]),
) -> Plan {
    let mut plan = Plan { track: request.track.to_string(), ..Plan::default() };
    plan.applied = plan::describe_shape(&directory.shape);
    let counted = |split| merged.iter().filter(|one| one.split == split).count();
    plan.applied.push(format!(
        "hidden solutions: dev of {} models, final of {} models",
        counted(Split::Dev),
        counted(Split::Final)
    ));
    plan.applied.extend(plan::describe_settings(wanted).into_iter().map(|(name, value)| format!("{name}: {value}")));
    plan.applied.push(format!("ranking: {}", directory.shape.ranking()));
    plan.applied.extend(notes.remarks);
    let passed_over = directory.folders.passed_over().filter(|one| !one.is_hidden_file());
    plan.ignored.extend(passed_over.map(ToString::to_string));
    plan.ignored.extend(notes.ignored.iter().map(|key| format!("{key} in track.yaml (no such setting)")));
    if counted(Split::Final) == 0 {
        plan.open_questions.push("the labels of the final split: import them before the track is closed".to_owned());
    }
    if wanted.dates.closes_at.is_none() {
        plan.open_questions
            .push("when the track closes: no date is set, so it stays open until somebody closes it".to_owned());
    }
    for name in wanted.scenario_labels.keys() {
        if !directory.shape.scenarios().iter().any(|scenario| scenario.name() == name) {
            plan.ignored.push(format!("scenarios.{name} in track.yaml (there is no such scenario)"));
        }
    }
    plan.action = match existing {
        None => Action::Create,
        Some(track) => {
            plan.overridden = plan::settings_overridden(track, wanted);
            let (before, after) = (track.shape.ranking(), directory.shape.ranking());
            if before != after {
                plan.overridden.push(format!("ranking: {before} -> {after}"));
            }
            if track.shape.clone().with_ranking(after) != directory.shape {
                plan.overridden.push("scenarios, target models or challenge points".to_owned());
            }
            if by_key(kept) != by_key(merged) {
                plan.overridden.push("hidden solutions".to_owned());
            } else if salts_by_key(kept) != salts_by_key(merged) {
                plan.overridden.push("the salts of the commitment to the labels".to_owned());
            }
            if plan.overridden.is_empty() { Action::Unchanged } else { Action::Update }
        }
    };
    // Said last, because it is no change of the track.
    let by_flags = directory.shape.ranking();
    if let Some(in_file) = directory.ranking.filter(|in_file| *in_file != by_flags) {
        plan.overridden.push(format!("ranking in track.yaml: {in_file} -> {by_flags} by --ranking, --scenarios"));
    }
    plan
}

/// Once the track has closed, the entries are settled, so the rule that picks them can no longer
/// change.
fn refuse_to_change_the_rule(track: &Track, wanted: &TrackSettings, now: OffsetDateTime) -> Result<(), ImportError> {
    if track.settings.entry_rule == wanted.entry_rule || track.stage().rules_at(now).entry_rule_can_change {
        return Ok(());
    }
    Err(ImportError::Refused(format!(
        "{} is {}: its entry rule stays `{}` and can no longer become `{}`",
        track.path(),
        track.stage().phase_at(now).as_str(),
        track.settings.entry_rule.as_str(),
        wanted.entry_rule.as_str()
    )))
}

/// Participants chose what to work on by the rule, so once a track has opened it can no longer change.
fn refuse_to_change_the_ranking(track: &Track, wanted: RankingRule) -> Result<(), ImportError> {
    let has = track.shape.ranking();
    if has == wanted || track.phase.rules().truth_can_change {
        return Ok(());
    }
    Err(ImportError::Refused(format!(
        "{} is {}: its ranking rule stays `{has}` and can no longer become `{wanted}`",
        track.path(),
        track.phase.as_str()
    )))
}

/// Whoever joined agreed to the terms of that day: what they did not let be published stays unpublished.
fn refuse_to_publish_after_all(track: &Track, wanted: &TrackSettings) -> Result<(), ImportError> {
    if track.phase == Phase::Draft || track.settings.publish_entries || !wanted.publish_entries {
        return Ok(());
    }
    Err(ImportError::Refused(format!(
        "{} has opened: `publish_entries` can no longer become `true`, because participants agreed to other terms",
        track.path()
    )))
}

/// Whether the import replaces what the trials of a draft were checked and scored against: the shape with its ranking rule,
/// or labels of the dev split.
fn makes_trials_stale(
    track: &Track,
    directory: &TrackDirectory,
    kept: &[ModelSolution],
    merged: &[ModelSolution],
) -> bool {
    let (mut before, mut after) = (by_key(kept), by_key(merged));
    before.retain(|(split, ..), _| *split == Split::Dev);
    after.retain(|(split, ..), _| *split == Split::Dev);
    track.phase.rules().takes_trials && (track.shape != directory.shape || before != after)
}

/// Once a track has opened, entries are scored against its shape and solutions: missing solutions
/// may be added, but nothing may be changed.
fn refuse_to_change_the_truth(
    track: &Track,
    directory: &TrackDirectory,
    kept: &[ModelSolution],
    merged: &[ModelSolution],
) -> Result<(), ImportError> {
    if track.phase.rules().truth_can_change {
        return Ok(());
    }
    let phase = track.phase.as_str();
    if track.shape != directory.shape {
        return Err(ImportError::Refused(format!(
            "{} is {phase}: its scenarios, target models and challenge points can no longer change",
            track.path()
        )));
    }
    let merged = by_key(merged);
    let changed = kept.iter().find(|one| merged.get(&key(one)) != Some(&one.membership.as_slice()));
    match changed {
        Some(one) => Err(ImportError::Refused(format!(
            "{} is {phase}: the solution of {}/{}/{} can no longer change",
            track.path(),
            one.scenario,
            one.split,
            one.model
        ))),
        None => Ok(()),
    }
}
