//! An upload against a shape: predictions, or everything that is wrong.
//!
//! The order is: the archive's structure, the names, the level of the tree, and
//! only then content, file by file, so that memory holds one file at a time.

use crate::archive::{self, Entry, Inflater};
use crate::csv::{self, Kind, Source};
use crate::layout::{Layout, SplitSelection};
use crate::limits::Limits;
use crate::prediction::Predictions;
use crate::problem::{Collector, Problem, ProblemCode, Problems, Warning, WarningCode};
use crate::roc::descending_key;
use crate::rule::RankingKind;
use crate::shape::{Split, TrackShape};

/// Problems shown for a directory tree, which has no limits of its own.
const PROBLEMS_SHOWN: usize = 100;

/// An upload that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The confidences of every split that was asked for.
    pub predictions: Predictions,
    /// What is odd about the upload but does not reject it.
    pub warnings: Vec<Warning>,
}

/// One file of a directory tree, already read by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path below the top of the tree, with `/` between the parts.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Reads an uploaded zip: both submitted splits, in full.
///
/// Allocates in proportion to `limits` and the shape, whatever the bytes say.
///
/// # Errors
/// Everything that is wrong with the upload; never empty.
pub fn validate_archive(bytes: &[u8], shape: &TrackShape, limits: &Limits) -> Result<Validated, Problems> {
    let selection = SplitSelection { splits: &Split::SUBMITTED, others_ignored: false };
    read_archive(bytes, shape, limits, selection)
}

/// Reads a zip for the given splits only; files of the track's other splits
/// are passed over. For scoring offline.
///
/// # Errors
/// Everything that is wrong with the upload; never empty.
pub fn validate_archive_splits(
    bytes: &[u8],
    shape: &TrackShape,
    limits: &Limits,
    splits: &[Split],
) -> Result<Validated, Problems> {
    read_archive(bytes, shape, limits, SplitSelection { splits, others_ignored: true })
}

/// Reads a directory tree for the given splits; files of the track's other
/// splits are passed over. The same rules as for a zip, but for those that
/// concern the zip itself.
///
/// # Errors
/// Everything that is wrong with the files; never empty.
pub fn validate_files(files: Vec<FileEntry>, shape: &TrackShape, splits: &[Split]) -> Result<Validated, Problems> {
    let mut validation = Validation::new(shape, SplitSelection { splits, others_ignored: true }, PROBLEMS_SHOWN);
    let files: Vec<FileEntry> = files.into_iter().filter(|file| !validation.ignores(&file.path)).collect();
    let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let slots = validation.assign(&names);
    for (file, slot) in files.iter().zip(slots) {
        if let Some(slot) = slot {
            validation.read(slot, file.path.as_bytes(), &file.bytes);
        }
    }
    validation.finish()
}

