//! What the server allows in every phase of a track: before its opening date, between the dates,
//! and after its closing date.

use axum::body::Body;
use axum::http::{StatusCode, header};
use callimico::domain::phase::Phase;
use callimico::service::lifecycle::{self, By, OpeningLabels, StepError};
use callimico::store;
use sqlx::PgPool;
use time::Duration;

use crate::support::{Actor, Change, TRACK_URL, TrackFiles, Upload, World};

/// Opens an hour after the test begins, and closes an hour later.
const DATES: &str = "dates: {opens: 2026-11-23T13:00:00Z, closes: 2026-11-23T14:00:00Z}\n";

async fn set_phase(world: &World, phase: Phase) {
    sqlx::query("update tracks set phase = $1::track_phase")
        .bind(phase.as_str())
        .execute(&world.app.db)
        .await
        .expect("a phase");
}

/// What a participant is answered: the status of an upload, and of the list of files.
async fn of_participant(world: &World, ada: &Actor) -> (u16, u16) {
    let upload = ada.submit(world, Upload::hitting(1).zip()).await.status.as_u16();
    let files = ada.get(world, &format!("{TRACK_URL}/files")).await.status.as_u16();
    (upload, files)
}

/// What a newcomer is answered: the API's status, and whether the page of the rules offers to join.
async fn of_newcomer(world: &World, name: &str) -> (u16, bool) {
    let newcomer = world.account(name).await;
    let page = newcomer.get(world, "/c/mico/tiny/rules").await.expect(StatusCode::OK).text().to_owned();
    let offers = page.contains("action=\"/c/mico/tiny/join\"");
    (newcomer.enrol(world).await.status.as_u16(), offers)
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_gate_answers_as_the_table_says_and_page_and_api_alike(db: PgPool) {
    let world = World::with_yaml(db, DATES).await;
    let ada = world.participant("ada").await;
    // For each phase, before the opening, between the dates and after the close: the status of an
    // upload, of the list of files and of enrolling.
    let table = [
        (Phase::Draft, [(403, 403, 201), (403, 403, 201), (403, 403, 201)]),
        (Phase::Open, [(403, 403, 201), (201, 200, 201), (403, 200, 403)]),
        (Phase::Closed, [(403, 200, 403), (403, 200, 403), (403, 200, 403)]),
        (Phase::Revealed, [(403, 200, 403), (403, 200, 403), (403, 200, 403)]),
        (Phase::Benchmark, [(201, 200, 201), (201, 200, 201), (201, 200, 201)]),
    ];
    world.sql("update tracks set benchmark_per_day = 10").await;
    let mut names = (0..).map(|number| format!("newcomer{number}"));
    for instant in 0..3 {
        for (phase, answers) in table {
            set_phase(&world, phase).await;
            let (upload, files, enrol) = answers[instant];
            assert_eq!(of_participant(&world, &ada).await, (upload, files), "{phase:?}, instant {instant}");
            let name = names.next().expect("endless");
            assert_eq!(of_newcomer(&world, &name).await, (enrol, enrol == 201), "{phase:?}, instant {instant}");
        }
        world.wait(Duration::HOUR);
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn enrolling_ends_with_the_closing_date_also_while_nobody_wrote_the_close_down(db: PgPool) {
    let world = World::with_yaml(db, "dates: {closes: 2026-11-23T13:00:00Z}\n").await;
    world.wait(Duration::HOUR - Duration::MICROSECOND);
    let ada = world.account("ada").await;
    assert_eq!(ada.enrol(&world).await.status, StatusCode::CREATED);
    world.wait(Duration::MICROSECOND);
    assert_eq!(world.track().await.phase, Phase::Open, "the sweeper has not come by");
    let bob = world.account("bob").await;
    bob.enrol(&world).await.problem(StatusCode::FORBIDDEN, "closed");
    let request =
        bob.request("POST", "/c/mico/tiny/join").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = world.ask(request.body(Body::from("accept_terms=true")).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().contains("Joining has closed."), "{}", answer.text());
    assert_eq!(world.count("participants").await, 1);
    // A participant is told their status; one who withdrew cannot come back.
    assert_eq!(ada.enrol(&world).await.expect(StatusCode::OK).json()["status"], "approved");
    world.sql("update participants set status = 'withdrawn'").await;
    assert_eq!(ada.enrol(&world).await.expect(StatusCode::OK).json()["status"], "withdrawn");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_track_opens_once_from_draft_and_two_who_open_it_do_it_once(db: PgPool) {
    let world = World::new(db).await;
    let path = world.track().await.path();
    let open = async |app, path| lifecycle::open(app, path, OpeningLabels::Here, By::default()).await;
    assert!(open(&world.app, &path).await.expect("it is open").already);
    let version = world.track().await.board_version;
    set_phase(&world, Phase::Draft).await;
    let other = world.second_app();
    let (one, two) = tokio::join!(open(&world.app, &path), open(&other, &path));
    let (one, two) = (one.expect("an answer"), two.expect("an answer"));
    assert!(one.already != two.already, "{one:?} {two:?}");
    assert_eq!(world.track().await.board_version, version + 1, "it was opened twice");
    for phase in [Phase::Closed, Phase::Revealed, Phase::Benchmark] {
        set_phase(&world, phase).await;
        let refused = open(&world.app, &path).await.expect_err("no way back");
        assert!(matches!(refused, StepError::WrongPhase { phase: found, .. } if found == phase), "{refused}");
        assert_eq!(world.track().await.phase, phase);
    }
    let missing = "mico/nowhere".parse().expect("a path");
    assert!(matches!(open(&world.app, &missing).await, Err(StepError::NoTrack(_))));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_entry_rule_changes_until_the_close_and_not_from_then_on(db: PgPool) {
    let world = World::with_yaml(db, "dates: {closes: 2026-11-23T13:00:00Z}\n").await;
    let ada = world.participant("ada").await;
    let better = ada.submitted(&world, Upload::hitting(9).zip()).await;
    world.wait(Duration::MINUTE);
    let later = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    let stands = async || {
        let board = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard")).await.json();
        board["entries"][0]["submission"].as_str().expect("an entry").to_owned()
    };
    assert_eq!(stands().await, later);
    let rule =
        |rule: &str| TrackFiles::with_yaml(&format!("entry_rule: {rule}\ndates: {{closes: 2026-11-23T13:00:00Z}}\n"));
    world.import(&rule("best")).await;
    assert_eq!(stands().await, better);
    // After the closing date, even if the phase is still `open`, and in every later phase.
    world.wait(Duration::HOUR);
    for phase in [Phase::Open, Phase::Closed, Phase::Revealed, Phase::Benchmark] {
        set_phase(&world, phase).await;
        let refused = world.try_import(&rule("latest")).await.expect_err("the rule is settled").to_string();
        assert!(refused.contains("entry rule stays `best`"), "{refused}");
        assert_eq!(stands().await, better);
        world.import(&rule("best")).await;
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_was_handed_in_before_the_close_still_reaches_the_board_and_after_the_reveal_nothing_does(db: PgPool) {
    let world = World::new(db).await;
    for (phase, moves) in [(Phase::Closed, true), (Phase::Revealed, false), (Phase::Benchmark, false)] {
        set_phase(&world, Phase::Open).await;
        let ada = world.participant(&format!("ada{}", phase.as_str())).await;
        let first = ada.submitted(&world, Upload::hitting(5).zip()).await;
        world.drain().await;
        world.wait(Duration::MINUTE);
        let second = ada.submitted(&world, Upload::hitting(6).zip()).await;
        set_phase(&world, phase).await;
        world.drain().await;
        assert_eq!(ada.looks_at(&world, &second).await["state"], "scored", "{phase:?}");
        let board = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard")).await.json();
        assert_eq!(board["entries"][0]["submission"], if moves { second } else { first }, "{phase:?}");
        world.sql("delete from entries").await;
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_is_scored_against_changes_in_a_draft_alone(db: PgPool) {
    let world = World::new(db).await;
    let before = store::solution::all(&world.app.db, world.track().await.id).await.expect("an answer");
    for phase in [Phase::Open, Phase::Closed, Phase::Revealed, Phase::Benchmark] {
        set_phase(&world, phase).await;
        for change in [Change::DevLabels, Change::FinalLabels, Change::Models] {
            let refused = world.try_import(&TrackFiles::changed(change)).await.expect_err("it is scored against");
            assert!(refused.to_string().contains("can no longer change"), "{phase:?} {change:?}: {refused}");
            let track = world.track().await;
            assert_eq!(store::solution::all(&world.app.db, track.id).await.expect("an answer"), before);
            assert_eq!(track.shape.scenarios()[0].models(scoring::Split::Dev).len(), 3);
        }
    }
    set_phase(&world, Phase::Draft).await;
    for change in [Change::DevLabels, Change::FinalLabels, Change::Models] {
        world.import(&TrackFiles::changed(change)).await;
    }
    let after = store::solution::all(&world.app.db, world.track().await.id).await.expect("an answer");
    assert_eq!(after.len(), before.len() + 1);
}
