//! Where the prediction files stand in an upload.
//!
//! Maps names to the expected set; never the other way round. People send the
//! tree with or without the track's folder and inside a folder of their own, so
//! the level is found from the files that fit, and everything else is a problem
//! with a hint.

use std::collections::BTreeMap;

use crate::problem::{Collector, Problem, ProblemCode, Warning, WarningCode};
use crate::rule::Scenarios;
use crate::shape::{Split, TrackShape};

/// The file's name in the original's rules, and on its data page.
const FILE_NAMES: [&str; 2] = ["prediction.csv", "predictions.csv"];
/// Files of a kind (missing, unexpected) that are named one by one.
const NAMED: usize = 10;

/// One expected file.
pub(crate) struct Slot {
    pub(crate) split: Split,
    /// Index of the scenario in the shape.
    pub(crate) scenario: usize,
    /// Where its values begin among the scenario's.
    pub(crate) start: usize,
    /// How many values it has.
    pub(crate) points: usize,
    /// `<scenario>/<split>/<model>`.
    folder: String,
}

/// Which splits have to be there, and whether files of others may be.
#[derive(Clone, Copy)]
pub(crate) struct SplitSelection<'a> {
    /// The splits that are read; every file of them is needed.
    pub(crate) splits: &'a [Split],
    /// Whether files of the track's other splits are passed over in silence.
    pub(crate) others_ignored: bool,
}

/// The files of a track.
pub(crate) struct Layout<'a> {
    shape: &'a TrackShape,
    selection: SplitSelection<'a>,
    slots: Vec<Slot>,
    by_folder: BTreeMap<String, usize>,
    /// The same in lower case, for hints.
    by_lower_folder: BTreeMap<String, usize>,
}

/// What the names of an upload stand for.
pub(crate) struct Assigned {
    /// For each name the slot that it fills; `None` for what is not to be read.
    pub(crate) slots: Vec<Option<usize>>,
    /// The scenarios of which there is nothing, where that is allowed, as indices in the shape.
    pub(crate) left_out: Vec<usize>,
}

/// A name that stands for an expected file.
struct Fit<'n> {
    slot: usize,
    /// The folders before `<scenario>`.
    prefix: &'n str,
    file: &'n str,
}

impl<'a> Layout<'a> {
    pub(crate) fn new(shape: &'a TrackShape, selection: SplitSelection<'a>) -> Self {
        let mut slots = Vec::new();
        for (scenario, of_scenario) in shape.scenarios().iter().enumerate() {
            for split in Split::ALL {
                let mut start = 0;
                for model in of_scenario.models(split) {
                    let folder = format!("{}/{split}/{}", of_scenario.name(), model.name);
                    slots.push(Slot { split, scenario, start, points: model.points, folder });
                    start += model.points;
                }
            }
        }
        let index = |fold: fn(&str) -> String| slots.iter().map(|slot| fold(&slot.folder)).zip(0..).collect();
        let (by_folder, by_lower_folder) = (index(str::to_owned), index(str::to_ascii_lowercase));
        Self { shape, selection, slots, by_folder, by_lower_folder }
    }

    pub(crate) fn slot(&self, index: usize) -> &Slot {
        &self.slots[index]
    }

    fn is_selected(&self, slot: usize) -> bool {
        self.selection.splits.contains(&self.slots[slot].split)
    }

    /// Finds each name's slot, and the scenarios that are left out. Folders and
    /// ignored files have been left out of `names`. Names without a slot, slots
    /// without a name, and names at a wrong level are problems.
    pub(crate) fn assign(&self, names: &[&str], problems: &mut Collector, warnings: &mut Vec<Warning>) -> Assigned {
        let fits: Vec<Option<Fit<'_>>> = names.iter().map(|name| self.fit(name)).collect();
        let base = usual_prefix(&fits).unwrap_or(self.shape.slug());
        self.judge_base(base, problems, warnings);
        let mut taken: Vec<Option<&str>> = vec![None; self.slots.len()];
        let mut unexpected = Capped::new(NAMED);
        let mut assigned = vec![None; names.len()];
        for ((name, fit), assigned) in names.iter().zip(&fits).zip(&mut assigned) {
            let Some(fit) = fit else {
                if self.selection.others_ignored && self.is_of_another_split(name) {
                    continue;
                }
                let twin = self.near(name);
                unexpected.push(problems, || self.unexpected(name, base, twin));
                if let Some(twin) = twin {
                    // Saying that it is missing as well would be noise.
                    taken[twin].get_or_insert(name);
                }
                continue;
            };
            if !self.is_selected(fit.slot) {
                if !self.selection.others_ignored {
                    unexpected.push(problems, || self.unexpected_split(name));
                }
                continue;
            }
            if fit.prefix != base {
                let place = self.place(base, fit.slot, fit.file);
                problems.push(Problem::new(ProblemCode::MixedLevels).at(name.as_bytes()).expected(place));
            } else if taken[fit.slot].is_some_and(|other| other != *name) {
                let folder = name.strip_suffix(fit.file).unwrap_or(name).trim_end_matches('/');
                problems
                    .push(Problem::new(ProblemCode::BothNames).at(folder.as_bytes()).expected("prediction.csv alone"));
            } else {
                *assigned = Some(fit.slot);
            }
            taken[fit.slot].get_or_insert(name);
        }
        unexpected.finish(problems, |rest| {
            let total = rest + NAMED;
            Problem::new(ProblemCode::UnexpectedEntry)
                .found(format!("{rest} more entries ({total} in all)"))
                .expected(self.whole())
        });
        let begun = self.begun(names);
        self.report_missing(base, &taken, &begun, problems);
        let left_out = (0..begun.len()).filter(|scenario| !begun[*scenario]).collect();
        Assigned { slots: assigned, left_out }
    }

