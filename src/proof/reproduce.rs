//! Computes a revealed ranking anew from an export, and says of everything that was published whether it is so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Read, Seek};

use scoring::commitment::{Commitment, ModelPath, SaltsFile, line_hash};
use scoring::log::{LogHash, LogPlace};
use scoring::{
    Bootstrap, Interval, Limits, Membership, Metric, RankingCounts, RankingNumber, Split, SplitSolution, TrackScore,
    TrackShape,
};
use serde::Serialize;
use thiserror::Error;

use super::archive::{
    COMMITMENT, DEV_RESULTS, DevResult, ExportFile, Kind, LOG, MANIFEST, RANKING, RESULTS, SALTS, SHAPE,
};
use super::history::{Derived, DevScores, Entries, History, Official};
use super::manifest::{BOOTSTRAP, FORMAT, Manifest};
use super::ranking_file::{Counted, ranking_file};
use super::tar_file::TarError;
use super::{LogFileError, read_log};
use crate::domain::ids::SubmissionId;
use crate::domain::log_event::Logged;
use crate::domain::official_ranking::{RankingFile, ResultsFile, ResultsFileEntry};
use crate::domain::sha256::Sha256;
use crate::domain::track::EntryRule;

/// How far an area or an end of an interval may be from the one that was published.
const TOLERANCE: f64 = 1e-12;
/// A line names so many of what is wrong, and counts the others.
const MOST_NAMED: usize = 5;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// It is so.
    #[serde(rename = "ok")]
    Ok,
    /// It is not so.
    #[serde(rename = "FAILED")]
    Failed,
    /// The file does not hold what the check needs.
    #[serde(rename = "not in this file")]
    NotInThisFile,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Failed => "FAILED",
            Self::NotInThisFile => "not in this file",
        })
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub check: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// A sentence for people.
    pub detail: String,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16}  {}: {}", self.outcome, self.check, self.detail)
    }
}

/// All checks of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// They, in the order in which they were made.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether a check failed.
    pub fn has_failed(&self) -> bool {
        self.checks.iter().any(|check| check.outcome == Outcome::Failed)
    }

    /// Whether a check could not be made.
    pub fn has_gaps(&self) -> bool {
        self.checks.iter().any(|check| check.outcome == Outcome::NotInThisFile)
    }

    fn ok(&mut self, check: &'static str, detail: impl Into<String>) {
        self.checks.push(Check { check, outcome: Outcome::Ok, detail: detail.into() });
    }

    fn failed(&mut self, check: &'static str, detail: impl Into<String>) {
        self.checks.push(Check { check, outcome: Outcome::Failed, detail: detail.into() });
    }

    fn gap(&mut self, check: &'static str, detail: impl Into<String>) {
        self.checks.push(Check { check, outcome: Outcome::NotInThisFile, detail: detail.into() });
    }

    /// Failed with these problems; without any, what `otherwise` says.
    fn put(&mut self, check: &'static str, problems: &[String], otherwise: impl FnOnce(&mut Self)) {
        if problems.is_empty() { otherwise(self) } else { self.failed(check, list(problems)) }
    }
}

fn list(problems: &[String]) -> String {
    let (named, others) = problems.split_at(problems.len().min(MOST_NAMED));
    let more = if others.is_empty() { String::new() } else { format!("; and {} more", others.len()) };
    named.join("; ") + &more
}

/// What was published elsewhere, to compare with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Published {
    /// A place in the log, such as that of a receipt or of a head that somebody kept.
    pub head: Option<LogPlace>,
    /// The root of the commitment to the labels.
    pub root: Option<Sha256>,
}

/// Why a file is not checked at all.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] TarError),
    /// A later version of the program wrote it in another way.
    #[error("the export has format {0}, which this version of the program does not know")]
    Format(u64),
}

/// Checks an export.
///
/// # Errors
/// It is no export, is cut off, cannot be read, or has a later format. Everything else that is wrong with it is a check
/// that failed.
pub fn reproduce(file: impl Read + Seek, published: Published) -> Result<Report, Unreadable> {
    let mut report = Report::default();
    match check(file, published, &mut report) {
        Ok(()) => {}
        Err(Stop::Unreadable(error)) => return Err(error),
        // Nothing after it can be read.
        Err(Stop::Damaged(what)) => report.failed("archive", what),
        Err(Stop::Told) => {}
    }
    Ok(report)
}

/// Why no more checks are made.
enum Stop {
    Unreadable(Unreadable),
    Damaged(String),
    /// A check that failed has said it.
    Told,
}

