//! Scores one submission on one split: archive in, numbers out.

use anyhow::Context;
use scoring::{Bootstrap, Interval, Limits, REPLICATES, Split, SplitSolution, TrackShape};

use crate::app::App;
use crate::domain::ids::{ParticipantId, ScoringId, TrackId};
use crate::domain::leaderboard::{ScenarioResult, SplitResult};
use crate::objects::ObjectKey;
use crate::store;
use crate::store::job::Job;

/// A score, and what is needed to store it.
#[derive(Debug)]
pub struct Scored {
    /// The track.
    pub track: TrackId,
    /// Whose submission it is.
    pub participant: ParticipantId,
    /// Whether it was sent to the benchmark.
    pub is_benchmark: bool,
    /// The numbers.
    pub result: SplitResult,
    /// The ranking number over the bootstrap's draws.
    pub replicates: Vec<f64>,
    /// The version of the labels that it was scored against.
    pub labels_version: i32,
}

/// Scores a submission, against the labels of its rescoring where it is part of one, and otherwise against those that hold
/// now.
pub(super) async fn submission(app: &App, job: Job) -> anyhow::Result<Scored> {
    let Job { submission: id, split, batch, .. } = job;
    let submission = store::submission::by_id(&app.db, id).await?.context("the submission is gone")?;
    let track = store::track::by_id(&app.db, submission.track).await?.context("the track is gone")?;
    let archive = app.objects.read(&ObjectKey::Upload(id)).await?.context("the upload is gone")?;
    let labels_version = match batch {
        Some(batch) => store::rescoring::by_id(&app.db, batch).await?.context("the rescoring is gone")?.labels_version,
        None => track.ending.labels_version,
    };
    let solution = store::solution::of_split(&app.db, (track.id, labels_version), &track.shape, split).await?;
    let (shape, limit) = (track.shape, track.settings.limits.bytes);
    let (result, replicates) = tokio::task::spawn_blocking(move || {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).max(archive.len());
        let limits = Limits::for_shape(&shape, limit);
        archive_on_split(&archive, &Reference { shape, limits, split, solution })
    })
    .await
    .context("the scorer broke off")??;
    let (participant, is_benchmark) = (submission.participant, submission.is_benchmark);
    Ok(Scored { track: track.id, participant, is_benchmark, result, replicates, labels_version })
}

/// What an archive is scored against.
struct Reference {
    shape: TrackShape,
    limits: Limits,
    split: Split,
    solution: SplitSolution,
}

fn archive_on_split(archive: &[u8], reference: &Reference) -> anyhow::Result<(SplitResult, Vec<f64>)> {
    let validated = scoring::validate_archive(archive, &reference.shape, &reference.limits)
        .context("an upload that was taken no longer passes its check")?;
    let predictions = validated.predictions.split(reference.split).context("the split is no part of an upload")?;
    let score = scoring::score(&reference.shape, reference.split, predictions, &reference.solution)?;
    // Seeded by the slug that the shape carries, as offline: the same upload has the same interval everywhere.
    let bootstrap = Bootstrap::new(&reference.shape, reference.split, reference.shape.slug(), REPLICATES);
    let replicates = bootstrap.ranking_numbers(predictions, &reference.solution)?;
    let scenarios = score
        .present()
        .map(|scenario| ScenarioResult {
            name: scenario.name.clone(),
            members: scenario.counts.members,
            non_members: scenario.counts.non_members,
            counts: Some(scenario.counts),
            numbers: scenario.metrics,
            grid: Some(scenario.curve.grid()),
        })
        .collect();
    let result = SplitResult {
        scoring: ScoringId::generate(),
        ranking_value: score.ranking_value,
        ranking: score.ranking(),
        interval: Interval::percentile_95(&replicates),
        scenarios,
    };
    Ok((result, replicates))
}
