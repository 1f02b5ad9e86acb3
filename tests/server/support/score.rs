//! What the scorer says when it is asked directly, and a final score as the reveal would store it.

use callimico::domain::entry::Candidate;
use callimico::domain::ids::ScoringId;
use callimico::domain::leaderboard::{ScenarioNumbers, ScenarioResult, SplitResult};
use callimico::store;
use scoring::{Interval, Limits, Split, SplitSolution, TrackScore};

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

/// Stores the final score of a submission and puts it on the final board.
pub(crate) async fn store_final_score(world: &World, submission: &str, score: &TrackScore) {
    let scenarios = score.scenarios.iter().map(|scenario| ScenarioResult {
        name: scenario.name.clone(),
        members: scenario.members,
        non_members: scenario.non_members,
        numbers: ScenarioNumbers::from(&scenario.metrics),
        grid: scenario.curve.grid(),
    });
    let result = SplitResult {
        scoring: ScoringId::generate(),
        average: score.average_tpr_fpr_1000,
        ranking: score.ranking(),
        interval: Interval { low: score.average_tpr_fpr_1000, high: score.average_tpr_fpr_1000 },
        scenarios: scenarios.collect(),
    };
    let mut db = world.app.db.begin().await.expect("a transaction");
    let submission =
        store::submission::by_id(&mut *db, World::id(submission)).await.expect("an answer").expect("a row");
    let now = world.app.clock.now();
    store::scoring::insert(&mut db, submission.id, Split::Final, (&result, &[result.average]), now)
        .await
        .expect("stored");
    let standing = Candidate {
        submission: submission.id,
        scoring: result.scoring,
        received_at: submission.received_at,
        ranking: result.ranking,
    };
    store::entry::put(&mut *db, submission.track, submission.participant, Split::Final, &standing)
        .await
        .expect("stored");
    db.commit().await.expect("a commit");
}