impl From<TarError> for Stop {
    fn from(error: TarError) -> Self {
        match error {
            TarError::Damaged(what) => Self::Damaged(what),
            other => Self::Unreadable(other.into()),
        }
    }
}

fn check(file: impl Read + Seek, published: Published, report: &mut Report) -> Result<(), Stop> {
    let (mut export, problems) = ExportFile::read(file)?;
    let members = export.len();
    report.put("archive", &problems, |report| report.ok("archive", format!("{members} members, as SHA256SUMS says")));
    let manifest = manifest(&mut export, report)?;
    let shape = shape(&mut export, &manifest, report)?;
    let log = log(&mut export, &manifest, published.head, report)?;
    let (dev_scores, dev_results) = dev_results(&mut export, report)?;
    let history = History::of(&log, manifest.settings.entry_rule, dev_scores.as_ref());
    log_events(&log, &history, &manifest, export.sha256(&Kind::Top(SHAPE)), report);
    dev_hashes(dev_results.as_deref(), &history, report);
    let labels = labels(&mut export, &shape, report)?;
    commitment(&mut export, &manifest, &shape, labels.as_ref(), &history, published.root, report)?;
    let ranking = ranking(&mut export, &shape, report)?;
    zips(&export, &ranking, &history, report);
    entries(&manifest, &ranking, &history, report);
    let text = export.content(&Kind::Top(RANKING))?.unwrap_or_default();
    let told = export.content(&Kind::Top(RESULTS))?.unwrap_or_default();
    official(&ranking, (&text, &told), &manifest, &history, report);
    let scored = scores(&mut export, &manifest, &shape, labels.as_ref(), &ranking, report)?;
    ranking_anew(&ranking, &text, &shape, &scored, &history, report);
    results(&mut export, &manifest, &ranking, &scored, report)?;
    Ok(())
}

/// Reads a member as JSON; what is wrong with it fails the check of this name.
fn json<T: serde::de::DeserializeOwned, F: Read + Seek>(
    export: &mut ExportFile<F>,
    name: &'static str,
    report: &mut Report,
) -> Result<T, Stop> {
    let Some(bytes) = export.content(&Kind::Top(name))? else {
        report.failed(name, "it is missing");
        return Err(Stop::Told);
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        report.failed(name, error.to_string());
        Stop::Told
    })
}

fn manifest<F: Read + Seek>(export: &mut ExportFile<F>, report: &mut Report) -> Result<Manifest, Stop> {
    let value: serde_json::Value = json(export, MANIFEST, report)?;
    match value["format"].as_u64() {
        Some(format) if format > u64::from(FORMAT) && !report.has_failed() => {
            return Err(Stop::Unreadable(Unreadable::Format(format)));
        }
        Some(format) if format != u64::from(FORMAT) => {
            report.failed(MANIFEST, format!("there is no format {format}"));
            return Err(Stop::Told);
        }
        _ => {}
    }
    let manifest: Manifest = json(export, MANIFEST, report)?;
    let problems = export.misfits(&manifest);
    report.put(MANIFEST, &problems, |report| {
        let whose = if manifest.full { "organisers" } else { "everybody" };
        report.ok(MANIFEST, format!("{}, ranking {}, for {whose}", manifest.track, manifest.ranking_version));
    });
    Ok(manifest)
}

fn shape<F: Read + Seek>(
    export: &mut ExportFile<F>,
    manifest: &Manifest,
    report: &mut Report,
) -> Result<TrackShape, Stop> {
    let shape: TrackShape = json(export, SHAPE, report)?;
    let mut problems = Vec::new();
    if shape.ranking() != manifest.settings.ranking {
        problems.push(format!("its ranking rule is another than that of {MANIFEST}"));
    }
    if manifest.track.rsplit('/').next() != Some(shape.slug()) {
        problems.push(format!("it is that of the track {}, and {MANIFEST} is of {}", shape.slug(), manifest.track));
    }
    report.put(SHAPE, &problems, |report| report.ok(SHAPE, format!("{} scenarios", shape.scenarios().len())));
    Ok(shape)
}

type Log = Vec<(LogHash, Logged)>;

