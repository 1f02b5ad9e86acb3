//! When the disk or the database fails: the server says so, leaves nothing half done, and works as
//! before once it is over.

use std::fs;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use callimico::app::App;
use callimico::clock::Clock;
use callimico::config::LimitsConfig;
use callimico::objects::Objects;
use callimico::worker;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::support::{Actor, Answer, NOW, TRACK_URL, Upload, World};

/// Asserts that the answer is 503 and says when to try again.
fn assert_unavailable(answer: &Answer) {
    answer.problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    assert_eq!(answer.header(header::RETRY_AFTER), "5");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn while_the_disk_refuses_no_upload_is_taken_and_none_is_counted(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    // The folders where uploads arrive and where they are stored.
    for folder in [world.staged(), world.uploads()] {
        fs::remove_dir(&folder).expect("an empty folder");
        fs::write(&folder, "not a folder").expect("written");
        assert_unavailable(&ada.submit(&world, Upload::hitting(5).zip()).await);
        fs::remove_file(&folder).expect("removed");
        fs::create_dir(&folder).expect("made");
        world.assert_nothing_kept().await;
    }
    let receipt = ada.submit(&world, Upload::hitting(5).zip()).await.expect(StatusCode::CREATED).json();
    assert_eq!(receipt["attempts_left"]["today"], 29);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn while_the_database_is_away_everything_answers_503(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    world.app.db.close().await;
    for url in [TRACK_URL, "/api/v1/competitions", "/api/v1/submissions/0193f2a0-0000-7000-8000-000000000000"] {
        assert_unavailable(&ada.get(&world, url).await);
    }
    assert_unavailable(&ada.submit(&world, Upload::hitting(5).zip()).await);
    assert_eq!(world.files(), (0, 0));
    let page = Actor::visitor().get(&world, "/").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.header(header::RETRY_AFTER), "5");
    let ready = Actor::visitor().get(&world, "/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    // The process itself is alive.
    assert_eq!(Actor::visitor().get(&world, "/healthz").await.expect(StatusCode::OK).text(), "ok\n");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_database_that_goes_away_under_an_upload_leaves_no_half_of_it(pool: PgPoolOptions, db: PgConnectOptions) {
    let world = World::new(pool.clone().connect_with(db.clone()).await.expect("a database")).await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting(5).zip();
    let away = world.app.db.clone();
    let pieces = futures_util::stream::once(async move {
        // By now the sender is authenticated and the upload has begun.
        away.close().await;
        Ok::<_, std::io::Error>(Bytes::from(zip))
    });
    assert_unavailable(&ada.submit(&world, Body::from_stream(Box::pin(pieces))).await);

    // Once it is back, there is no row; and if a file was stored, the sweeper finds that it is an
    // orphan.
    let back = pool.connect_with(db).await.expect("a database");
    let objects =
        Objects::open(&format!("file:{}", world.uploads().parent().expect("a folder").display()), "".as_ref());
    let app = App::new(back.clone(), objects.expect("a place"), Clock::fixed(NOW), LimitsConfig::default());
    worker::clear_orphans(&app, std::time::Duration::ZERO).await.expect("cleared");
    assert_eq!(world.files(), (0, 0));
    let rows: i64 = sqlx::query_scalar("select count(*) from submissions").fetch_one(&back).await.expect("a count");
    assert_eq!(rows, 0);
    back.close().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn while_the_database_is_read_only_boards_are_read_and_uploads_wait(pool: PgPoolOptions, db: PgConnectOptions) {
    let open = pool.clone().connect_with(db.clone()).await.expect("a database");
    let ada = {
        let world = World::new(open.clone()).await;
        world.participant("ada").await
    };
    open.close().await;
    let read_only = db.options([("default_transaction_read_only", "on")]);
    let world = World::on(pool.connect_with(read_only).await.expect("a database"), LimitsConfig::default(), None);
    Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard")).await.expect(StatusCode::OK);
    assert_unavailable(&ada.submit(&world, Upload::hitting(5).zip()).await);
    assert_eq!(world.count("submissions").await, 0);
    world.app.db.close().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn ready_means_that_database_and_disk_answer(db: PgPool) {
    let world = World::new(db).await;
    let visitor = Actor::visitor();
    assert_eq!(visitor.get(&world, "/readyz").await.expect(StatusCode::OK).text(), "ok\n");
    assert_eq!(world.files(), (0, 0), "the check left something behind");
    fs::remove_dir(world.staged()).expect("an empty folder");
    let answer = visitor.get(&world, "/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.text().contains("staged"), "{answer:?}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_fault_of_ours_tells_nobody_what_it_was(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    world.sql("update tracks set shape = '{\"secret_column\": 1}'").await;
    for url in [TRACK_URL, "/c/mico/tiny"] {
        let answer = ada.get(&world, url).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        for word in ["secret_column", "shape", "column", "sqlx", "tracks", "missing field"] {
            assert!(!answer.text().contains(word), "{url} tells of {word}: {}", answer.text());
        }
    }
    ada.submit(&world, Upload::hitting(5).zip()).await.problem(StatusCode::INTERNAL_SERVER_ERROR, "internal");
    world.assert_nothing_kept().await;
}
