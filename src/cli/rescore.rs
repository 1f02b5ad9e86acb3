//! Rescorings, as `callimico track rescore` and `callimico submission rescore` have them: begun and waited for, applied,
//! thrown away.

use serde_json::{Value, json};

use super::Failure;
use crate::app::App;
use crate::domain::ids::{BatchId, SubmissionId};
use crate::domain::slug::TrackPath;
use crate::domain::visibility::VisibleSplit;
use crate::service::lifecycle::{By, StepError};
use crate::service::rescoring::{self, RescoringError};
use crate::store;
use crate::store::rescoring::Difference;

/// Has a track's submissions scored anew, or one of them; waits for it, and prints what would change.
pub(super) async fn begin(
    app: &App,
    track: &TrackPath,
    submission: Option<SubmissionId>,
    by: By<'_>,
    json: bool,
) -> Result<(), Failure> {
    let batch = rescoring::begin(app, track, submission, by).await?;
    wait_and_tell(app, track, batch, json).await
}

/// Lets the results of a rescoring stand.
pub(super) async fn apply(app: &App, track: &TrackPath, batch: BatchId, by: By<'_>, json: bool) -> Result<(), Failure> {
    check_batch(app, track, batch).await?;
    let log = rescoring::apply(app, batch, by).await?;
    if json {
        super::output::line!("{}", json!({ "batch": batch.to_string(), "state": "applied", "log": log }));
    }
    super::progress::message!("the results of {batch} stand now");
    Ok(())
}

/// Throws the results of a rescoring away.
pub(super) async fn drop_batch(app: &App, track: &TrackPath, batch: BatchId, json: bool) -> Result<(), Failure> {
    check_batch(app, track, batch).await?;
    rescoring::drop_batch(app, batch).await?;
    if json {
        super::output::line!("{}", json!({ "batch": batch.to_string(), "state": "dropped" }));
    }
    super::progress::message!("the results of {batch} are thrown away; the scores before stand");
    Ok(())
}

async fn check_batch(app: &App, track: &TrackPath, batch: BatchId) -> Result<(), Failure> {
    match rescoring::of_track(app, track, batch).await? {
        Some(_) => Ok(()),
        None => Err(RescoringError::NoBatch(batch).into()),
    }
}

/// Waits until all of a rescoring is scored, and prints what it would change.
async fn wait_and_tell(app: &App, path: &TrackPath, batch: BatchId, json: bool) -> Result<(), Failure> {
    super::progress::message!("rescoring {batch}");
    let mut last = (-1, tokio::time::Instant::now());
    let done = loop {
        let known = rescoring::of_track(app, path, batch).await?.ok_or(RescoringError::NoBatch(batch))?;
        if known.waiting == 0 {
            break known;
        }
        if known.ready != last.0 {
            last = (known.ready, tokio::time::Instant::now());
            super::progress::message!("{} of {} scores", known.ready, known.ready + known.waiting + known.failed);
        } else if last.1.elapsed() > super::PATIENCE {
            last.1 = tokio::time::Instant::now();
            super::progress::message!("no score for a while: does a server or a worker run? (`callimico worker`)");
        }
        tokio::time::sleep(super::LOOK).await;
    };
    let track = store::track::by_path(&app.db, path).await?.ok_or_else(|| StepError::NoTrack(path.clone()))?;
    let visible = VisibleSplit::difference_on_the_server(batch, track.ending.final_begun_at.is_some());
    let difference = store::rescoring::difference(&app.db, visible).await?;
    let changed: Vec<&Difference> = difference.iter().filter(|one| one.differs).collect();
    if json {
        let rows = changed.iter().map(|one| {
            json!({ "submission": one.submission, "participant": one.participant, "split": one.split.as_str(),
                    "old": one.old, "new": one.new })
        });
        let rows: Vec<Value> = rows.collect();
        super::output::line!("{}", json!({ "batch": batch.to_string(), "scores": difference.len(), "changed": rows }));
    } else {
        for one in &changed {
            super::output::line!(
                "{}  {:<5}  {:.4} -> {:.4}  {}",
                one.submission,
                one.split,
                one.old,
                one.new,
                one.participant
            );
        }
    }
    super::progress::message!(
        "{} of {} scores would change, {} failed; apply it with `callimico track rescore {path} --apply {batch}`, or \
         throw it away with --drop",
        changed.len(),
        difference.len(),
        done.failed
    );
    Ok(())
}