fn log<F: Read + Seek>(
    export: &mut ExportFile<F>,
    manifest: &Manifest,
    head: Option<LogPlace>,
    report: &mut Report,
) -> Result<Log, Stop> {
    let bytes = export.content(&Kind::Top(LOG))?.unwrap_or_default();
    let log = match read_log(&bytes) {
        Ok(log) => log,
        Err(error) => {
            let check = if matches!(error, LogFileError::Chain(_)) { "log chain" } else { "log events" };
            let source = std::error::Error::source(&error).map_or_else(String::new, |source| format!(" ({source})"));
            let text = error.to_string();
            report.failed(check, if text.contains(&source) { text } else { text + &source });
            return Err(Stop::Told);
        }
    };
    let last = log.last().map(|(hash, logged)| LogPlace { seq: logged.seq, hash: *hash });
    let told = LogPlace { seq: manifest.head.seq, hash: (*manifest.head.hash.as_bytes()).into() };
    if last == Some(told) {
        report.ok("log chain", format!("{} events, the last is {told}", log.len()));
    } else {
        let last = last.map_or_else(|| "nothing".to_owned(), |last| last.to_string());
        report.failed("log chain", format!("it ends with {last}, and {MANIFEST} says {told}"));
    }
    if let Some(head) = head {
        let found = usize::try_from(head.seq - 1).ok().and_then(|at| log.get(at)).map(|(hash, _)| *hash);
        match found {
            Some(hash) if hash == head.hash => report.ok("published head", format!("event {} is in the log", head.seq)),
            Some(hash) => {
                report.failed("published head", format!("event {} has the hash {hash}, not {}", head.seq, head.hash))
            }
            None => report.failed("published head", format!("there is no event {} in the log", head.seq)),
        }
    }
    Ok(log)
}

fn log_events(log: &Log, history: &History, manifest: &Manifest, shape: Option<Sha256>, report: &mut Report) {
    let mut problems = history.contradictions.clone();
    if history.shape_sha256.is_some() && history.shape_sha256 != shape {
        problems.push(format!("{SHAPE} is not the shape that was imported last"));
    }
    if history.entry_rule.as_deref().is_some_and(|rule| rule != manifest.settings.entry_rule.as_str()) {
        problems.push(format!("the entry rule was last changed to another than {MANIFEST} says"));
    }
    if history.labels_opened != manifest.labels.opened {
        problems.push(format!("{MANIFEST} does not say truly whether the labels were opened"));
    }
    if history.officials.last().map(|official| official.version) != Some(manifest.ranking_version) {
        problems.push(format!("the last official ranking is not number {}", manifest.ranking_version));
    }
    report.put("log events", &problems, |report| {
        if history.is_whole {
            report.ok("log events", format!("{} submissions", history.submissions.len()));
        } else {
            report.gap("log events", format!("the track opened before it had a log; {} events are there", log.len()));
        }
    });
}

/// The stored dev scores of a full export, and the numbers that rank them.
fn dev_results<F: Read + Seek>(
    export: &mut ExportFile<F>,
    report: &mut Report,
) -> Result<(Option<DevScores>, Option<Vec<DevResult>>), Stop> {
    let Some(bytes) = export.content(&Kind::Top(DEV_RESULTS))? else { return Ok((None, None)) };
    let (mut scores, mut results) = (DevScores::new(), Vec::new());
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let read = || -> Result<(RankingNumber, DevResult), serde_json::Error> {
            let result: DevResult = serde_json::from_slice(line)?;
            let (ranking, _, _): (RankingNumber, Interval, serde_json::Value) = serde_json::from_str(&result.result)?;
            Ok((ranking, result))
        };
        match read() {
            Ok((ranking, result)) => {
                scores.insert(result.submission, ranking);
                results.push(result);
            }
            Err(error) => {
                report.failed("dev results", format!("{DEV_RESULTS}: {error}"));
                return Ok((None, None));
            }
        }
    }
    Ok((Some(scores), Some(results)))
}

fn dev_hashes(results: Option<&[DevResult]>, history: &History, report: &mut Report) {
    const CHECK: &str = "dev results";
    // Where they are not for everybody, or cannot be read, which is said already.
    let Some(results) = results else { return };
    let (mut problems, mut rescored) = (Vec::new(), 0);
    for result in results {
        let Some(submission) = history.submissions.get(&result.submission).filter(|one| !one.result_hashes.is_empty())
        else {
            if history.is_whole {
                problems.push(format!("the log has no score of submission {}", result.submission));
            }
            continue;
        };
        let hash = Sha256::of(&[&result.random[..], result.result.as_bytes()].concat());
        if !submission.result_hashes.contains(&hash) {
            // The log tells of a rescoring as a whole, not of each result.
            if history.is_rescored { rescored += 1 } else { problems.push(format!("submission {}", result.submission)) }
        }
    }
    let known: BTreeSet<SubmissionId> = results.iter().map(|result| result.submission).collect();
    let missing = history.submissions.iter().filter(|(id, one)| !one.result_hashes.is_empty() && !known.contains(id));
    problems.extend(missing.map(|(id, _)| format!("that of submission {id} is missing")));
    report.put(CHECK, &problems, |report| match rescored {
        0 => report.ok(CHECK, format!("{} results have the hashes of the log", results.len())),
        n => report
            .gap(CHECK, format!("{n} of {} results were made anew since, which the log has no hash of", results.len())),
    });
}

