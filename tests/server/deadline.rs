//! The deadline: what counts is when an upload has arrived completely.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use sqlx::PgPool;
use time::Duration;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::support::{Answer, Upload, World};

/// Opened an hour ago and closes in an hour.
const DATES: &str = "dates: {opens: 2026-11-23T11:00:00Z, closes: 2026-11-23T13:00:00Z}\n";

/// Sends the first half of a zip, waits for `meanwhile`, and sends the rest.
async fn submit_slowly(world: &Arc<World>, zip: Vec<u8>, meanwhile: impl Future<Output = ()>) -> Answer {
    let ada = world.participant("ada").await;
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let body = Body::from_stream(ReceiverStream::new(receiver).map(Ok::<_, std::io::Error>));
    let upload = {
        let world = Arc::clone(world);
        tokio::spawn(async move { ada.submit(&world, body).await })
    };
    let (first, rest) = zip.split_at(zip.len() / 2);
    sender.send(first.to_vec().into()).await.expect("the server reads");
    // The channel has room for one piece: when there is room again, the first piece has been read.
    drop(sender.reserve().await.expect("the server reads"));
    meanwhile.await;
    sender.send(rest.to_vec().into()).await.expect("the server reads");
    drop(sender);
    upload.await.expect("an answer")
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_upload_counts_until_just_before_the_close_and_not_from_then_on(db: PgPool) {
    let world = World::with_yaml(db, DATES).await;
    let ada = world.participant("ada").await;
    world.wait(Duration::HOUR - Duration::MICROSECOND);
    ada.submitted(&world, Upload::hitting(1).zip()).await;
    for late in [Duration::MICROSECOND, Duration::DAY] {
        world.wait(late);
        let problem = ada.submit(&world, Upload::hitting(2).zip()).await.problem(StatusCode::FORBIDDEN, "closed");
        assert_eq!(problem["detail"], "The track closed at 2026-11-23T13:00:00Z.");
    }
    assert_eq!(world.count("submissions").await, 1);
    // An upload that arrived in time is scored even after the close.
    assert_eq!(world.drain().await.len(), 1);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn nothing_is_taken_before_the_track_opens(db: PgPool) {
    let world = World::with_yaml(db, "dates: {opens: 2026-11-23T12:00:01Z}\n").await;
    let ada = world.participant("ada").await;
    let problem = ada.submit(&world, Upload::hitting(1).zip()).await.problem(StatusCode::FORBIDDEN, "not_open");
    assert_eq!(problem["detail"], "The track opens at 2026-11-23T12:00:01Z.");
    world.assert_nothing_kept().await;
    world.wait(Duration::SECOND);
    ada.submitted(&world, Upload::hitting(1).zip()).await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_upload_begun_before_the_close_and_finished_after_it_is_late(db: PgPool) {
    let world = Arc::new(World::with_yaml(db, DATES).await);
    let late = submit_slowly(&world, Upload::hitting(1).zip(), async { world.wait(Duration::HOUR) }).await;
    late.problem(StatusCode::FORBIDDEN, "closed");
    world.assert_nothing_kept().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_broken_upload_that_is_late_is_late_before_it_is_broken(db: PgPool) {
    let world = Arc::new(World::with_yaml(db, DATES).await);
    let late = submit_slowly(&world, b"not a zip".to_vec(), async { world.wait(Duration::HOUR) }).await;
    late.problem(StatusCode::FORBIDDEN, "closed");
    world.assert_nothing_kept().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_upload_over_midnight_counts_for_the_day_on_which_it_arrived_whole(db: PgPool) {
    let world = Arc::new(World::with_yaml(db, "limits: {per_day: 1}\n").await);
    let answer = submit_slowly(&world, Upload::hitting(1).zip(), async { world.wait(Duration::hours(12)) }).await;
    let receipt = answer.expect(StatusCode::CREATED).json();
    assert_eq!(receipt["received_at"], "2026-11-24T00:00:00Z");
    assert_eq!(receipt["attempts_left"]["today"], 0);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_an_organiser_changes_while_an_upload_is_under_way_holds_for_it(db: PgPool) {
    let world = Arc::new(World::with_yaml(db, DATES).await);
    let closed = submit_slowly(&world, Upload::hitting(1).zip(), world.close()).await;
    closed.problem(StatusCode::FORBIDDEN, "closed");
    world.assert_nothing_kept().await;

    world.sql("update tracks set phase = 'open', closes_at = '2026-11-23T13:00Z'; delete from users; delete from participants").await;
    let extended = submit_slowly(&world, Upload::hitting(1).zip(), async {
        world.sql("update tracks set closes_at = closes_at + interval '1 day'").await;
        world.wait(Duration::hours(2));
    });
    extended.await.expect(StatusCode::CREATED);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn only_an_open_track_takes_uploads_whatever_its_dates(db: PgPool) {
    let world = World::with_yaml(db, DATES).await;
    let ada = world.participant("ada").await;
    for (statement, code) in [
        ("update tracks set phase = 'draft'", "not_open"),
        ("update tracks set phase = 'closed'", "closed"),
        ("update tracks set phase = 'revealed'", "closed"),
    ] {
        world.sql(statement).await;
        ada.submit(&world, Upload::hitting(1).zip()).await.problem(StatusCode::FORBIDDEN, code);
        // With an idempotency key the phase is checked later, but the answer is the same.
        ada.submit_under(&world, code, Upload::hitting(1).zip()).await.problem(StatusCode::FORBIDDEN, code);
    }
    world.assert_nothing_kept().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn who_is_denied_or_leaves_while_an_upload_is_under_way_has_sent_it_for_nothing(db: PgPool) {
    let world = Arc::new(World::with_yaml(db, DATES).await);
    for (statement, code) in [
        ("update participants set status = 'denied'", "denied"),
        ("update participants set status = 'pending'", "not_approved_yet"),
        ("update participants set status = 'withdrawn'", "not_enrolled"),
    ] {
        let refused = submit_slowly(&world, Upload::hitting(1).zip(), world.sql(statement)).await;
        refused.problem(StatusCode::FORBIDDEN, code);
        world.assert_nothing_kept().await;
        world.sql("delete from users; delete from participants").await;
    }
}
