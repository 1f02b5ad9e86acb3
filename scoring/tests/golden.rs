//! The original scoring program's answers, number by number.

use std::collections::BTreeMap;

use scoring::{
    Limits, Membership, Metric, ScenarioShape, Split, SplitSolution, TargetModel, TrackShape, metrics, read_scores,
    roc, score, validate_archive, write_scores,
};
use serde::Deserialize;

/// How far an area may be from the original's.
const AREA_TOLERANCE: f64 = 1e-12;

#[derive(Deserialize)]
struct Case {
    name: String,
    labels: Vec<u8>,
    predictions: Vec<f64>,
    expected: BTreeMap<String, f64>,
    roc: Option<Curve>,
    roc_points: Option<usize>,
}

#[derive(Deserialize)]
struct Curve {
    fpr: Vec<f64>,
    tpr: Vec<f64>,
}

fn membership(label: u8) -> Membership {
    match label {
        0 => Membership::NonMember,
        1 => Membership::Member,
        other => panic!("the label {other}"),
    }
}

/// Equal bit for bit, but for areas.
fn assert_equals_original(context: &str, column: &str, ours: f64, original: f64) {
    if column.ends_with("AUC") {
        assert!((ours - original).abs() <= AREA_TOLERANCE, "{context}, {column}: {ours} and {original}");
    } else {
        assert_eq!(ours.to_bits(), original.to_bits(), "{context}, {column}: {ours} and {original}");
    }
}

#[test]
fn every_golden_case_has_the_originals_numbers_and_curve() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("data/golden.json")).expect("the golden cases");
    assert_eq!(cases.len(), 56);
    for case in cases {
        let truth: Vec<_> = case.labels.iter().map(|label| membership(*label)).collect();
        let curve = roc(&case.predictions, &truth).expect("a curve");
        assert_eq!(Metric::ALL.len(), case.expected.len(), "{}", case.name);
        for (metric, value) in metrics(&curve).iter() {
            assert_equals_original(&case.name, metric.name(), value, case.expected[metric.name()]);
        }
        let (fpr, tpr): (Vec<f64>, Vec<f64>) = curve.fpr().zip(curve.tpr()).unzip();
        match (case.roc, case.roc_points) {
            (Some(original), None) => {
                assert_eq!(fpr, original.fpr, "{}", case.name);
                assert_eq!(tpr, original.tpr, "{}", case.name);
            }
            (None, Some(points)) => assert_eq!(fpr.len(), points, "{}", case.name),
            _ => panic!("{} has no curve to compare with", case.name),
        }
    }
}

/// The zoo's labels by scenario, model and point, with the names.
fn zoo_labels(text: &str) -> BTreeMap<String, Vec<(String, Vec<Membership>)>> {
    let mut scenarios: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split(' ').map(str::to_owned);
        let mut word = || words.next().expect("three words a line");
        let (scenario, model, labels) = (word(), word(), word());
        let labels = labels.bytes().map(|byte| membership(byte - b'0')).collect();
        scenarios.entry(scenario).or_default().push((model, labels));
    }
    scenarios
}

struct Zoo {
    shape: TrackShape,
    dev: SplitSolution,
    final_: SplitSolution,
}

fn zoo() -> Zoo {
    let dev = zoo_labels(include_str!("data/zoo/dev.solution.txt"));
    let final_ = zoo_labels(include_str!("data/zoo/final.solution.txt"));
    let models = |models: &[(String, Vec<Membership>)]| -> Vec<TargetModel> {
        let model =
            |(name, points): &(String, Vec<Membership>)| TargetModel { name: name.clone(), points: points.len() };
        models.iter().map(model).collect()
    };
    let scenarios = dev.keys().map(|name| {
        let splits = [(Split::Dev, models(&dev[name])), (Split::Final, models(&final_[name]))];
        ScenarioShape::new(name, splits)
    });
    let shape = TrackShape::new("market20", scenarios.collect()).expect("the zoo's shape");
    let solution = |split, labels: &BTreeMap<String, Vec<(String, Vec<Membership>)>>| {
        let labels = labels.values().map(|models| models.iter().map(|model| model.1.clone()).collect());
        SplitSolution::new(&shape, split, labels.collect()).expect("the zoo's solution")
    };
    Zoo { dev: solution(Split::Dev, &dev), final_: solution(Split::Final, &final_), shape }
}

#[test]
fn real_submissions_score_as_in_the_original_program() {
    macro_rules! submissions {
        ($($name:literal),*) => {
            [$((
                $name,
                &include_bytes!(concat!("data/zoo/", $name, ".zip"))[..],
                include_str!(concat!("data/zoo/", $name, ".dev.scores.txt")),
                include_str!(concat!("data/zoo/", $name, ".final.scores.txt")),
            )),*]
        };
    }
    let zoo = zoo();
    let limits = Limits::for_shape(&zoo.shape, 2_000_000);
    for (name, zip, dev, final_) in submissions!["collinear", "lira_global", "loss_threshold", "quantised"] {
        let validated = validate_archive(zip, &zoo.shape, &limits).expect("a good submission");
        for (split, solution, original) in [(Split::Dev, &zoo.dev, dev), (Split::Final, &zoo.final_, final_)] {
            let predictions = validated.predictions.split(split).expect("both splits");
            let score = score(&zoo.shape, split, predictions, solution).expect("a score");
            let ours = read_scores(&write_scores(&score)).expect("our scores.txt");
            let original = read_scores(original).expect("the original's scores.txt");
            assert_eq!(ours.keys().collect::<Vec<_>>(), original.keys().collect::<Vec<_>>());
            for (column, value) in ours {
                assert_equals_original(&format!("{name}, {split}"), &column, value, original[&column]);
            }
            assert_eq!(score.ranking().value().to_bits(), score.ranking_value.to_bits());
        }
    }
}