fn read_archive(
    bytes: &[u8],
    shape: &TrackShape,
    limits: &Limits,
    selection: SplitSelection<'_>,
) -> Result<Validated, Problems> {
    let mut validation = Validation::new(shape, selection, limits.problems_shown);
    let Some(entries) = archive::open(bytes, limits, &mut validation.problems) else {
        return validation.finish();
    };
    let mut files: Vec<(Entry<'_>, &str)> = Vec::with_capacity(entries.len());
    for entry in entries {
        // The archive reader takes only names in ASCII.
        let name = str::from_utf8(entry.record.name).unwrap_or_default();
        if !name.ends_with('/') && !validation.ignores(name) {
            files.push((entry, name));
        }
    }
    if files.is_empty() {
        if validation.problems.total() == 0 {
            validation.problems.push(Problem::new(ProblemCode::EmptyArchive).expected("prediction files"));
        }
        return validation.finish();
    }
    let names: Vec<&str> = files.iter().map(|(_, name)| *name).collect();
    let slots = validation.assign(&names);
    let readable: Vec<(&Entry<'_>, usize)> = files
        .iter()
        .zip(slots)
        .filter_map(|((entry, _), slot)| Some((entry, slot?)))
        .filter(|(entry, _)| validation.keep(archive::check_content(entry, limits.entry_bytes)).is_some())
        .collect();
    // Each size is within its limit, so the sum cannot overflow.
    let total: u64 = readable.iter().map(|(entry, _)| entry.size()).sum();
    if total > limits.total_bytes as u64 {
        validation.problems.push(
            Problem::new(ProblemCode::InflatedTooLarge)
                .found(format!("content of {total} bytes"))
                .expected(format!("at most {} bytes", limits.total_bytes)),
        );
        return validation.finish();
    }
    let mut inflater = Inflater::new();
    for (entry, slot) in readable {
        if let Some(content) = validation.keep(inflater.read(entry)) {
            validation.read(slot, entry.record.name, content);
        }
    }
    validation.finish()
}

/// The state of a validation: what has been read so far, and what was wrong.
struct Validation<'a> {
    shape: &'a TrackShape,
    layout: Layout<'a>,
    predictions: Predictions,
    problems: Collector,
    warnings: Vec<Warning>,
    ignored: usize,
    /// The values of the file that is being read; kept to reuse its memory.
    values: Vec<f64>,
}

impl<'a> Validation<'a> {
    fn new(shape: &'a TrackShape, selection: SplitSelection<'a>, problems_shown: usize) -> Self {
        Self {
            shape,
            layout: Layout::new(shape, selection),
            predictions: Predictions::zeros(shape, selection.splits),
            problems: Collector::new(problems_shown),
            warnings: Vec::new(),
            ignored: 0,
            values: Vec::new(),
        }
    }

    /// Whether a file is one that operating systems leave behind.
    fn ignores(&mut self, path: &str) -> bool {
        let file = path.rsplit('/').next().unwrap_or(path);
        let ignored = path.split('/').any(|part| part == "__MACOSX") || matches!(file, ".DS_Store" | "Thumbs.db");
        self.ignored += usize::from(ignored);
        ignored
    }

    fn assign(&mut self, names: &[&str]) -> Vec<Option<usize>> {
        let assigned = self.layout.assign(names, &mut self.problems, &mut self.warnings);
        for scenario in assigned.left_out {
            for (_, predictions) in self.predictions.splits_mut() {
                predictions.leave_out(scenario);
            }
            let consequence = match self.shape.ranking().number {
                RankingKind::Mean => "it counts as 0 in the mean",
                RankingKind::Max => "the greatest of the others counts",
            };
            self.warnings.push(Warning {
                code: WarningCode::ScenarioLeftOut,
                path: Some(self.shape.scenarios()[scenario].name().to_owned()),
                detail: format!("The scenario is left out: {consequence}."),
            });
        }
        assigned.slots
    }

    /// The value; or `None`, and the problem is recorded.
    fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// Reads the values of one file into their place.
    fn read(&mut self, slot: usize, path: &[u8], bytes: &[u8]) {
        let slot = self.layout.slot(slot);
        let source = Source { path, bytes, points: Some(slot.points), kind: Kind::Confidence };
        self.values.clear();
        csv::read(&source, &mut self.values, &mut self.problems);
        let split = self.predictions.splits_mut().iter_mut().find(|(split, _)| *split == slot.split);
        if let Some((_, predictions)) = split
            && let Some(scenario) = predictions.scenario_mut(slot.scenario)
            && self.values.len() == slot.points
        {
            scenario[slot.start..slot.start + slot.points].copy_from_slice(&self.values);
        }
    }

    fn finish(mut self) -> Result<Validated, Problems> {
        if self.ignored > 0 {
            let entries = if self.ignored == 1 { "entry" } else { "entries" };
            self.warnings.push(Warning {
                code: WarningCode::IgnoredEntries,
                path: None,
                detail: format!("{} {entries} of the operating system passed over.", self.ignored),
            });
        }
        if self.problems.total() == 0 {
            self.warn_of_ties();
        }
        self.problems.or(Validated { predictions: self.predictions, warnings: self.warnings })
    }

    /// Ties are scored by the rule for ties, which surprises people whose
    /// values were rounded on the way.
    fn warn_of_ties(&mut self) {
        for (split, predictions) in self.predictions.splits() {
            for (scenario, values) in self.shape.scenarios().iter().zip(predictions.scenarios()) {
                let Some(values) = values else { continue };
                let distinct = distinct(values);
                if distinct * 2 < values.len() {
                    let values_are = if distinct == 1 { "value is" } else { "values are" };
                    self.warnings.push(Warning {
                        code: WarningCode::FewDistinctValues,
                        path: Some(format!("{}/{split}", scenario.name())),
                        detail: format!(
                            "Only {distinct} distinct {values_are} among {}; points with equal values are one step of the curve.",
                            values.len()
                        ),
                    });
                }
            }
        }
    }
}

/// How many different numbers there are.
fn distinct(values: &[f64]) -> usize {
    let mut keys: Vec<u64> = values.iter().map(|value| descending_key(*value)).collect();
    keys.sort_unstable();
    keys.chunk_by(|a, b| a == b).count()
}
