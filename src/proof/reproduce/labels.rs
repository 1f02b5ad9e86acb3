//! The labels, and the commitment to them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

use scoring::commitment::{Commitment, ModelPath, SaltsFile, line_hash};
use scoring::{Membership, Split, SplitSolution, TrackShape};

use super::super::archive::{COMMITMENT, ExportFile, Kind, MANIFEST, SALTS};
use super::super::history::History;
use super::super::manifest::Manifest;
use super::Stop;
use super::report::Report;
use crate::domain::sha256::Sha256;

pub(super) type Labels = BTreeMap<ModelPath, Vec<Membership>>;

/// The labels of all models, or of none.
pub(super) fn labels<F: Read + Seek>(
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

pub(super) fn solution(shape: &TrackShape, split: Split, labels: &Labels) -> Result<SplitSolution, String> {
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
pub(super) fn commitment<F: Read + Seek>(
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
