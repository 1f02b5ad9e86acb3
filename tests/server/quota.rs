//! Limits: attempts per day, attempts in total, and what counts as an attempt.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use time::Duration;
use time::macros::datetime;
use tokio::task::JoinSet;

use crate::support::{NOW, Upload, World};

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn of_fifty_uploads_at_once_with_one_attempt_left_one_is_taken(pool: PgPoolOptions, db: PgConnectOptions) {
    let db = pool.max_connections(10).connect_with(db).await.expect("a database");
    let world = Arc::new(World::with_yaml(db.clone(), "limits: {per_day: 3}\n").await);
    let ada = world.participant("ada").await;
    for hits in [1, 2] {
        ada.submitted(&world, Upload::hitting(hits).zip()).await;
    }
    let mut uploads = JoinSet::new();
    for _ in 0..50 {
        let (world, ada) = (Arc::clone(&world), ada.clone());
        uploads.spawn(async move { ada.submit(&world, Upload::hitting(3).zip()).await });
    }
    let (taken, refused): (Vec<_>, Vec<_>) =
        uploads.join_all().await.into_iter().partition(|answer| answer.status == StatusCode::CREATED);
    assert_eq!((taken.len(), refused.len()), (1, 49));
    assert_eq!(taken[0].json()["attempts_left"], json!({"today": 0, "total": 997}));
    for answer in refused {
        let problem = answer.problem(StatusCode::TOO_MANY_REQUESTS, "limit_today");
        assert_eq!(problem["next_attempt_at"], "2026-11-24T00:00:00Z");
        assert_eq!(answer.header(header::RETRY_AFTER), "43201");
    }
    assert_eq!(world.count("submissions").await, 3);
    assert_eq!(world.count("jobs").await, 3);
    assert_eq!(world.files(), (3, 0), "bytes of refused uploads were kept");
    db.close().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_days_attempts_come_back_at_utc_midnight(db: PgPool) {
    let world = World::with_yaml(db, "limits: {per_day: 1}\n").await;
    let ada = world.participant("ada").await;
    ada.submitted(&world, Upload::hitting(1).zip()).await;
    world.wait(datetime!(2026-11-23 23:59:59.999999 UTC) - NOW);
    let refused = ada.submit(&world, Upload::hitting(2).zip()).await;
    let problem = refused.problem(StatusCode::TOO_MANY_REQUESTS, "limit_today");
    assert_eq!(problem["next_attempt_at"], "2026-11-24T00:00:00Z");
    assert_eq!(refused.header(header::RETRY_AFTER), "1");
    world.wait(Duration::microseconds(1));
    ada.submitted(&world, Upload::hitting(2).zip()).await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn when_all_attempts_are_used_no_day_brings_another(db: PgPool) {
    let world = World::with_yaml(db, "limits: {per_day: 2, total: 3}\n").await;
    let ada = world.participant("ada").await;
    let mut left = Vec::new();
    for (hits, days) in [(1, 0), (2, 1), (3, 0)] {
        let receipt = ada.submit(&world, Upload::hitting(hits).zip()).await.expect(StatusCode::CREATED).json();
        left.push(receipt["attempts_left"].clone());
        world.wait(Duration::days(days));
    }
    // Never more left today than in total.
    let expected = [json!({"today": 1, "total": 2}), json!({"today": 0, "total": 1}), json!({"today": 0, "total": 0})];
    assert_eq!(left, expected);
    world.wait(Duration::days(30));
    let refused = ada.submit(&world, Upload::hitting(4).zip()).await;
    let problem = refused.problem(StatusCode::TOO_MANY_REQUESTS, "limit_total");
    assert_eq!(problem.get("next_attempt_at"), None);
    assert_eq!(refused.headers.get(header::RETRY_AFTER), None);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn neither_a_rejected_nor_a_failed_submission_uses_an_attempt(db: PgPool) {
    let world = World::with_yaml(db, "limits: {per_day: 1}\n").await;
    let ada = world.participant("ada").await;
    ada.submit(&world, "not a zip").await.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    let id = ada.submitted(&world, Upload::hitting(1).zip()).await;
    assert_eq!(ada.looks_at(&world, &id).await["attempts_left"]["today"], 0);
    world.sql("update submissions set state = 'failed' where state = 'queued'").await;
    assert_eq!(ada.looks_at(&world, &id).await["attempts_left"]["today"], 1);
    ada.submitted(&world, Upload::hitting(2).zip()).await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn everybody_has_attempts_of_their_own(db: PgPool) {
    let world = World::with_yaml(db, "limits: {per_day: 1}\n").await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    ada.submitted(&world, Upload::hitting(1).zip()).await;
    bob.submitted(&world, Upload::hitting(1).zip()).await;
    bob.submit(&world, Upload::hitting(1).zip()).await.problem(StatusCode::TOO_MANY_REQUESTS, "limit_today");
}