type Labels = BTreeMap<ModelPath, Vec<Membership>>;

/// The labels of all models, or of none.
fn labels<F: Read + Seek>(
    export: &mut ExportFile<F>,
    shape: &TrackShape,
    report: &mut Report,
) -> Result<Option<Labels>, Stop> {
    const CHECK: &str = "labels";
    let there: BTreeSet<ModelPath> = export
        .kinds()
        .filter_map(|kind| match kind {
            Kind::Labels(path) => Some(path.clone()),
            _ => None,
        })
        .collect();
    if there.is_empty() {
        report.gap(CHECK, "they are not public");
        return Ok(None);
    }
    let wanted: BTreeSet<ModelPath> = ModelPath::of(shape).collect();
    let mut problems: Vec<String> =
        wanted.difference(&there).map(|path| format!("those of {path} are missing")).collect();
    problems.extend(there.difference(&wanted).map(|path| format!("{path} is no model of the shape")));
    let mut labels = Labels::new();
    for path in wanted.intersection(&there) {
        let bytes = export.content(&Kind::Labels(path.clone()))?.unwrap_or_default();
        match scoring::parse_solution(&bytes, &path.to_string()) {
            Ok(solution) => _ = labels.insert(path.clone(), solution),
            Err(problem) => problems.push(problem.to_string()),
        }
    }
    for split in Split::SUBMITTED {
        if problems.is_empty()
            && let Err(problem) = solution(shape, split, &labels)
        {
            problems.push(problem);
        }
    }
    let is_good = problems.is_empty();
    report.put(CHECK, &problems, |report| report.ok(CHECK, format!("of {} models", labels.len())));
    Ok(is_good.then_some(labels))
}

fn solution(shape: &TrackShape, split: Split, labels: &Labels) -> Result<SplitSolution, String> {
    let of = |scenario: &scoring::ScenarioShape| {
        let model = |model: &scoring::TargetModel| {
            let path = ModelPath { scenario: scenario.name().to_owned(), split, model: model.name.clone() };
            labels.get(&path).cloned().unwrap_or_default()
        };
        scenario.models(split).iter().map(model).collect()
    };
    SplitSolution::new(shape, split, shape.scenarios().iter().map(of).collect()).map_err(|error| error.to_string())
}

/// The commitment against what the log, the manifest and whoever calls say of it, and the labels against the commitment.
fn commitment<F: Read + Seek>(
    export: &mut ExportFile<F>,
    manifest: &Manifest,
    shape: &TrackShape,
    labels: Option<&Labels>,
    history: &History,
    published: Option<Sha256>,
    report: &mut Report,
) -> Result<(), Stop> {
    const CHECK: &str = "commitment";
    let logged = history.roots.last_key_value();
    if let Some(root) = published {
        match history.roots.iter().find(|(_, logged)| **logged == root) {
            Some((version, _)) => report.ok("published root", format!("it is that of version {version} of the labels")),
            None => report.failed("published root", "the log has no commitment with this root"),
        }
    }
    let text = export.content(&Kind::Top(COMMITMENT))?;
    let Some((told, text)) = manifest.commitment.zip(text) else {
        match logged {
            None => report.gap(CHECK, "nobody committed to the labels"),
            Some((version, root)) => report.failed(CHECK, format!("the log has one to version {version}, {root}")),
        }
        return Ok(());
    };
    let root = Sha256::of(&text);
    let mut problems = Vec::new();
    if told.root != root {
        problems.push(format!("{COMMITMENT} has the root {root}, and {MANIFEST} says {}", told.root));
    }
    match logged {
        Some((version, logged)) if (*version, *logged) == (manifest.labels.version, root) => {}
        Some((version, logged)) => {
            problems.push(format!("the log has the root {logged} for version {version} of the labels"))
        }
        None => problems.push("the log has none".to_owned()),
    }
    match Commitment::parse(&text) {
        Err(error) => problems.push(error.to_string()),
        Ok(commitment) if !commitment.fits(shape) => problems.push("its models are not those of the shape".to_owned()),
        Ok(commitment) => {
            let salts = salts(export)?;
            match (labels, salts) {
                (Some(labels), Some(Ok(salts))) => problems.extend(misfits(&commitment, shape, labels, &salts)),
                (_, Some(Err(problem))) => problems.push(problem),
                _ => {}
            }
        }
    }
    let is_opened = labels.is_some();
    report.put(CHECK, &problems, |report| {
        if is_opened {
            report.ok(CHECK, format!("the labels are those that {root} stands for"));
        } else {
            report.gap(CHECK, format!("{root} is in the log; the labels are not here"));
        }
    });
    Ok(())
}

