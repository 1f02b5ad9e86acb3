//! A small track as a real directory on disk.

use std::fs;
use std::path::Path;

use scoring::{Membership, Split};

/// The scenarios, in the order of scores.txt.
pub(crate) const SCENARIOS: [&str; 2] = ["tiny_hi", "tiny_lo"];
/// The target models of every scenario. Sorted by name `model_10` would come before `model_3`;
/// sorted by number it does not.
pub(crate) const MODELS: [(Split, &[&str]); 3] = [
    (Split::Train, &["model_1", "model_2"]),
    (Split::Dev, &["model_3", "model_10", "model_20"]),
    (Split::Final, &["model_30", "model_31", "model_32"]),
];
/// Challenge points of a model, half of them members.
pub(crate) const POINTS: usize = 10;

/// The hidden solution of one model: five members among ten points, in a different order from model
/// to model.
pub(crate) fn truth(scenario: &str, model: &str) -> [Membership; POINTS] {
    let number: usize = model.trim_start_matches("model_").parse().expect("a model's number");
    let shift = number + SCENARIOS.iter().position(|known| *known == scenario).expect("a scenario");
    std::array::from_fn(
        |point| if (point + shift).is_multiple_of(2) { Membership::Member } else { Membership::NonMember },
    )
}

/// The track directory: what it has besides the models.
#[derive(Default)]
pub(crate) struct TrackFiles {
    yaml: String,
    final_labels: FinalLabels,
    changed: Option<Change>,
}

/// What is other than in the usual directory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    /// The labels of one dev model are the opposite.
    DevLabels,
    /// The labels of one final model are.
    FinalLabels,
    /// There is one dev model more.
    Models,
}

#[derive(Default, PartialEq)]
enum FinalLabels {
    #[default]
    There,
    ComeLater,
}

impl TrackFiles {
    /// A track with this `track.yaml`.
    pub(crate) fn with_yaml(yaml: &str) -> Self {
        Self { yaml: yaml.to_owned(), ..Self::default() }
    }

    /// Without the final split's solutions, which an organiser may add until the close.
    pub(crate) fn without_final_labels(self) -> Self {
        Self { final_labels: FinalLabels::ComeLater, ..self }
    }

    /// With something changed.
    pub(crate) fn changed(change: Change) -> Self {
        Self { changed: Some(change), ..Self::default() }
    }

    /// Writes the directory.
    pub(crate) fn write(&self, root: &Path) {
        fs::create_dir_all(root).expect("a folder");
        if !self.yaml.is_empty() {
            fs::write(root.join("track.yaml"), &self.yaml).expect("track.yaml");
        }
        for scenario in SCENARIOS {
            for (split, models) in MODELS {
                for model in models {
                    let folder = root.join(scenario).join(split.as_str()).join(model);
                    fs::create_dir_all(&folder).expect("a folder");
                    if split != Split::Final || self.final_labels == FinalLabels::There {
                        fs::write(folder.join("solution.csv"), solution(scenario, model)).expect("solution.csv");
                    } else {
                        fs::write(folder.join("model.pt"), "a model").expect("model.pt");
                    }
                }
            }
        }
        let first = |split: &str, model: &str| root.join(SCENARIOS[0]).join(split).join(model);
        let opposite =
            |model: &str| solution(SCENARIOS[0], model).replace('0', "x").replace('1', "0").replace('x', "1");
        match self.changed {
            None => {}
            Some(Change::DevLabels) => {
                fs::write(first("dev", "model_3").join("solution.csv"), opposite("model_3")).expect("solution.csv");
            }
            Some(Change::FinalLabels) => {
                fs::write(first("final", "model_30").join("solution.csv"), opposite("model_30")).expect("solution.csv");
            }
            Some(Change::Models) => {
                fs::create_dir(first("dev", "model_21")).expect("a folder");
                fs::write(first("dev", "model_21").join("solution.csv"), opposite("model_3")).expect("solution.csv");
            }
        }
    }
}

fn solution(scenario: &str, model: &str) -> String {
    let labels = truth(scenario, model).map(|truth| if truth == Membership::Member { "1" } else { "0" });
    labels.join(",") + "\n"
}
