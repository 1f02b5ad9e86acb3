//! MIDST's rule, the greatest of the scenarios with any of them left out, against MIDST's own scoring program.
//!
//! `data/midst.json` has the labels of two of its tracks, what its program said of some submissions, and a formula for
//! these. It says how the numbers were made.

use std::collections::BTreeMap;

use scoring::{
    Limits, Membership, Metric, RankingKind, RankingRule, ScenarioShape, Scenarios, Split, SplitSolution, TargetModel,
    TrackShape, Validated, python_repr, read_scores, score, validate_archive, write_scores,
};
use scoring_testkit::zip::{Item, Zip};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Golden {
    tracks: BTreeMap<String, Track>,
    /// By track and `<scenario>/<split>/<model>`, a digit a point.
    labels: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Track {
    types: Vec<String>,
    sets: Vec<Set>,
}

/// A submission, and what the original program says of it.
#[derive(Deserialize)]
struct Set {
    kind: String,
    seed: u64,
    sha256: String,
    dev: f64,
    #[serde(default)]
    dev_by_type: BTreeMap<String, f64>,
    #[serde(rename = "final")]
    last: f64,
    #[serde(default, rename = "final_by_type")]
    last_by_type: BTreeMap<String, f64>,
}

/// The `index`th number of SplitMix64 as a fraction in [0, 1).
fn uniform(seed: u64, index: u64) -> f64 {
    let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 * 2.0_f64.powi(-53)
}

fn informative(seed: u64, point: u64, label: f64) -> f64 {
    let noise = (uniform(seed, 3 * point) + uniform(seed, 3 * point + 1)) + uniform(seed, 3 * point + 2) - 1.5;
    (0.5 + 0.1 * (label - 0.5)) + 0.2 * noise
}

impl Set {
    fn value(&self, point: u64, model: u64, label: f64) -> f64 {
        let informative = informative(self.seed, point, label);
        match self.kind.as_str() {
            "random" => uniform(self.seed, point),
            "constant" => 0.5,
            "quantised" => (10.0 * informative + 0.5).floor() / 10.0,
            "ties" => (4.0 * informative + 0.5).floor() / 4.0,
            "per_model_shift" => 0.5 * informative + 0.5 * uniform(self.seed + 1, model),
            "inverted" => 1.0 - informative,
            "informative" | "tabddpm_only" | "tabsyn_only" => informative,
            other => panic!("no formula for {other}"),
        }
    }

    fn leaves_out(&self, scenario: &str) -> bool {
        self.kind.strip_suffix("_only").is_some_and(|only| !scenario.starts_with(only))
    }

    /// The files as participants of MIDST sent them, the scenarios at the top of the zip.
    fn files(&self, shape: &TrackShape, labels: &BTreeMap<String, String>) -> Vec<(String, String)> {
        let (mut files, mut point) = (Vec::new(), 0);
        let scenarios = shape.scenarios().iter().flat_map(|scenario| Split::SUBMITTED.map(|split| (scenario, split)));
        let models = scenarios
            .flat_map(|(scenario, split)| scenario.models(split).iter().map(move |model| (scenario, split, model)));
        for (number, (scenario, split, model)) in (0..).zip(models) {
            let folder = format!("{}/{split}/{}", scenario.name(), model.name);
            let mut text = String::new();
            for label in labels[&folder].bytes() {
                let value = self.value(point, number, f64::from(label - b'0'));
                point += 1;
                text.push_str(&python_repr(value));
                text.push('\n');
            }
            if !self.leaves_out(scenario.name()) {
                files.push((format!("{folder}/prediction.csv"), text));
            }
        }
        files
    }
}

fn shape(name: &str, types: &[String], labels: &BTreeMap<String, String>) -> TrackShape {
    let scenario = |scenario: &String| {
        let models = |split: Split| {
            let below = format!("{scenario}/{split}/");
            let models =
                labels.iter().filter_map(|(folder, points)| Some((folder.strip_prefix(&below)?, points.len())));
            models.map(|(name, points)| TargetModel { name: name.to_owned(), points }).collect()
        };
        ScenarioShape::new(scenario, Split::SUBMITTED.map(|split| (split, models(split))))
    };
    let rule = RankingRule { number: RankingKind::Max, scenarios: Scenarios::Any };
    TrackShape::new(name, types.iter().map(scenario).collect()).expect("MIDST's shape").with_ranking(rule)
}

fn solution(shape: &TrackShape, split: Split, labels: &BTreeMap<String, String>) -> SplitSolution {
    let membership = |label| if label == b'1' { Membership::Member } else { Membership::NonMember };
    let scenario = |scenario: &ScenarioShape| {
        let folder = |model: &TargetModel| format!("{}/{split}/{}", scenario.name(), model.name);
        scenario.models(split).iter().map(|model| labels[&folder(model)].bytes().map(membership).collect()).collect()
    };
    SplitSolution::new(shape, split, shape.scenarios().iter().map(scenario).collect()).expect("MIDST's labels")
}

fn validated(shape: &TrackShape, files: &[(String, String)]) -> Validated {
    let items = files.iter().map(|(path, content)| Item::deflated(path, content.as_bytes()));
    let zip = Zip::of(items.collect()).bytes();
    validate_archive(&zip, shape, &Limits::for_shape(shape, 2_000_000)).expect("a good submission")
}

#[test]
fn submissions_to_midst_score_as_in_its_own_program() {
    let golden: Golden = serde_json::from_str(include_str!("data/midst.json")).expect("the golden cases");
    let mut compared = 0;
    for (name, track) in &golden.tracks {
        let labels = &golden.labels[name];
        let shape = shape(name, &track.types, labels);
        for set in &track.sets {
            let files = set.files(&shape, labels);
            let mut hash = Sha256::new();
            files.iter().for_each(|(path, content)| hash.update(format!("{path}\n{content}")));
            let hash: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hash, set.sha256, "{name}, {}: these are not the files that were scored", set.kind);

            let validated = validated(&shape, &files);
            for (split, number, by_type) in
                [(Split::Dev, set.dev, &set.dev_by_type), (Split::Final, set.last, &set.last_by_type)]
            {
                let context = format!("{name}, {}, {split}", set.kind);
                let predictions = validated.predictions.split(split).expect("both splits");
                let score = score(&shape, split, predictions, &solution(&shape, split, labels)).expect("a score");
                assert_eq!(score.ranking_value, number, "{context}");
                assert_eq!(score.ranking().value(), number, "{context}");
                let scores = read_scores(&write_scores(&score)).expect("our scores.txt");
                assert_eq!(scores["max_TPR_FPR_1000"], number, "{context}");
                if !by_type.is_empty() {
                    let ours = score.present().map(|one| (one.name.clone(), one.metrics.get(Metric::RANKING)));
                    assert_eq!(&ours.collect::<BTreeMap<_, _>>(), by_type, "{context}");
                }
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 2 * (9 + 7));
}