fn salts<F: Read + Seek>(export: &mut ExportFile<F>) -> Result<Option<Result<SaltsFile, String>>, Stop> {
    let Some(bytes) = export.content(&Kind::Top(SALTS))? else { return Ok(None) };
    Ok(Some(serde_json::from_slice(&bytes).map_err(|error| format!("{SALTS}: {error}"))))
}

/// The models whose labels are not those that were committed to.
fn misfits(commitment: &Commitment, shape: &TrackShape, labels: &Labels, salts: &SaltsFile) -> Vec<String> {
    if salts.track != shape.slug() {
        return vec![format!("{SALTS} is of the track {}", salts.track)];
    }
    let mut problems = Vec::new();
    for (path, hash) in commitment.lines() {
        let found = labels.get(path).zip(salts.salts.get(path));
        if found.map(|(labels, salt)| line_hash(shape.slug(), path, salt, labels)) != Some(*hash) {
            problems.push(format!("the labels of {path} are not those that were committed to"));
        }
    }
    let strangers = salts.salts.keys().filter(|path| !labels.contains_key(path));
    problems.extend(strangers.map(|path| format!("{SALTS} has {path}, which is no model of the shape")));
    problems
}

/// ranking.json, as far as it can be read by itself.
fn ranking<F: Read + Seek>(
    export: &mut ExportFile<F>,
    shape: &TrackShape,
    report: &mut Report,
) -> Result<RankingFile, Stop> {
    let ranking: RankingFile = json(export, RANKING, report)?;
    let mut problems = Vec::new();
    if ranking.format != 1 {
        problems.push(format!("there is no format {}", ranking.format));
    }
    if ranking.number != shape.ranking().number.name() {
        problems.push(format!("it ranks by {}, the track by {}", ranking.number, shape.ranking().number));
    }
    if !ranking.scenarios.iter().map(String::as_str).eq(shape.scenarios().iter().map(scoring::ScenarioShape::name)) {
        problems.push("its scenarios are not those of the shape".to_owned());
    }
    for entry in &ranking.entries {
        if entry.counts.len() != shape.scenarios().len() || number(shape, &entry.counts).is_none() {
            problems.push(format!("the counts of submission {} are those of no score", entry.submission));
        }
    }
    if problems.is_empty() {
        return Ok(ranking);
    }
    report.failed(RANKING, list(&problems));
    Err(Stop::Told)
}

fn number(shape: &TrackShape, counts: &[Option<[u64; 4]>]) -> Option<RankingNumber> {
    let decides = counts.iter().map(|counts| counts.map(|[tp, members, ..]| (tp, members)));
    RankingNumber::new(shape.ranking().number, decides.collect()).ok()
}

/// The zips against the hashes that the log has of them.
fn zips<F: Read + Seek>(export: &ExportFile<F>, ranking: &RankingFile, history: &History, report: &mut Report) {
    const CHECK: &str = "zips";
    let (mut problems, mut good, mut unknown) = (Vec::new(), BTreeSet::new(), 0);
    let entries: BTreeSet<SubmissionId> = ranking.entries.iter().map(|entry| entry.submission).collect();
    for kind in export.kinds() {
        let (id, is_entry) = match kind {
            Kind::Entry(id) => (*id, true),
            Kind::Other(id) => (*id, false),
            _ => continue,
        };
        if is_entry != entries.contains(&id) {
            problems.push(format!("{} is in the wrong folder", kind.path()));
        }
        match history.submissions.get(&id) {
            Some(submission) if Some(submission.sha256) == export.sha256(kind) => _ = good.insert(id),
            Some(_) => problems.push(format!("{} is not the zip that was taken", kind.path())),
            None if history.is_whole => problems.push(format!("the log has no submission {id}")),
            None => unknown += 1,
        }
    }
    let there = entries.iter().filter(|id| good.contains(id)).count();
    report.put(CHECK, &problems, |report| {
        let text = format!("{there} of {} entries", entries.len());
        match (there == entries.len(), unknown) {
            (true, 0) => report.ok(CHECK, text + " have the SHA-256 of the log"),
            (_, 0) => report.gap(CHECK, text),
            (_, unknown) => report.gap(CHECK, format!("{text}; {unknown} were taken before the track had a log")),
        }
    });
}

