//! The plan of the demo's track: small networks on handwritten digits, trained on fewer and more images.

use super::plan::{ModelCounts, ScenarioPlan, TrainPlan};
use super::sgd::Schedule;
use super::split::Seed;

const TITLE: &str = "Handwritten digits";

const DESCRIPTION: &str = "\
Which images was a network trained on? Each network reads handwritten digits of 8 x 8 pixels. For each you are given \
60 images: it was trained on 30 of them and has never seen the other 30.

The scenarios differ in how many images a network was trained on in all: 60, 120 or 240. The fewer they are, the more \
the network gives away about each. All networks have 32 hidden units and were trained for 30 epochs with weight decay, \
without differential privacy.

The images are from *Optical Recognition of Handwritten Digits* by E. Alpaydin and C. Kaynak (UCI Machine Learning \
Repository, 1998, [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)).
";

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
