//! Live updates: server-sent events of the board, and long polls that wait until a submission is
//! done.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use serde_json::json;
use sqlx::PgPool;
use tokio::time::{Instant, timeout};

use crate::support::{Actor, TRACK_URL, Upload, World};

/// Long enough for any pending event to arrive.
const A_WHILE: Duration = Duration::from_millis(400);
/// The timeout: nothing should take this long.
const TOO_LONG: Duration = Duration::from_secs(10);

/// The board's event stream, from now on or from the event after `last`.
async fn events(world: &World, last: Option<&str>) -> BodyDataStream {
    let mut request = Actor::visitor().request("GET", &format!("{TRACK_URL}/leaderboard/events"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = world.open(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    response.into_body().into_data_stream()
}

async fn next(events: &mut BodyDataStream) -> String {
    let event = timeout(TOO_LONG, events.next()).await.expect("an event in time");
    String::from_utf8(event.expect("the stream goes on").expect("no error").to_vec()).expect("UTF-8")
}

async fn assert_quiet(events: &mut BodyDataStream) {
    if let Ok(event) = timeout(A_WHILE, events.next()).await {
        panic!("an event too many: {event:?}");
    }
}

async fn scored(world: &World, actor: &Actor, hits: usize) {
    actor.submitted(world, Upload::hitting(hits).zip()).await;
    world.drain().await;
}

/// The event for a change of the board. The opening is version 1, so change 1 is version 2.
fn event(change: u32) -> String {
    let version = change + 1;
    format!(
        "event: leaderboard\nid: {version}\ndata: {{\"track\":\"mico/tiny\",\"split\":\"dev\",\"version\":{version}}}\n\n"
    )
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn each_change_of_the_board_is_one_event_and_nothing_else_is(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    scored(&world, &ada, 1).await;
    let (mut one, mut two) = (events(&world, None).await, events(&world, None).await);
    assert_quiet(&mut one).await;
    scored(&world, &ada, 2).await;
    // Every listener gets it.
    assert_eq!([next(&mut one).await, next(&mut two).await], [event(2), event(2)]);
    // A queued upload, a rejected one and a new participant do not change the board.
    ada.submitted(&world, Upload::hitting(3).zip()).await;
    ada.submit(&world, "not a zip").await;
    world.participant("bob").await;
    assert_quiet(&mut one).await;
    world.drain().await;
    assert_eq!(next(&mut one).await, event(3));
    assert_quiet(&mut one).await;
    assert_eq!(next(&mut two).await, event(3));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_listener_that_reads_late_hears_of_the_newest_board_once(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let mut late = events(&world, None).await;
    for hits in [1, 2, 3] {
        scored(&world, &ada, hits).await;
    }
    assert_eq!(next(&mut late).await, event(3));
    assert_quiet(&mut late).await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_listener_that_comes_back_hears_at_once_that_it_missed_something(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    scored(&world, &ada, 1).await;
    scored(&world, &ada, 2).await;
    assert_eq!(next(&mut events(&world, Some("2")).await).await, event(2));
    assert_quiet(&mut events(&world, Some("3")).await).await;
    // An id that is not a version is ignored.
    assert_quiet(&mut events(&world, Some("x\u{e9}")).await).await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_change_that_another_process_made_is_heard_too(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let mut events = events(&world, None).await;
    ada.submitted(&world, Upload::hitting(1).zip()).await;
    callimico::worker::drain(&world.second_app()).await.expect("a queue that answers");
    assert_eq!(next(&mut events).await, event(1));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_held_answer_comes_as_soon_as_nothing_more_will_happen(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    let url = format!("/api/v1/submissions/{id}?wait=30");
    let began = Instant::now();
    let (held, ()) = tokio::join!(ada.get(&world, &url), async {
        tokio::time::sleep(A_WHILE).await;
        world.drain().await;
    });
    assert_eq!(held.json()["state"], "scored");
    assert!(began.elapsed() >= A_WHILE && began.elapsed() < TOO_LONG);
    // Once the submission is done, the answer is immediate.
    let began = Instant::now();
    assert_eq!(ada.get(&world, &url).await.json()["state"], "scored");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_held_answer_is_not_held_for_ever(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    let url = format!("/api/v1/submissions/{id}");
    assert_eq!(ada.get(&world, &format!("{url}?wait=1")).await.expect(StatusCode::OK).json()["state"], "queued");
    for wait in ["-1", "soon", "1.5", "99999999999999999999", "1&wait=2", "1&until=2"] {
        let answer = ada.get(&world, &format!("{url}?wait={wait}")).await;
        answer.problem(StatusCode::BAD_REQUEST, "bad_parameter");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_held_answer_notices_that_its_asker_may_no_longer_look(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    let url = format!("/api/v1/submissions/{id}?wait=2");
    let (held, ()) = tokio::join!(ada.get(&world, &url), async {
        tokio::time::sleep(A_WHILE).await;
        world.sql("delete from users").await;
    });
    assert_eq!(held.problem(StatusCode::NOT_FOUND, "not_found")["problems"], json!([]));
}