/// The entries that the log makes by the rule, against those that were frozen and those that were ranked.
fn entries(manifest: &Manifest, ranking: &RankingFile, history: &History, report: &mut Report) {
    const CHECK: &str = "entries";
    let (mut problems, mut is_derived) = (Vec::new(), true);
    let mut compare = |when: String, told: &Entries, derived: &Derived| match derived {
        Derived::Entries(derived) => {
            for (participant, submission) in told {
                if derived.get(participant) != Some(submission) {
                    problems
                        .push(format!("{when}: submission {submission} is not the one that counts for {participant}"));
                }
            }
            let missing = derived.keys().filter(|participant| !told.contains_key(participant));
            problems.extend(missing.map(|participant| format!("{when}: {participant} has no entry")));
        }
        Derived::Candidates(candidates) => {
            is_derived = false;
            for (participant, submission) in told {
                if !candidates.get(participant).is_some_and(|of| of.contains(submission)) {
                    problems.push(format!("{when}: submission {submission} cannot count for {participant}"));
                }
            }
            let missing = candidates.keys().filter(|participant| !told.contains_key(participant));
            problems.extend(missing.map(|participant| format!("{when}: {participant} has no entry")));
        }
    };
    if history.is_whole {
        for freeze in &history.freezes {
            compare(format!("event {}", freeze.seq), &freeze.told, &freeze.derived);
        }
        for Official { seq, entries, derived, .. } in &history.officials {
            let told = entries.iter().map(|entry| (entry.participant, entry.submission)).collect();
            compare(format!("event {seq}"), &told, derived);
        }
    }
    let ranked: Entries = ranking.entries.iter().map(|entry| (entry.participant, entry.submission)).collect();
    if let Some(last) = history.officials.last() {
        let logged: Entries = last.entries.iter().map(|entry| (entry.participant, entry.submission)).collect();
        if logged != ranked || ranking.entries.len() != ranked.len() {
            problems.push(format!("the entries of {RANKING} are not those that the log has"));
        }
    }
    let rule = manifest.settings.entry_rule;
    report.put(CHECK, &problems, |report| {
        if !history.is_whole {
            report.gap(CHECK, "the track opened before it had a log");
        } else if is_derived {
            report.ok(CHECK, format!("{} entries by the rule `{}`", ranked.len(), rule.as_str()));
        } else {
            debug_assert_eq!(rule, EntryRule::Best);
            report.gap(CHECK, "which one is best rests on dev scores");
        }
    });
}

/// ranking.json and results.json against what the log says of them. Where the labels are kept, nobody can score anew, and
/// this alone finds a number that was edited.
fn official(
    ranking: &RankingFile,
    (text, results): (&[u8], &[u8]),
    manifest: &Manifest,
    history: &History,
    report: &mut Report,
) {
    const CHECK: &str = "official ranking";
    let Some(official) = history.officials.last() else {
        report.failed(CHECK, "the log has none");
        return;
    };
    let mut problems = Vec::new();
    if official.ranking_sha256 != Sha256::of(text) {
        problems.push(format!("{RANKING} is not the file that the log has the SHA-256 of"));
    }
    if official.results_sha256 != Sha256::of(results) {
        problems.push(format!("{RESULTS} is not the file that the log has the SHA-256 of"));
    }
    let same = official.entries.len() == ranking.entries.len()
        && official.entries.iter().zip(&ranking.entries).all(|(logged, entry)| {
            (logged.participant, logged.submission, logged.rank, &logged.counts)
                == (entry.participant, entry.submission, entry.rank, &entry.counts)
        });
    if !same {
        problems.push(format!("the ranks and counts of {RANKING} are not those of the log"));
    }
    report.put(CHECK, &problems, |report| {
        report.ok(CHECK, format!("version {}, event {}", manifest.ranking_version, official.seq));
    });
}

/// A zip that was scored anew on the final split.
struct Scored {
    score: TrackScore,
    /// `None` where the way of drawing is not known.
    interval: Option<Interval>,
}

type ScoredEntries = BTreeMap<SubmissionId, Scored>;

