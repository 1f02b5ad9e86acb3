//! The plan of the demo's track: small networks on handwritten digits, trained on fewer and more images.

use super::plan::{ModelCounts, ScenarioPlan, TrainPlan};
use super::sgd::Schedule;
use super::split::Seed;

const TITLE: &str = "Handwritten digits";

const DESCRIPTION: &str =
    "Which handwritten digits was each small network trained on? Three sizes of training set, no differential privacy.";

/// A track of 240 small networks on the digits that ship with the program, trained in about a second.
///
/// Its three scenarios differ in the number of training rows and in nothing else; none has differential privacy.
/// The seed is fixed and public, so the solutions are no secret: this is a demo and not a contest.
pub fn demo_plan() -> TrainPlan {
    let scenario = |training: usize| ScenarioPlan {
        // Zeros in front keep the alphabetical order of scenarios that of their sizes.
        name: format!("digits_n{training:03}"),
        label: format!("{training} training images"),
        training,
        hidden: 32,
        schedule: Schedule { epochs: 30, batch: 32, rate: 0.1, momentum: 0.9, weight_decay: 0.01 },
    };
    TrainPlan {
        title: TITLE.to_owned(),
        description: DESCRIPTION.to_owned(),
        scenarios: [60, 120, 240].map(scenario).into(),
        models: ModelCounts { train: 32, dev: 24, r#final: 24 },
        challenge: 30,
        seed: Seed::from_text("callimico demo"),
    }
}
