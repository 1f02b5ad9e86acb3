//! The log by itself, and the dev results that it has hashes of.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use scoring::log::{LogHash, LogPlace};
use scoring::{Interval, RankingNumber};

use super::super::archive::{DEV_RESULTS, DevResult, ExportFile, Kind, LOG, MANIFEST, SHAPE};
use super::super::history::{DevScores, History};
use super::super::manifest::Manifest;
use super::super::{LogFileError, read_log};
use super::Stop;
use super::report::Report;
use crate::domain::ids::SubmissionId;
use crate::domain::log_event::Logged;
use crate::domain::sha256::Sha256;

pub(super) type Log = Vec<(LogHash, Logged)>;

pub(super) fn log<F: Read + Seek>(
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

pub(super) fn log_events(
    log: &Log,
    history: &History,
    manifest: &Manifest,
    shape: Option<Sha256>,
    report: &mut Report,
) {
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
pub(super) fn dev_results<F: Read + Seek>(
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
                scores.insert(result.submission, (ranking, hash_of(&result)));
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

/// The hash by which the log tells of a result.
fn hash_of(result: &DevResult) -> Sha256 {
    Sha256::of(&[&result.random[..], result.result.as_bytes()].concat())
}

pub(super) fn dev_hashes(results: Option<&[DevResult]>, history: &History, report: &mut Report) {
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
        if !submission.result_hashes.contains(&hash_of(result)) {
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