fn scores<F: Read + Seek>(
    export: &mut ExportFile<F>,
    manifest: &Manifest,
    shape: &TrackShape,
    labels: Option<&Labels>,
    ranking: &RankingFile,
    report: &mut Report,
) -> Result<ScoredEntries, Stop> {
    const CHECK: &str = "scores";
    let mut scored = ScoredEntries::new();
    let Some(solution) = labels.and_then(|labels| solution(shape, Split::Final, labels).ok()) else {
        report.gap(CHECK, "without labels nothing is scored");
        return Ok(scored);
    };
    let known =
        manifest.bootstrap.name == BOOTSTRAP && (1..=scoring::REPLICATES).contains(&manifest.bootstrap.replicates);
    let draws = known.then(|| Bootstrap::new(shape, Split::Final, shape.slug(), manifest.bootstrap.replicates));
    let mut problems = Vec::new();
    for entry in &ranking.entries {
        let Some(zip) = export.content(&Kind::Entry(entry.submission))? else { continue };
        match score(&zip, shape, manifest, &solution, draws.as_ref()) {
            Ok(anew) => {
                if counts(shape, &anew.score) != entry.counts {
                    problems.push(format!("submission {} has other counts than {RANKING} says", entry.submission));
                }
                scored.insert(entry.submission, anew);
            }
            Err(problem) => problems.push(format!("submission {}: {problem}", entry.submission)),
        }
    }
    let text = format!("{} of {} zips scored anew", scored.len(), ranking.entries.len());
    let is_whole = scored.len() == ranking.entries.len();
    report.put(CHECK, &problems, |report| if is_whole { report.ok(CHECK, text) } else { report.gap(CHECK, text) });
    Ok(scored)
}

fn score(
    zip: &[u8],
    shape: &TrackShape,
    manifest: &Manifest,
    solution: &SplitSolution,
    draws: Option<&Bootstrap>,
) -> Result<Scored, String> {
    let limit = usize::try_from(manifest.settings.submission_bytes).unwrap_or(usize::MAX).max(zip.len());
    let validated = scoring::validate_archive(zip, shape, &Limits::for_shape(shape, limit))
        .map_err(|problems| problems.shown.first().map_or_else(|| "it is not valid".to_owned(), ToString::to_string))?;
    let predictions = validated.predictions.split(Split::Final).ok_or("it has no final split")?;
    let score = scoring::score(shape, Split::Final, predictions, solution).map_err(|error| error.to_string())?;
    let interval = draws.map(|draws| draws.ranking_numbers(predictions, solution)).transpose();
    let interval = interval.map_err(|error| error.to_string())?.map(|numbers| Interval::percentile_95(&numbers));
    Ok(Scored { score, interval })
}

/// The counts of each scenario of the shape.
fn counts(shape: &TrackShape, score: &TrackScore) -> Vec<Option<[u64; 4]>> {
    let plain = |counts: RankingCounts| [counts.tp, counts.members, counts.fp, counts.non_members];
    let of = |name: &str| score.scenarios.iter().flatten().find(|scenario| scenario.name == name);
    shape.scenarios().iter().map(|scenario| of(scenario.name()).map(|scenario| plain(scenario.counts))).collect()
}

/// Makes ranking.json anew: from the zips where they are all there, otherwise from the counts in it.
fn ranking_anew(
    ranking: &RankingFile,
    text: &[u8],
    shape: &TrackShape,
    scored: &ScoredEntries,
    history: &History,
    report: &mut Report,
) {
    let mut counted = Vec::with_capacity(ranking.entries.len());
    for entry in &ranking.entries {
        let Some(arrived_at) = history.submissions.get(&entry.submission).map(|one| one.arrived_at) else {
            if history.is_whole {
                report.failed(RANKING, format!("the log has no submission {}", entry.submission));
            } else {
                report.gap(RANKING, "submissions were taken before the track had a log");
            }
            return;
        };
        let told =
            scored.get(&entry.submission).map_or_else(|| entry.counts.clone(), |anew| counts(shape, &anew.score));
        let typed = |[tp, members, fp, non_members]: [u64; 4]| RankingCounts { tp, members, fp, non_members };
        let counts = told.into_iter().map(|counts| counts.map(typed)).collect();
        counted.push(Counted { participant: entry.participant, submission: entry.submission, arrived_at, counts });
    }
    let anew = ranking_file(shape.ranking().number, &ranking.scenarios, counted)
        .map_err(|error| error.to_string())
        .and_then(|file| file.to_text().map_err(|error| error.to_string()));
    match anew {
        Err(problem) => report.failed(RANKING, problem),
        Ok(anew) if anew.as_bytes() != text => report.failed(RANKING, "made anew it is another file"),
        Ok(_) if scored.len() == ranking.entries.len() => {
            report.ok(RANKING, format!("{} entries, the same bytes made anew", ranking.entries.len()));
        }
        Ok(_) => report.gap(RANKING, "the order is right for the counts in it; they cannot be made anew"),
    }
}

