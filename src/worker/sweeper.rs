//! The sweeper: finds what was forgotten, and clears away what nobody needs.

use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;

use crate::app::App;
use crate::objects::ObjectKey;
use crate::store;

/// How often to look for forgotten submissions.
const EVERY: Duration = Duration::from_secs(60);
/// How often to look through the stored bytes, in rounds of the above: there may be very many.
const ROUNDS_BETWEEN_CLEARINGS: u32 = 60;
/// No upload takes this long between its first byte and its row.
const ORPHANED_AFTER: Duration = Duration::from_secs(3600);

/// Sweeps once a minute until `stop` turns true.
pub(super) async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut round: u32 = 0;
    while !*stop.borrow() {
        let outcome = match find_forgotten(&app).await {
            Ok(()) if round.is_multiple_of(ROUNDS_BETWEEN_CLEARINGS) => clear_orphans(&app, ORPHANED_AFTER).await,
            other => other,
        };
        if let Err(error) = outcome {
            tracing::warn!(error = format!("{error:#}"), "the sweeper could not finish; trying again in a minute");
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Puts submissions that wait for a score without a job back into the queue, and forgets dead sessions.
async fn find_forgotten(app: &App) -> anyhow::Result<()> {
    let forgotten = store::job::enqueue_forgotten(&app.db).await.context("looking for forgotten submissions")?;
    if forgotten > 0 {
        tracing::warn!(forgotten, "put forgotten submissions back into the queue");
    }
    store::session::delete_expired(&app.db, app.clock.now()).await.context("removing dead sessions")?;
    Ok(())
}

/// Removes bytes that became no submission: staged ones of a killed process, and kept ones without a row.
///
/// # Errors
/// The database or the disk cannot answer.
pub async fn clear_orphans(app: &App, older_than: Duration) -> anyhow::Result<()> {
    app.objects.remove_stale_staged(older_than).await.context("removing stale uploads")?;
    let old = app.objects.uploads_older_than(older_than).await.context("listing uploads")?;
    for some in old.chunks(1000) {
        let kept = store::submission::keep_objects_of(&app.db, some).await.context("looking for orphaned uploads")?;
        for orphan in some.iter().filter(|id| !kept.contains(id)) {
            tracing::info!(submission = %orphan, "removing an upload that became no submission");
            app.objects.remove(ObjectKey::Upload(*orphan)).await.context("removing an orphaned upload")?;
        }
    }
    Ok(())
}
