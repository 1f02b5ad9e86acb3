//! Scores computed directly, without the server.

use scoring::{Limits, Split, SplitSolution, TrackScore};

use super::track::{MODELS, SCENARIOS, truth};
use super::world::World;

/// The score of a zip on a split.
pub(crate) async fn score_of(world: &World, zip: &[u8], split: Split) -> TrackScore {
    let shape = world.track().await.shape;
    let validated = scoring::validate_archive(zip, &shape, &Limits::for_shape(&shape, 2_000_000)).expect("a good zip");
    let models = MODELS.iter().find(|(known, _)| *known == split).expect("a split").1;
    let labels = SCENARIOS.map(|scenario| models.iter().map(|model| truth(scenario, model).to_vec()).collect());
    let solution = SplitSolution::new(&shape, split, labels.to_vec()).expect("a solution");
    scoring::score(&shape, split, validated.predictions.split(split).expect("predictions"), &solution).expect("a score")
}