/// results.json, number by number.
fn results<F: Read + Seek>(
    export: &mut ExportFile<F>,
    manifest: &Manifest,
    ranking: &RankingFile,
    scored: &ScoredEntries,
    report: &mut Report,
) -> Result<(), Stop> {
    let results: ResultsFile = json(export, RESULTS, report)?;
    let mut problems = Vec::new();
    let expected = (1, manifest.ranking_version, ranking.number.as_str());
    if (results.format, results.version, results.number.as_str()) != expected {
        problems.push("its format, version or number is another".to_owned());
    }
    let same = |result: &ResultsFileEntry, entry: &crate::domain::official_ranking::RankingFileEntry| {
        (result.participant, result.submission, result.rank) == (entry.participant, entry.submission, entry.rank)
    };
    let fits = results.entries.len() == ranking.entries.len()
        && results.entries.iter().zip(&ranking.entries).all(|(result, entry)| same(result, entry));
    if !fits {
        problems.push(format!("its entries and ranks are not those of {RANKING}"));
    }
    let (mut intervals, mut compared) = (Vec::new(), 0);
    for (result, entry) in results.entries.iter().zip(&ranking.entries) {
        let id = result.submission;
        problems.extend(numbers(result, &entry.counts, ranking).map(|what| format!("submission {id}: {what}")));
        let Some(anew) = scored.get(&id) else { continue };
        problems
            .extend(metrics(result, &ranking.scenarios, &anew.score).map(|what| format!("submission {id}: {what}")));
        let Some(interval) = anew.interval else { continue };
        compared += 1;
        let near = |told: f64, anew: f64| (told - anew).abs() <= TOLERANCE;
        if !near(result.interval_95[0], interval.low) || !near(result.interval_95[1], interval.high) {
            intervals.push(format!("submission {id}: made anew it is from {} to {}", interval.low, interval.high));
        }
    }
    let all = ranking.entries.len();
    report.put(RESULTS, &problems, |report| match scored.len() == all {
        true => report.ok(RESULTS, format!("all numbers of {all} entries")),
        false => report
            .gap(RESULTS, format!("ranks and ranking numbers are right; {} of {all} entries made anew", scored.len())),
    });
    report.put("intervals", &intervals, |report| {
        if compared == all {
            report.ok("intervals", format!("{all}, over {} replicates", manifest.bootstrap.replicates));
        } else if scored.len() == compared {
            report.gap("intervals", format!("{compared} of {all} made anew"));
        } else {
            report.gap("intervals", format!("this program does not know the bootstrap `{}`", manifest.bootstrap.name));
        }
    });
    Ok(())
}

/// What is wrong with an entry's numbers by its counts alone.
fn numbers<'a>(
    result: &'a ResultsFileEntry,
    counts: &'a [Option<[u64; 4]>],
    ranking: &'a RankingFile,
) -> impl Iterator<Item = String> + 'a {
    let rate = |counts: &Option<[u64; 4]>| counts.map(|[tp, members, ..]| tp as f64 / members as f64);
    let kind = scoring::RankingKind::ALL.into_iter().find(|kind| kind.name() == ranking.number);
    let value = kind.map(|kind| kind.of(counts.iter().map(rate)));
    let wrong_value = (value != Some(result.value)).then(|| "its ranking number is not that of its counts".to_owned());
    let wrong_length = (result.scenarios.len() != counts.len()).then(|| "it has other scenarios".to_owned());
    let of_scenarios =
        result.scenarios.iter().zip(counts).zip(&ranking.scenarios).filter_map(move |((numbers, counts), name)| {
            let told = numbers.as_ref().map(|numbers| numbers.get(Metric::RANKING));
            (told != rate(counts)).then(|| format!("{} of {name} is not that of its counts", Metric::RANKING.name()))
        });
    wrong_value.into_iter().chain(wrong_length).chain(of_scenarios)
}

/// What is wrong with an entry's numbers by its score made anew.
fn metrics<'a>(
    result: &'a ResultsFileEntry,
    names: &'a [String],
    anew: &'a TrackScore,
) -> impl Iterator<Item = String> + 'a {
    result.scenarios.iter().zip(names).flat_map(move |(told, name)| {
        let scenario = anew.scenarios.iter().flatten().find(|scenario| scenario.name == *name);
        let (is_told, is_there) = (told.is_some(), scenario.is_some());
        let left_out = (is_told != is_there).then(|| format!("{name} is there in one of the two"));
        let differing = told.iter().zip(scenario).flat_map(|(told, scenario)| {
            Metric::ALL.into_iter().filter(move |metric| {
                let (told, anew) = (told.get(*metric), scenario.metrics.get(*metric));
                if *metric == Metric::Auc { (told - anew).abs() > TOLERANCE || told.is_nan() } else { told != anew }
            })
        });
        let differing = differing.map(move |metric| format!("{} of {name} is another made anew", metric.name()));
        left_out.into_iter().chain(differing).collect::<Vec<_>>()
    })
}