    /// For each scenario whether it has to be there whole. Where scenarios may be left out, these are the ones of which
    /// there is anything, right or wrong.
    fn begun(&self, names: &[&str]) -> Vec<bool> {
        let scenarios = self.shape.scenarios();
        if self.shape.ranking().scenarios == Scenarios::All {
            return vec![true; scenarios.len()];
        }
        let mut begun = vec![false; scenarios.len()];
        for parts in names.iter().map(|name| name.split('/').collect::<Vec<_>>()) {
            for pair in parts.windows(2) {
                let is_selected = |split: Split| self.selection.splits.contains(&split);
                if pair[1].to_ascii_lowercase().parse().is_ok_and(is_selected)
                    && let Some(at) = scenarios.iter().position(|one| one.name().eq_ignore_ascii_case(pair[0]))
                {
                    begun[at] = true;
                }
            }
        }
        begun
    }

    /// The slot a name stands for, at whatever level.
    fn fit<'n>(&self, name: &'n str) -> Option<Fit<'n>> {
        let (folders, file) = name.rsplit_once('/')?;
        if !FILE_NAMES.contains(&file) {
            return None;
        }
        let (prefix, folder) = split_folder(folders)?;
        let slot = *self.by_folder.get(folder)?;
        Some(Fit { slot, prefix, file })
    }

    /// Whether a name lies in a scenario's folder of a split that is not read. The shape need not
    /// know that split's models: offline, only the split that is scored has to be there.
    fn is_of_another_split(&self, name: &str) -> bool {
        let parts: Vec<&str> = name.split('/').collect();
        parts.windows(2).any(|pair| {
            self.shape.scenarios().iter().any(|scenario| scenario.name() == pair[0])
                && pair[1].parse::<Split>().is_ok_and(|split| !self.selection.splits.contains(&split))
        })
    }

    /// The slot a name was probably meant for: the case or the ending is wrong.
    fn near(&self, name: &str) -> Option<usize> {
        let (folders, file) = name.rsplit_once('/')?;
        let (_, folder) = split_folder(folders)?;
        let slot = *self.by_lower_folder.get(&folder.to_ascii_lowercase())?;
        (file.to_ascii_lowercase().starts_with("pred") && self.is_selected(slot)).then_some(slot)
    }

    /// Accepts no prefix, the track's folder, and one folder around either.
    fn judge_base(&self, base: &str, problems: &mut Collector, warnings: &mut Vec<Warning>) {
        let slug = self.shape.slug();
        if base.is_empty() || base == slug {
            return;
        }
        let wrapping = base.strip_suffix(slug).and_then(|rest| rest.strip_suffix('/')).unwrap_or(base);
        if !wrapping.contains('/') {
            warnings.push(Warning {
                code: WarningCode::WrappingFolder,
                path: Some(wrapping.to_owned()),
                detail: format!("The folder {wrapping} around the submission was passed over."),
            });
            return;
        }
        let advice = if wrapping == base {
            format!("the folder {base} zipped by itself, or its content")
        } else {
            format!("the folder {slug} inside {wrapping} zipped by itself")
        };
        problems.push(Problem::new(ProblemCode::WrappingFolders).found(format!("the path {base}")).expected(advice));
    }

    fn unexpected(&self, name: &str, base: &str, twin: Option<usize>) -> Problem {
        let problem = Problem::new(ProblemCode::UnexpectedEntry).at(name.as_bytes());
        if let Some(twin) = twin {
            let place = self.place(base, twin, FILE_NAMES[0]);
            return problem.expected(format!("another name: did you mean {place}?"));
        }
        let lower = name.to_ascii_lowercase();
        if [".zip", ".tar", ".gz", ".7z", ".rar"].iter().any(|ending| lower.ends_with(ending)) {
            return problem.expected("the prediction files themselves, not an archive in the archive");
        }
        problem.expected(self.neighbours(name))
    }

    /// What the folders nearest to a name hold, as far as they are known.
    fn neighbours(&self, name: &str) -> String {
        let parts: Vec<&str> = name.split('/').collect();
        let scenarios = self.shape.scenarios();
        let known = parts.iter().zip(parts.iter().skip(1)).find_map(|(scenario, split)| {
            let scenario = scenarios.iter().find(|known| known.name() == *scenario)?;
            Some((scenario, split.parse::<Split>().ok().filter(|split| self.selection.splits.contains(split))?))
        });
        match known {
            Some((scenario, split)) => match scenario.models(split) {
                [] => format!("no files in {}/{split}", scenario.name()),
                [only] => format!("{} alone in {}/{split}", only.name, scenario.name()),
                [first, .., last] => format!(
                    "{}/{split}/<model>/prediction.csv, for the models {} … {}",
                    scenario.name(),
                    first.name,
                    last.name
                ),
            },
            None => self.whole(),
        }
    }

    /// The expected set in a few words.
    fn whole(&self) -> String {
        let (scenarios, splits) = (self.scenarios(), self.splits(", "));
        format!("<scenario>/<split>/<model>/prediction.csv, for the scenarios {scenarios} and the splits {splits}")
    }

    /// The names of the scenarios, or of the first of many.
    fn scenarios(&self) -> String {
        let names: Vec<&str> = self.shape.scenarios().iter().take(NAMED).map(|scenario| scenario.name()).collect();
        names.join(", ") + if self.shape.scenarios().len() > NAMED { ", …" } else { "" }
    }

    /// The names of the splits that are read.
    fn splits(&self, separator: &str) -> String {
        self.selection.splits.iter().map(|split| split.as_str()).collect::<Vec<_>>().join(separator)
    }

    fn unexpected_split(&self, name: &str) -> Problem {
        Problem::new(ProblemCode::UnexpectedEntry).at(name.as_bytes()).expected(self.whole())
    }

    fn report_missing(&self, base: &str, taken: &[Option<&str>], begun: &[bool], problems: &mut Collector) {
        const ONE_FILE_EACH: &str = "one file for every target model";
        let expected = match self.shape.ranking().scenarios {
            Scenarios::All => ONE_FILE_EACH.to_owned(),
            Scenarios::Any => format!("{ONE_FILE_EACH} of a scenario that is begun, in {}", self.splits(" and ")),
        };
        if !begun.contains(&true) {
            let problem = Problem::new(ProblemCode::MissingFile).found("every scenario");
            problems.push(problem.expected(format!(
                "at least one of {} in full, {ONE_FILE_EACH} in {}",
                self.scenarios(),
                self.splits(" and ")
            )));
        }
        let selected =
            || (0..self.slots.len()).filter(|slot| self.is_selected(*slot) && begun[self.slots[*slot].scenario]);
        let missing = || selected().filter(|slot| taken[*slot].is_none());
        let mut named = Capped::new(NAMED);
        for slot in missing() {
            named.push(problems, || {
                let place = self.place(base, slot, FILE_NAMES[0]);
                Problem::new(ProblemCode::MissingFile).at(place.as_bytes()).expected(expected.as_str())
            });
        }
        named.finish(problems, |rest| {
            let counts = self.selection.splits.iter().map(|split| {
                let of_split = |slot: &usize| self.slots[*slot].split == *split;
                format!("{} of {} in {split}", missing().filter(of_split).count(), selected().filter(of_split).count())
            });
            let counts = counts.collect::<Vec<_>>().join(", ");
            Problem::new(ProblemCode::MissingFile)
                .found(format!("{rest} more files (in all {counts})"))
                .expected(expected.as_str())
        });
    }

    /// The path of a slot's file below the folders of this upload.
    fn place(&self, base: &str, slot: usize, file: &str) -> String {
        let separator = if base.is_empty() { "" } else { "/" };
        format!("{base}{separator}{}/{file}", self.slots[slot].folder)
    }
}

