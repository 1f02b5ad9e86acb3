//! A submission of MICO's size, the same at every call: 3 scenarios, 50 dev and
//! 50 final target models each, 200 challenge points a model.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use scoring::{Membership, ScenarioShape, Split, SplitSolution, TargetModel, TrackShape};

use crate::zip::{Item, Zip};

/// Challenge points of a model.
const POINTS: usize = 200;

/// The track's shape.
#[must_use]
pub fn shape() -> TrackShape {
    let models = |first: usize| -> Vec<TargetModel> {
        (first..first + 50).map(|n| TargetModel { name: format!("model_{n}"), points: POINTS }).collect()
    };
    let scenario = |name| ScenarioShape::new(name, [(Split::Dev, models(100)), (Split::Final, models(150))]);
    let scenarios = ["cifar10_hi", "cifar10_inf", "cifar10_lo"].map(scenario).to_vec();
    TrackShape::new("cifar10", scenarios).expect("a good shape")
}

/// Alternating labels, half of them members.
#[must_use]
pub fn solution(split: Split) -> SplitSolution {
    let label = |point| if point % 2 == 0 { Membership::Member } else { Membership::NonMember };
    let model: Vec<Membership> = (0..POINTS).map(label).collect();
    SplitSolution::new(&shape(), split, vec![vec![model; 50]; 3]).expect("a good solution")
}

/// The files with their paths. Members tend to have higher confidences; values
/// have as many digits as NumPy's `savetxt` writes by default.
#[must_use]
pub fn files() -> Vec<(String, String)> {
    let mut random = ChaCha8Rng::seed_from_u64(2023);
    let mut uniform = move || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut files = Vec::new();
    for scenario in shape().scenarios() {
        for split in Split::SUBMITTED {
            for model in scenario.models(split) {
                let value = |point| {
                    let (a, b) = (uniform(), uniform());
                    let confidence = if point % 2 == 0 { a.max(0.8 * b) } else { a };
                    format!("{confidence:.18e}")
                };
                let values: Vec<String> = (0..model.points).map(value).collect();
                let path = format!("cifar10/{}/{split}/{}/prediction.csv", scenario.name(), model.name);
                files.push((path, values.join(",") + "\n"));
            }
        }
    }
    files
}

/// The zip of [`files`], deflated: 300 files, 60,000 numbers.
#[must_use]
pub fn archive() -> Vec<u8> {
    let items = files().iter().map(|(path, content)| Item::deflated(path, content.as_bytes())).collect();
    Zip::of(items).bytes()
}
