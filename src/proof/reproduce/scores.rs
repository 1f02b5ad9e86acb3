//! The scores made anew from the zips, and with them the ranking and its numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

use scoring::{Bootstrap, Interval, Limits, Metric, RankingCounts, Split, SplitSolution, TrackScore, TrackShape};

use super::super::archive::{ExportFile, Kind, RANKING, RESULTS};
use super::super::history::History;
use super::super::manifest::{BOOTSTRAP, Manifest};
use super::super::ranking_file::{Counted, ranking_file};
use super::labels::{Labels, solution};
use super::report::Report;
use super::{Stop, json};
use crate::domain::ids::SubmissionId;
use crate::domain::official_ranking::{RankingFile, ResultsFile, ResultsFileEntry};

/// How far an area or an end of an interval may be from the one that was published.
const TOLERANCE: f64 = 1e-12;

/// A zip that was scored anew on the final split.
pub(super) struct Scored {
    score: TrackScore,
    /// `None` where the way of drawing is not known.
    interval: Option<Interval>,
}

pub(super) type ScoredEntries = BTreeMap<SubmissionId, Scored>;

pub(super) fn scores<F: Read + Seek>(
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
pub(super) fn ranking_anew(
    ranking: &RankingFile,
    text: &[u8],
    shape: &TrackShape,
    scored: &ScoredEntries,
    history: &History,
    report: &mut Report,
) {
    let mut counted = Vec::with_capacity(ranking.entries.len());
    let nobody = BTreeSet::new();
    let out = history.officials.last().map_or(&nobody, |official| &official.out);
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
        let (participant, submission) = (entry.participant, entry.submission);
        let out_of_competition = out.contains(&participant);
        counted.push(Counted { participant, submission, arrived_at, out_of_competition, counts });
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
pub(super) fn results<F: Read + Seek>(
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