/// Splits folders into what stands before the last three, and these.
fn split_folder(folders: &str) -> Option<(&str, &str)> {
    let mut slashes = folders.rmatch_indices('/').map(|(at, _)| at);
    let (_model, _split) = (slashes.next()?, slashes.next()?);
    match slashes.next() {
        Some(at) => Some((&folders[..at], &folders[at + 1..])),
        None => Some(("", folders)),
    }
}

/// The prefix of most files; of equals the first in the order of bytes.
fn usual_prefix<'n>(fits: &[Option<Fit<'n>>]) -> Option<&'n str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for fit in fits.iter().flatten() {
        *counts.entry(fit.prefix).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(prefix, _)| prefix)
}

/// Names the first problems of a kind one by one and counts the rest.
struct Capped {
    cap: usize,
    count: usize,
}

impl Capped {
    fn new(cap: usize) -> Self {
        Self { cap, count: 0 }
    }

    fn push(&mut self, problems: &mut Collector, problem: impl FnOnce() -> Problem) {
        self.count += 1;
        if self.count <= self.cap {
            problems.push_with(problem);
        }
    }

    /// One more problem for all that were not named, if any.
    fn finish(self, problems: &mut Collector, problem: impl FnOnce(usize) -> Problem) {
        let rest = self.count.saturating_sub(self.cap);
        if rest > 0 {
            problems.push_many(problem(rest), rest);
        }
    }
}
