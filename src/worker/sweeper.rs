//! The sweeper: finds what was forgotten, and clears away what nobody needs. It must never clear on the word of a
//! database that is not the objects' own, and it deletes no upload that was not set aside for a month before.

use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::App;
use crate::service::competing;
use crate::service::entries::{self, Freeze};
use crate::service::{lifecycle, rankings};
use crate::store;

/// How often to look whether a track is to be closed or its entries are to be frozen: a freeze comes within five seconds of
/// the moment when it may.
const BETWEEN_STEPS: Duration = Duration::from_secs(2);
/// How often to look for forgotten submissions.
const EVERY: Duration = Duration::from_secs(60);
/// How often to look through the stored bytes: there may be very many.
const BETWEEN_CLEARINGS: Duration = Duration::from_secs(3600);
/// No upload takes this long between its first byte and its row.
const ORPHANED_AFTER: Duration = Duration::from_secs(3600);
/// No release takes this long between two of its files; one that does begins them again.
const UNRELEASED_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long an upload that was set aside can be taken back.
const KEPT_ASIDE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Sweeps until `stop` turns true: every two seconds what a date or a last score brings about, once a minute what was
/// forgotten, and beside both, because there may be very many files, what nobody needs.
pub(super) async fn run(app: App, stop: watch::Receiver<bool>) {
    tokio::join!(look_after_tracks(&app, stop.clone()), clear_away(&app, stop));
}

async fn look_after_tracks(app: &App, mut stop: watch::Receiver<bool>) {
    let mut next_look = Instant::now();
    while !*stop.borrow() {
        if let Err(error) = take_due_steps(app).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "could not look after the tracks; trying again in two seconds"
            );
        }
        if Instant::now() >= next_look {
            next_look = Instant::now() + EVERY;
            if let Err(error) = find_forgotten(app).await {
                tracing::warn!(error = format!("{error:#}"), "the sweeper could not finish; trying again in a minute");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_STEPS) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn clear_away(app: &App, mut stop: watch::Receiver<bool>) {
    // Not at the start: whoever has set something up wrongly gets time to notice.
    let mut wait = BETWEEN_CLEARINGS;
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.changed() => continue,
        }
        wait = BETWEEN_CLEARINGS;
        if let Err(error) = clear_orphans(app, ORPHANED_AFTER).await {
            wait = EVERY;
            tracing::warn!(error = format!("{error:#}"), "could not clear away; trying again in a minute");
        }
    }
}

/// Takes the steps of a track's life that nobody has to ask for: closes at the date, freezes the entries once nothing is
/// waited for, and makes an official ranking that waited for its last score.
///
/// # Errors
/// The database cannot answer.
pub async fn take_due_steps(app: &App) -> anyhow::Result<()> {
    let now = app.database_time(&app.db).await.context("asking the database for the time")?;
    // What goes wrong with one track does not keep the others waiting.
    for track in store::track::to_close(&app.db, now).await.context("looking for tracks to close")? {
        match lifecycle::close_at_its_date(app, track).await {
            Ok(true) => tracing::info!(%track, "closed at its date"),
            Ok(false) => {}
            Err(error) => tracing::error!(%track, %error, "could not close a track; trying again in two seconds"),
        }
    }
    for track in store::track::to_freeze(&app.db).await.context("looking for entries to freeze")? {
        match entries::freeze(app, track).await {
            Ok(Freeze::Done) => tracing::info!(%track, "the official entries are frozen"),
            Ok(_) => {}
            Err(error) => tracing::error!(%track, %error, "could not freeze entries; trying again in two seconds"),
        }
    }
    for track in store::track::to_rank(&app.db).await.context("looking for rankings to make")? {
        match rankings::make_waiting(app, track).await {
            Ok(true) => tracing::info!(%track, "a new version of the official ranking is public"),
            Ok(false) => {}
            Err(error) => tracing::error!(%track, %error, "could not make a ranking; trying again in two seconds"),
        }
    }
    Ok(())
}

/// Puts submissions that wait for a score without a job back into the queue, and forgets dead sessions.
async fn find_forgotten(app: &App) -> anyhow::Result<()> {
    competing::mark_staff(app).await.context("taking staff out of the competition")?;
    let forgotten = store::job::enqueue_forgotten(&app.db).await.context("looking for forgotten submissions")?;
    if forgotten > 0 {
        tracing::warn!(forgotten, "put forgotten submissions back into the queue");
    }
    store::session::delete_expired(&app.db, app.clock.now()).await.context("removing dead sessions")?;
    Ok(())
}

/// Clears away bytes that became no submission: removes staged ones of a killed process, sets kept ones without a
/// row aside, and removes what was set aside a month ago.
///
/// # Errors
/// The objects are not this database's, or the database or the disk cannot answer.
pub async fn clear_orphans(app: &App, older_than: Duration) -> anyhow::Result<()> {
    app.check_objects().await.context("comparing database and objects")?;
    app.objects.remove_stale_staged(older_than).await.context("removing stale uploads")?;
    let old = app.objects.uploads_older_than(older_than).await.context("listing uploads")?;
    for some in old.chunks(1000) {
        let kept = store::submission::keep_objects_of(&app.db, some).await.context("looking for orphaned uploads")?;
        for orphan in some.iter().filter(|id| !kept.contains(id)) {
            tracing::warn!(submission = %orphan, "setting aside an upload that became no submission");
            app.objects.set_aside(*orphan).await.context("setting an orphaned upload aside")?;
        }
    }
    let old = app.objects.releases_older_than(UNRELEASED_AFTER).await.context("listing files for participants")?;
    for some in old.chunks(1000) {
        let known = store::release::known(&app.db, some).await.context("looking for files of no release")?;
        for forgotten in some.iter().filter(|id| !known.contains(id)) {
            tracing::warn!(file = %forgotten, "removing a file that is part of no release");
            app.objects.remove_release(*forgotten).await.context("removing a file of no release")?;
        }
    }
    app.objects.remove_set_aside(KEPT_ASIDE).await.context("removing uploads that were set aside")?;
    Ok(())
}
