//! The plans of the demo's tracks: small networks on handwritten digits, without and with
//! differential privacy.

use super::plan::{ModelCounts, Privacy, ScenarioPlan, TrainPlan};
use super::sgd::Schedule;
use super::split::Seed;

const TITLE: &str = "Handwritten digits";

const DESCRIPTION: &str = "Which handwritten digits was each small network trained on? Without differential privacy, \
                           and with more and more of it.";

const ENDED_TITLE: &str = "Handwritten digits, the first round";

const ENDED_DESCRIPTION: &str =
    "A small track that has ended: its final ranking is out, and it goes on as a benchmark.";

/// A track of 600 small networks on the digits that ship with the program, trained in a few
/// seconds.
///
/// Its three scenarios are those of MICO: no differential privacy, epsilon 10 and epsilon 4. The
/// seed is fixed and public, so anybody can compute the solutions: this is a demo and not a
/// contest.
pub fn demo_plan() -> TrainPlan {
    TrainPlan {
        title: TITLE.to_owned(),
        description: DESCRIPTION.to_owned(),
        scenarios: vec![
            scenario("digits_inf", "No DP", None),
            scenario("digits_hi", "High ε", Some(10.0)),
            scenario("digits_lo", "Low ε", Some(4.0)),
        ],
        models: ModelCounts { train: 100, dev: 50, r#final: 50 },
        challenge: 30,
        seed: Seed::from_text("callimico demo"),
    }
}

/// A track of 80 networks beside it, for a competition that has ended: so few that scores are
/// uncertain and places change between dev and final. Its seed is fixed and public as well.
pub fn ended_demo_plan() -> TrainPlan {
    TrainPlan {
        title: ENDED_TITLE.to_owned(),
        description: ENDED_DESCRIPTION.to_owned(),
        scenarios: vec![scenario("first_inf", "No DP", None), scenario("first_hi", "High ε", Some(10.0))],
        models: ModelCounts { train: 20, dev: 8, r#final: 12 },
        challenge: 30,
        seed: Seed::from_text("callimico demo, the first round"),
    }
}

fn scenario(name: &str, label: &str, epsilon: Option<f64>) -> ScenarioPlan {
    ScenarioPlan {
        name: name.to_owned(),
        label: label.to_owned(),
        // Few rows, so that the networks memorise them: with 400, the attacks find half as many
        // members.
        training: 120,
        hidden: 128,
        schedule: match epsilon {
            None => Schedule { epochs: 40, batch: 32, rate: 0.1, momentum: 0.9, weight_decay: 0.0 },
            Some(_) => Schedule { epochs: 30, batch: 60, rate: 1.0, momentum: 0.0, weight_decay: 0.0 },
        },
        privacy: epsilon.map(|epsilon| Privacy { epsilon, delta: 1e-5, clipping_norm: 1.0 }),
    }
}
