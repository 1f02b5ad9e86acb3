//! What was ranked: the zips, the entries and the files of the ranking, against what the log says of them.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use scoring::{RankingNumber, TrackShape};

use super::super::archive::{ExportFile, Kind, RANKING, RESULTS};
use super::super::history::{Derived, Entries, History, Official};
use super::super::manifest::Manifest;
use super::report::{Report, list};
use super::{Stop, json};
use crate::domain::ids::SubmissionId;
use crate::domain::official_ranking::RankingFile;
use crate::domain::sha256::Sha256;
use crate::domain::track::EntryRule;

/// ranking.json, as far as it can be read by itself.
pub(super) fn ranking<F: Read + Seek>(
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
pub(super) fn zips<F: Read + Seek>(
    export: &ExportFile<F>,
    ranking: &RankingFile,
    history: &History,
    report: &mut Report,
) {
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
pub(super) fn entries(manifest: &Manifest, ranking: &RankingFile, history: &History, report: &mut Report) {
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
pub(super) fn official(
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
