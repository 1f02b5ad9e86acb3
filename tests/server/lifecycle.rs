//! The steps of a track's life, by the API: what each needs, what it does, and that it is done once.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{StatusCode, header};
use callimico::domain::phase::{GRACE, Phase};
use callimico::domain::sha256::Sha256;
use callimico::service::lifecycle::{self, By, LabelsAtReveal, OpeningLabels, StepError};
use callimico::service::{organise, rescoring};
use callimico::store;
use callimico::worker::Step;
use scoring::Split;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

use crate::support::{Actor, Answer, NOW, TRACK_URL, TrackFiles, Upload, World, reason, score_of};

/// A track that closes an hour after the tests begin.
const DATES: &str = "dates: {closes: 2026-11-23T13:00:00Z}\n";

impl Actor {
    async fn step(&self, world: &World, body: Value) -> Answer {
        self.post_json(world, &format!("{TRACK_URL}/phase"), body.to_string()).await
    }

    /// A step that must be taken.
    async fn takes(&self, world: &World, body: Value) -> Value {
        let answer = self.step(world, body).await.expect(StatusCode::OK).json();
        assert!(answer["log"]["seq"].as_i64().expect("a number") > 0, "{answer}");
        assert_eq!(answer["log"]["hash"].as_str().map(str::len), Some(64), "{answer}");
        answer
    }

    async fn final_ranking(&self, world: &World) -> Answer {
        self.get(world, &format!("{TRACK_URL}/final")).await
    }
}

/// The log of the track as its lines: hash and event.
async fn log(world: &World) -> Vec<(String, Value)> {
    let answer = Actor::visitor().get(world, &format!("{TRACK_URL}/log")).await.expect(StatusCode::OK);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/x-ndjson");
    let line = |line: &str| {
        let (hash, event) = line.split_once(' ').expect("a blank");
        (hash.to_owned(), serde_json::from_str(event).expect("an event"))
    };
    answer.text().lines().map(line).collect()
}

async fn kinds(world: &World) -> Vec<String> {
    let kind = |(_, event): (_, Value)| event["kind"].as_str().expect("a kind").to_owned();
    log(world).await.into_iter().map(kind).collect()
}

fn problem_codes(problem: &Value) -> Vec<&str> {
    problem["problems"].as_array().expect("problems").iter().filter_map(|one| one["code"].as_str()).collect()
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_competition_goes_from_its_first_day_to_its_last(db: PgPool) {
    let world = World::with_yaml(db, DATES).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    let token = world.organiser("olga").await;
    let zip = Upload::hitting_by_split(9, 13).zip();
    let entry = ada.submitted(&world, zip.clone()).await;
    bob.submitted(&world, Upload::hitting_by_split(11, 8).zip()).await;
    world.drain().await;

    // Past its date the track is closed for everybody, before anybody has written it down.
    world.wait(Duration::HOUR);
    let shown = Actor::visitor().get(&world, TRACK_URL).await.json();
    assert_eq!(shown["phase"], "closed");
    assert_eq!(Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard")).await.json()["phase"], "closed");
    world.take_due_steps().await;
    assert_eq!(world.track().await.phase, Phase::Closed);
    token.final_ranking(&world).await.problem(StatusCode::NOT_FOUND, "not_found");

    // The preview waits for the freeze, and says for what and until when.
    let olga = world.signed_in("olga").await;
    let early = olga.step(&world, json!({"step": "preview"})).await.problem(StatusCode::CONFLICT, "not_ready");
    assert_eq!(problem_codes(&early), ["not_frozen"]);
    let wait = json!({"waiting_for_dev": 0, "waiting_for_rescoring": 0, "not_before": "2026-11-23T13:02:00Z"});
    assert_eq!(early["problems"][0]["freeze"], wait);
    world.wait(GRACE);
    world.take_due_steps().await;
    assert_eq!(world.count("jobs").await + world.count("scorings where split = 'final'").await, 0);

    // What decides takes a password that was given just now, which no token has.
    token.step(&world, json!({"step": "preview"})).await.problem(StatusCode::FORBIDDEN, "session_needed");
    let begun = olga.step(&world, json!({"step": "preview"})).await.expect(StatusCode::ACCEPTED).json();
    assert_eq!(begun, json!({"ready": 0, "of": 2}));
    let shown = token.final_ranking(&world).await.expect(StatusCode::OK).json();
    assert_eq!(shown, json!({"ready": 0, "of": 2, "failed": [], "entries": []}));
    let reveal = json!({"step": "reveal", "labels": "open", "confirm": "mico/tiny"});
    let early = olga.step(&world, reveal.clone()).await.problem(StatusCode::CONFLICT, "not_ready");
    assert_eq!(problem_codes(&early), ["final_scores_missing"]);
    assert_eq!(world.drain().await.len(), 2);

    let shown = token.final_ranking(&world).await.expect(StatusCode::OK).json();
    assert_eq!((&shown["ready"], &shown["of"]), (&json!(2), &json!(2)));
    let score = score_of(&world, &zip, Split::Final).await;
    assert_eq!(shown["entries"][0]["submission"], entry);
    assert_eq!(shown["entries"][0]["average_TPR_FPR_1000"], score.ranking_value);
    for other in [&ada, &bob, &Actor::visitor()] {
        other.final_ranking(&world).await.problem(StatusCode::NOT_FOUND, "not_found");
        let board = other.get(&world, &format!("{TRACK_URL}/leaderboard?split=final")).await;
        board.problem(StatusCode::NOT_FOUND, "not_revealed");
    }

    // The reveal: confirmed, with a word on the labels.
    for (wrong, code) in [
        (json!({"step": "reveal", "labels": "open"}), "not_confirmed"),
        (json!({"step": "reveal", "labels": "open", "confirm": "tiny"}), "not_confirmed"),
    ] {
        olga.step(&world, wrong).await.problem(StatusCode::UNPROCESSABLE_ENTITY, code);
    }
    let silent = json!({"step": "reveal", "confirm": "mico/tiny"});
    olga.step(&world, silent).await.problem(StatusCode::BAD_REQUEST, "bad_field");
    let revealed = olga.takes(&world, reveal.clone()).await;
    assert_eq!(revealed["phase"], "revealed");
    assert!(revealed.get("already").is_none());
    let again = olga.takes(&world, reveal).await;
    assert_eq!((&again["already"], &again["phase"]), (&json!(true), &json!("revealed")));
    let kept = json!({"step": "reveal", "labels": "keep", "confirm": "mico/tiny"});
    olga.step(&world, kept).await.problem(StatusCode::CONFLICT, "wrong_phase");
    token.final_ranking(&world).await.problem(StatusCode::NOT_FOUND, "not_found");
    let board = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard?split=final")).await.json();
    assert_eq!(board["entries"], shown["entries"]);

    // The results become final once.
    let last = token.takes(&world, json!({"step": "final"})).await;
    assert!(last.get("already").is_none());
    assert_eq!(token.takes(&world, json!({"step": "final"})).await["already"], true);

    let expected = [
        "import",
        "commitment",
        "step",
        "submission_accepted",
        "submission_accepted",
        "scored",
        "scored",
        "step",
        "entries_frozen",
        "final_begun",
        "step",
        "official_ranking",
        "step",
    ];
    assert_eq!(kinds(&world).await, expected);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_log_is_a_chain_that_everybody_can_check_and_nobody_can_change(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("gwendolyn").await;
    let receipt = ada.submit(&world, Upload::hitting(5).zip()).await.expect(StatusCode::CREATED).json();
    world.drain().await;
    world.freeze().await;
    let mut hash = scoring::log::LogHash::from([0; 32]).to_string();
    let answer = Actor::visitor().get(&world, &format!("{TRACK_URL}/log")).await;
    for (seq, line) in (1..).zip(answer.text().lines()) {
        let (told, event) = line.split_once(' ').expect("a blank");
        let mut bytes = hex_bytes(&hash);
        bytes.extend_from_slice(event.as_bytes());
        assert_eq!(told, Sha256::of(&bytes).to_string(), "event {seq} does not follow the one before");
        hash = told.to_owned();
        let event: Value = serde_json::from_str(event).expect("JSON");
        assert_eq!(event["seq"], seq);
        assert!(!line.contains("gwendolyn"), "the log names somebody: {line}");
        if json!(seq) == receipt["log"]["seq"] {
            assert_eq!(receipt["log"]["hash"], told);
            assert_eq!(event["kind"], "submission_accepted");
            assert_eq!(event["public"]["submission"], receipt["id"]);
        }
    }
    let head = Actor::visitor().get(&world, &format!("{TRACK_URL}/log/head")).await.expect(StatusCode::OK);
    assert_eq!(head.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(head.json()["hash"], hash);
    let seen = ada.looks_at(&world, receipt["id"].as_str().expect("an id")).await;
    assert_eq!(seen["log"], receipt["log"]);
    // A part of it, from a number on.
    let from = Actor::visitor().get(&world, &format!("{TRACK_URL}/log?from=3")).await;
    assert_eq!(from.text().lines().next(), answer.text().lines().nth(2));
    let beyond = Actor::visitor().get(&world, &format!("{TRACK_URL}/log?from=999")).await.expect(StatusCode::OK);
    assert_eq!(beyond.text(), "");
    for (statement, trigger) in [
        ("update log_events set event = event where seq = 2", "log_events_append_only"),
        ("delete from log_events where seq = 2", "log_events_append_only"),
        ("truncate log_events cascade", "log_events_not_truncated"),
        ("delete from log_heads", "log_heads_not_deleted"),
        ("update log_heads set seq = seq - 1", "log_heads_follow"),
        ("update log_heads set hash = sha256('')", "log_heads_follow"),
        (
            "insert into log_events select track_id, seq + 1, at, kind, event, hash from log_events order by seq desc limit 1",
            "log_events_follow",
        ),
    ] {
        assert_eq!(world.refused_by(statement).await, trigger, "{statement}");
    }
    assert_eq!(world.refused_by("delete from tracks").await, "log_heads_track_id_fkey");
}

fn hex_bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_step_is_refused_from_every_wrong_phase_and_asked_twice_it_is_taken_once(db: PgPool) {
    let world = World::with_yaml(db, DATES).await;
    world.organiser("olga").await;
    let olga = world.signed_in("olga").await;
    let later = "2026-12-01T23:59:00-12:00";
    let request = |step: &str| json!({"step": step, "closes_at": later, "labels": "keep", "confirm": "mico/tiny", "reason": "so"});
    // From which phases each step may start; those it leads to are tried below.
    let table = [
        ("open", vec!["draft", "open"]),
        ("close", vec!["open", "closed"]),
        ("extend", vec!["open"]),
        ("reopen", vec!["closed"]),
        ("preview", vec!["closed"]),
        ("reveal", vec!["closed", "revealed"]),
        ("open-labels", vec!["revealed"]),
        ("final", vec!["revealed", "benchmark"]),
        ("benchmark", vec!["revealed", "benchmark"]),
        ("end", vec!["revealed", "benchmark"]),
    ];
    for (step, from) in table {
        for phase in Phase::ALL {
            if from.contains(&phase.as_str()) {
                continue;
            }
            sqlx::query("update tracks set phase = $1::track_phase")
                .bind(phase.as_str())
                .execute(&world.app.db)
                .await
                .expect("set");
            let before = world.count("log_events").await;
            let refused = olga.step(&world, request(step)).await;
            refused.problem(StatusCode::CONFLICT, "wrong_phase");
            assert_eq!(world.track().await.phase, phase, "{step}");
            assert_eq!(world.count("log_events").await, before, "{step} from {phase:?} left a trace");
        }
    }
    world.sql("update tracks set phase = 'open'").await;
    for (step, phase) in [("extend", "open"), ("close", "closed"), ("reopen", "open")] {
        let taken = olga.takes(&world, request(step)).await;
        assert_eq!((&taken["phase"], taken.get("already")), (&json!(phase), None), "{step}");
        let events = log(&world).await.len();
        let again = olga.takes(&world, request(step)).await;
        assert_eq!((&again["phase"], &again["already"]), (&json!(phase), &json!(true)), "{step}");
        assert_eq!(log(&world).await.len(), events, "{step} twice is two events");
    }
    let (_, last) = log(&world).await.pop().expect("an event");
    let at = "2026-12-02T11:59:00Z";
    assert_eq!(last["public"], json!({"step": "reopen", "closes_at": at, "reason": "so"}));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn dates_in_requests_need_an_offset_and_lie_where_the_step_wants_them(db: PgPool) {
    let world = World::with_yaml(db, DATES).await;
    let olga = world.organiser("olga").await;
    for at in ["2026-12-01T23:59:00", "tomorrow", "2026-12-01", "2026-11-23T12:30:00Z", ""] {
        let refused = olga.step(&world, json!({"step": "extend", "closes_at": at})).await;
        let problem = refused.problem(StatusCode::BAD_REQUEST, "bad_date");
        let text = problem["detail"].as_str().expect("a sentence");
        assert!(text.contains("2026-12-01T23:59:00-12:00") || text.contains("later"), "{text}");
    }
    olga.step(&world, json!({"step": "extend"})).await.problem(StatusCode::BAD_REQUEST, "bad_date");
    olga.takes(&world, json!({"step": "close"})).await;
    assert_eq!(world.track().await.settings.dates.closes_at, Some(NOW), "an early close is the closing date");
    let past = json!({"step": "reopen", "closes_at": "2026-11-23T12:00:00Z"});
    olga.step(&world, past).await.problem(StatusCode::BAD_REQUEST, "bad_date");
    for unknown in [json!({"step": "close", "force": true}), json!({"step": "jump"}), json!({})] {
        olga.step(&world, unknown).await.problem(StatusCode::BAD_REQUEST, "bad_body");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn reopening_drops_the_frozen_entries_and_no_preview_can_be_taken_back(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let first = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    world.freeze().await;
    assert_eq!(world.count("official_entries").await, 1);
    let olga = world.organiser("olga").await;
    let until = "2026-11-24T00:00:00Z";
    olga.takes(&world, json!({"step": "reopen", "closes_at": until, "reason": "a power cut"})).await;
    assert_eq!(world.count("official_entries").await, 0);
    world.wait(Duration::MINUTE);
    let second = ada.submitted(&world, Upload::hitting(4).zip()).await;
    world.drain().await;
    world.freeze().await;
    let official = store::entry::official(&world.app.db, world.track().await.id).await.expect("an answer");
    assert_eq!(official, [World::id(&second)], "not the one that counted before, {first}");
    world.preview().await;
    let again = olga.step(&world, json!({"step": "reopen", "closes_at": until})).await;
    let problem = again.problem(StatusCode::CONFLICT, "not_ready");
    assert_eq!(problem_codes(&problem), ["final_begun"]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_upload_that_came_in_time_is_taken_for_two_minutes_after_the_close(db: PgPool) {
    let world = Arc::new(World::with_yaml(db, DATES).await);
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    let track = world.track().await;
    let arrive = async |name: &str, hits: usize| {
        let user = world.user_of(name).await;
        let participant = store::participant::find(&world.app.db, track.id, user).await.expect("an answer");
        let participant = participant.expect("a participant");
        let body = futures_util::stream::iter([Ok::<_, std::io::Error>(Upload::hitting(hits).zip().into())]);
        let received =
            callimico::service::submit::receive(&world.app, &track, participant, body).await.expect("an upload");
        (participant, received)
    };
    world.wait(Duration::HOUR - Duration::SECOND);
    let (ada_in, in_time) = arrive("ada", 5).await;
    let (bob_in, too_slow) = arrive("bob", 6).await;
    world.wait(GRACE);
    world.take_due_steps().await;
    assert_eq!(world.track().await.phase, Phase::Closed);
    let details = Default::default();
    let taken = callimico::service::submit::accept(&world.app, &track, ada_in, in_time, &details).await;
    let taken = taken.expect("its last byte came in time");
    assert_eq!(taken.received_at, NOW + Duration::HOUR - Duration::SECOND);
    world.wait(Duration::SECOND);
    let late = callimico::service::submit::accept(&world.app, &track, bob_in, too_slow, &details).await;
    let error = callimico::http::error::HttpError::from_submit(late.expect_err("two minutes are over"), NOW);
    let body = error.body();
    assert_eq!((body.status, body.code), (StatusCode::SERVICE_UNAVAILABLE, "not_decided_in_time"));
    // The freeze waits for the score of the first.
    world.take_due_steps().await;
    assert!(world.track().await.ending.entries_frozen_at.is_none());
    world.drain().await;
    world.take_due_steps().await;
    assert_eq!(world.count("official_entries").await, 1);
    for actor in [ada, bob] {
        actor.submit(&world, Upload::hitting(1).zip()).await.problem(StatusCode::FORBIDDEN, "closed");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn two_organisers_and_two_sweepers_close_once(db: PgPool) {
    let world = World::with_yaml(db, DATES).await;
    world.wait(Duration::HOUR);
    let other = world.second_app();
    let path = World::path();
    let (one, two, three, four) = tokio::join!(
        lifecycle::close(&world.app, &path, By::default()),
        lifecycle::close(&other, &path, By::default()),
        callimico::worker::take_due_steps(&world.app),
        callimico::worker::take_due_steps(&other),
    );
    three.expect("a sweep");
    four.expect("a sweep");
    let (one, two) = (one.expect("closed"), two.expect("closed"));
    assert!(one.already || two.already);
    let closes = log(&world).await.into_iter().filter(|(_, event)| event["public"]["step"] == "close").count();
    assert_eq!(closes, 1);
    assert_eq!(world.track().await.settings.dates.closes_at, Some(NOW + Duration::HOUR));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn fifty_uploads_and_a_close_at_once_end_without_a_deadlock(db: PgPool) {
    let world = Arc::new(World::new(db).await);
    let mut actors = Vec::new();
    for number in 0..50 {
        actors.push(world.participant(&format!("p{number}")).await);
    }
    let mut uploads = tokio::task::JoinSet::new();
    for actor in actors {
        let world = Arc::clone(&world);
        uploads.spawn(async move { actor.submit(&world, Upload::hitting(3).zip()).await.status });
    }
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    world.close().await;
    let mut taken = 0;
    while let Some(status) = uploads.join_next().await {
        match status.expect("no panic") {
            StatusCode::CREATED => taken += 1,
            StatusCode::FORBIDDEN => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(world.count("submissions").await, taken);
    let accepted = kinds(&world).await.iter().filter(|kind| *kind == "submission_accepted").count();
    assert_eq!(i64::try_from(accepted).expect("few"), taken, "an upload without an event, or the other way round");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_disqualified_entry_gives_way_to_the_next_one_in_every_phase(db: PgPool) {
    let world = World::new(db).await;
    let olga = world.organiser("olga").await;
    let ada = world.participant("ada").await;
    let bob = world.participant("bob").await;
    let mut sent = Vec::new();
    for hits in [4, 5, 6] {
        sent.push(ada.submitted(&world, Upload::hitting_by_split(hits, hits + 1).zip()).await);
        world.wait(Duration::MINUTE);
    }
    bob.submitted(&world, Upload::hitting_by_split(1, 6).zip()).await;
    world.drain().await;
    let url = |id: &str| format!("/api/v1/submissions/{id}/disqualification");
    let out = async |id: &str| {
        let answer = olga.post_json(&world, &url(id), r#"{"reason": "two accounts"}"#).await;
        answer.expect(StatusCode::CREATED).json()
    };
    let back = async |id: &str| {
        let request = olga.request("DELETE", &url(id)).body(Body::empty()).expect("a request");
        world.ask(request).await.expect(StatusCode::NO_CONTENT);
    };
    let on_board = async |split: &str| {
        let board = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard?split={split}")).await.json();
        let of_ada = |entries: &Vec<Value>| entries.iter().find(|entry| entry["participant"] == "ada").cloned();
        board["entries"]
            .as_array()
            .and_then(of_ada)
            .map(|entry| entry["submission"].as_str().expect("an id").to_owned())
    };
    // While it is open the board changes at once, and the owner is told why.
    assert_eq!(on_board("dev").await.as_ref(), Some(&sent[2]));
    assert!(out(&sent[2]).await["log"]["seq"].is_i64());
    assert_eq!(out(&sent[2]).await["log"], Value::Null, "twice is once");
    assert_eq!(on_board("dev").await.as_ref(), Some(&sent[1]));
    let seen = ada.looks_at(&world, &sent[2]).await;
    assert_eq!((&seen["state"], &seen["disqualified"]["reason"]), (&json!("scored"), &json!("two accounts")));
    ada.get(&world, &url(&sent[2])).await.problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    ada.post_json(&world, &url(&sent[1]), r#"{"reason": "x"}"#).await.problem(StatusCode::NOT_FOUND, "not_found");
    olga.post_json(&world, &url(&sent[1]), r#"{"reason": " "}"#).await.problem(StatusCode::BAD_REQUEST, "bad_field");
    back(&sent[2]).await;
    assert_eq!(on_board("dev").await.as_ref(), Some(&sent[2]));

    // After the first preview the next one gets a final score, and the ranking waits for it.
    world.score_final().await;
    out(&sent[2]).await;
    let shown = olga.final_ranking(&world).await.json();
    assert_eq!((&shown["ready"], &shown["entries"]), (&json!(1), &json!([])));
    assert_eq!(on_board("dev").await.as_ref(), Some(&sent[1]), "a dev board that stands follows, too");
    assert_eq!(world.drain().await, [Step::Scored(World::id(&sent[1]))]);
    world.reveal(LabelsAtReveal::Keep).await;
    assert_eq!(on_board("final").await.as_ref(), Some(&sent[1]));
    assert_eq!(world.track().await.ending.ranking_version, 1);

    // After the reveal the ranking gets its next version with the missing score.
    out(&sent[1]).await;
    assert_eq!(world.track().await.ending.ranking_version, 1);
    assert_eq!(on_board("final").await.as_ref(), Some(&sent[1]), "the board stands until the new version is there");
    world.drain().await;
    assert_eq!(world.track().await.ending.ranking_version, 2);
    assert_eq!(on_board("final").await.as_ref(), Some(&sent[0]));
    // With no candidate left the participant leaves the ranking; restored, it is back.
    out(&sent[0]).await;
    assert_eq!((world.track().await.ending.ranking_version, on_board("final").await), (3, None));
    // Of what was an official entry and is none any more, the number is told rounded, while the labels are kept.
    let told = ada.looks_at(&world, &sent[2]).await["scores"]["final"].clone();
    assert_eq!(told, json!({"average_TPR_FPR_1000": 0.465, "rounded_to": 0.005}), "of 7/15");
    let txt = format!("/api/v1/submissions/{}/scores.txt?split=final", sent[2]);
    ada.get(&world, &txt).await.problem(StatusCode::NOT_FOUND, "not_found");
    back(&sent[1]).await;
    let told = ada.looks_at(&world, &sent[1]).await["scores"]["final"].clone();
    assert_eq!((&told["average_TPR_FPR_1000"], &told["curves"]), (&json!(0.4), &json!({})), "of 6/15");
    assert_eq!(world.track().await.ending.ranking_version, 4);
    assert_eq!(on_board("final").await.as_ref(), Some(&sent[1]));
    // Once the labels are open, everything is told.
    lifecycle::open_labels(&world.app, &World::path(), By::default()).await.expect("revealed");
    let told = ada.looks_at(&world, &sent[2]).await["scores"]["final"].clone();
    assert!(told["curves"]["tiny_hi"].is_object() && told.get("rounded_to").is_none(), "{told}");
    let version = store::ranking::version(&world.app.db, world.track().await.id, 2).await.expect("an answer");
    assert!(version.expect("it stays").ranking.contains(&sent[0]));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_final_score_that_fails_for_good_blocks_the_reveal_until_it_is_made_or_taken_out(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let bob = world.participant("bob").await;
    let lost = ada.submitted(&world, Upload::hitting(5).zip()).await;
    bob.submitted(&world, Upload::hitting(4).zip()).await;
    world.drain().await;
    world.freeze().await;
    world.preview().await;
    let upload = world.uploads().join(format!("{lost}.zip"));
    let away = upload.with_extension("away");
    std::fs::rename(&upload, &away).expect("the upload is there");
    let olga = world.organiser("olga").await;
    world.drain().await;
    let shown = olga.final_ranking(&world).await.json();
    assert_eq!((&shown["ready"], &shown["failed"][0]["submission"]), (&json!(1), &json!(lost)));
    assert!(shown["failed"][0]["error"].as_str().expect("a text").contains("the upload is gone"));
    assert!(shown["failed"][0]["next_try"].is_string(), "one that is tried again stands there at once: {shown}");
    world.sql("update jobs set errors = 153, attempts = 153, run_after = clock_timestamp()").await;
    world.drain().await;
    assert!(olga.final_ranking(&world).await.json()["failed"][0]["next_try"].is_null());
    let path = World::path();
    let refused = lifecycle::reveal(&world.app, &path, LabelsAtReveal::Keep, By::default()).await;
    let codes = match refused.expect_err("a score is missing") {
        StepError::NotReady { problems, .. } => problems.iter().map(|problem| problem.code).collect::<Vec<_>>(),
        other => panic!("{other}"),
    };
    assert_eq!(codes, ["final_scores_missing", "final_score_failed"]);
    std::fs::rename(&away, &upload).expect("moved back");
    organise::retry_final(&world.app, World::id(&lost)).await.expect("a job");
    world.drain().await;
    world.reveal(LabelsAtReveal::Keep).await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_submission_that_failed_before_the_freeze_is_scored_again_and_the_freeze_made_anew(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.sql("update jobs set errors = 153, attempts = 153").await;
    let upload = world.uploads().join(format!("{id}.zip"));
    std::fs::rename(&upload, upload.with_extension("away")).expect("the upload is there");
    world.drain().await;
    world.freeze().await;
    assert_eq!(world.count("official_entries").await, 0);
    std::fs::rename(upload.with_extension("away"), &upload).expect("moved back");
    assert_eq!(lifecycle::retry_failed(&world.app, &World::path()).await.expect("an answer"), 1);
    assert!(world.track().await.ending.entries_frozen_at.is_none());
    world.drain().await;
    world.take_due_steps().await;
    assert_eq!(world.count("official_entries").await, 1);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn without_entries_preview_and_reveal_work(db: PgPool) {
    let world = World::new(db).await;
    world.freeze().await;
    assert_eq!(world.preview().await, (0, 0));
    world.reveal(LabelsAtReveal::Open).await;
    let board = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard?split=final")).await.json();
    assert_eq!(board["entries"], json!([]));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_track_opens_with_a_word_on_its_final_labels(db: PgPool) {
    // Here: the server commits to them.
    let world = World::on(db, Default::default(), None);
    world.app.claim_objects().await.expect("a folder that nobody else has");
    world.import(&TrackFiles::default().without_final_labels()).await;
    let path = World::path();
    let open = async |labels| lifecycle::open(&world.app, &path, labels, By::default()).await;
    let code = |refused: StepError| match refused {
        StepError::NotReady { problems, .. } => problems[0].code,
        other => panic!("{other}"),
    };
    assert_eq!(code(open(OpeningLabels::Here).await.expect_err("labels are missing")), "no_final_labels");
    Actor::visitor().get(&world, &format!("{TRACK_URL}/log")).await.problem(StatusCode::NOT_FOUND, "not_found");
    Actor::visitor().get(&world, &format!("{TRACK_URL}/commitment")).await.problem(StatusCode::NOT_FOUND, "not_found");
    assert!(!open(OpeningLabels::Uncommitted).await.expect("said so").already);
    assert!(open(OpeningLabels::Uncommitted).await.expect("open").already);
    let commitment = async || Actor::visitor().get(&world, &format!("{TRACK_URL}/commitment")).await.json();
    let none = json!({"root": null, "models": 12, "version": 1, "made_at": null, "opened": false});
    assert_eq!(commitment().await, none);
    // Added later, it has its true date.
    world.wait(Duration::HOUR);
    world.import(&TrackFiles::default()).await;
    let made = commitment().await;
    assert_eq!(made["made_at"], "2026-11-23T13:00:00Z");
    let text = Actor::visitor().get(&world, &format!("{TRACK_URL}/commitment.txt")).await.expect(StatusCode::OK);
    assert_eq!(made["root"], Sha256::of(&text.body).to_string());
    assert_eq!(text.text().lines().count(), 12);
    let head = log(&world).await.len();
    world.import(&TrackFiles::default()).await;
    assert_eq!(log(&world).await.len(), head, "an import that changes nothing left an event");
    // The opening fits the commitment, once it is public.
    let opening = async || Actor::visitor().get(&world, &format!("{TRACK_URL}/opening")).await;
    opening().await.problem(StatusCode::NOT_FOUND, "not_opened");
    world.score_final().await;
    opening().await.problem(StatusCode::NOT_FOUND, "not_opened");
    world.reveal(LabelsAtReveal::Keep).await;
    opening().await.problem(StatusCode::NOT_FOUND, "not_opened");
    lifecycle::open_labels(&world.app, &path, By::default()).await.expect("revealed");
    let opened: scoring::commitment::Opening = serde_json::from_slice(&opening().await.body).expect("an opening");
    assert_eq!(json!(Sha256::from(opened.commitment().expect("models").root())), made["root"]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_correction_makes_new_labels_a_rescoring_and_in_the_end_a_new_ranking(db: PgPool) {
    let world = World::new(db).await;
    world.organiser("olga").await;
    let olga = world.signed_in("olga").await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(6).zip()).await;
    world.drain().await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Keep).await;
    let commitment = async || Actor::visitor().get(&world, &format!("{TRACK_URL}/commitment")).await.json();
    let board = async || {
        let board = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard?split=final")).await.json();
        board["entries"][0]["average_TPR_FPR_1000"].as_f64().expect("a number")
    };
    let (old, before) = (commitment().await, board().await);
    let opposite = |model: &str| {
        let truth = crate::support::truth("tiny_hi", model);
        truth.map(|truth| if truth == scoring::Membership::Member { '0' } else { '1' }).iter().collect::<String>()
    };
    let correct = |solutions: Value| json!({"step": "correct", "confirm": "mico/tiny", "reason": "swapped", "solutions": solutions});
    for wrong in [
        json!({}),
        json!({"tiny_hi/final/model_99": "0101010101"}),
        json!({"tiny_hi/final/model_30": "01"}),
        json!({"tiny_hi/final/model_30": "01x1010101"}),
        json!({"tiny_hi/train/model_1": "0101010101"}),
    ] {
        let refused = olga.step(&world, correct(wrong.clone())).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {refused:?}");
    }
    let solutions = json!({"tiny_hi/final/model_30": opposite("model_30")});
    let done = olga.takes(&world, correct(solutions.clone())).await;
    let batch = done["batch"].as_str().expect("a rescoring").to_owned();
    let new = commitment().await;
    assert_eq!((&new["version"], new["root"] == old["root"]), (&json!(2), false));
    let (_, event) = log(&world).await.pop().expect("an event");
    assert_eq!(event["public"]["models"], json!(["tiny_hi/final/model_30"]));
    assert_eq!((&event["public"]["old_root"], &event["public"]["new_root"]), (&old["root"], &new["root"]));
    assert_eq!(olga.takes(&world, correct(solutions)).await["already"], true);

    // Until it is applied nothing changes, and another one has to wait.
    let url = format!("{TRACK_URL}/rescorings");
    let second = olga.post_json(&world, &url, r#"{"reason": "again"}"#).await;
    second.problem(StatusCode::CONFLICT, "rescoring_open");
    let apply = format!("{url}/{batch}/apply");
    olga.post_json(&world, &apply, Body::empty()).await.problem(StatusCode::CONFLICT, "not_ready");
    assert_eq!(world.drain().await.len(), 2, "dev and final");
    assert_eq!(ada.looks_at(&world, &id).await["state"], "scored");
    assert_eq!(board().await, before);
    let shown = olga.get(&world, &format!("{url}/{batch}")).await.expect(StatusCode::OK).json();
    assert_eq!(shown["changed"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!((&shown["changed"][0]["split"], &shown["changed"][0]["old"]), (&json!("final"), &json!(before)));
    olga.post_json(&world, &apply, Body::empty()).await.expect(StatusCode::OK);
    assert_eq!(json!(board().await), shown["changed"][0]["new"]);
    assert_ne!(board().await, before);
    assert_eq!(world.track().await.ending.ranking_version, 2);
    assert_eq!(world.count("scorings where superseded_at is not null").await, 2, "the old scores are kept");
    assert_eq!(world.count("solutions where version = 1").await, 12, "and the old labels");
    olga.post_json(&world, &apply, Body::empty()).await.problem(StatusCode::NOT_FOUND, "not_found");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_rescoring_that_is_dropped_changes_nothing(db: PgPool) {
    let world = World::new(db).await;
    let olga = world.organiser("olga").await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(6).zip()).await;
    world.drain().await;
    let before = (log(&world).await, ada.looks_at(&world, &id).await);
    let url = format!("{TRACK_URL}/rescorings");
    for reason in ["", "   "] {
        let refused = olga.post_json(&world, &url, json!({"reason": reason}).to_string()).await;
        refused.problem(StatusCode::BAD_REQUEST, "bad_field");
    }
    let body = json!({"reason": "to be sure", "submission": id}).to_string();
    let begun = olga.post_json(&world, &url, body).await.expect(StatusCode::ACCEPTED).json();
    let batch = begun["batch"].as_str().expect("a batch");
    world.drain().await;
    let shown = olga.get(&world, &format!("{url}/{batch}")).await.json();
    assert_eq!((&shown["ready"], &shown["changed"]), (&json!(1), &json!([])), "the same labels give the same score");
    let request = olga.request("DELETE", &format!("{url}/{batch}")).body(Body::empty()).expect("a request");
    world.ask(request).await.expect(StatusCode::NO_CONTENT);
    assert_eq!((log(&world).await, ada.looks_at(&world, &id).await), before);
    assert_eq!(world.count("jobs").await, 0);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn labels_that_are_corrected_while_a_submission_is_scored_hold_for_it(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(6).zip()).await;
    world.drain().await;
    // Scored once more against the old labels, as by a worker that read them before the correction.
    world.sql("update tracks set labels_version = 2; insert into solutions select track_id, split, scenario, model, membership, 2, salt from solutions; delete from scorings; delete from entries; update submissions set state = 'queued'; insert into jobs (submission_id, split, run_after, created_at) select id, 'dev', now(), now() from submissions").await;
    world.drain().await;
    assert_eq!(world.count("scorings where labels_version = 2").await, 1);
    assert_eq!(ada.looks_at(&world, &id).await["state"], "scored");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_disqualification_concerns_one_submission_even_where_another_would_be_picked_now(db: PgPool) {
    let world = World::with_yaml(db, "entry_rule: best\n").await;
    let ada = world.participant("ada").await;
    let mut sent = Vec::new();
    for hits in [9, 6, 3] {
        sent.push(ada.submitted(&world, Upload::hitting(hits).zip()).await);
        world.wait(Duration::MINUTE);
    }
    world.drain().await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Keep).await;
    let track = world.track().await.id;
    let official = async || store::entry::official(&world.app.db, track).await.expect("an answer");
    assert_eq!(official().await, [World::id(&sent[0])]);
    // As after a correction of dev labels, by which another one would be the best.
    world.sql("update scorings g set average = 0, ranking = '[[0,15],[0,15]]' from submissions s where s.id = g.submission_id and g.split = 'dev' and g.average > 0.5").await;
    let by = By { user: None, reason: Some(&reason("copied")) };
    organise::disqualify(&world.app, World::id(&sent[2]), by).await.expect("a submission");
    organise::restore(&world.app, World::id(&sent[2]), By::default()).await.expect("a submission");
    assert_eq!((official().await, world.track().await.ending.ranking_version), (vec![World::id(&sent[0])], 1));
    organise::disqualify(&world.app, World::id(&sent[0]), by).await.expect("a submission");
    assert_eq!(official().await, [World::id(&sent[1])]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn no_ranking_is_made_of_scores_against_different_labels(db: PgPool) {
    let world = World::new(db).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    ada.submitted(&world, Upload::hitting(4).zip()).await;
    world.wait(Duration::MINUTE);
    let second = ada.submitted(&world, Upload::hitting(5).zip()).await;
    bob.submitted(&world, Upload::hitting(6).zip()).await;
    world.drain().await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Keep).await;
    let labels: scoring::commitment::ModelPath = "tiny_hi/final/model_30".parse().expect("a model");
    let opposite = crate::support::truth("tiny_hi", "model_30").map(|truth| match truth {
        scoring::Membership::Member => scoring::Membership::NonMember,
        scoring::Membership::NonMember => scoring::Membership::Member,
    });
    let corrected = [(labels, opposite.to_vec())].into();
    let by = By { user: None, reason: Some(&reason("swapped")) };
    let done = rescoring::correct(&world.app, &World::path(), &corrected, by).await.expect("a correction");
    organise::disqualify(&world.app, World::id(&second), by).await.expect("a submission");
    world.drain().await;
    world.take_due_steps().await;
    assert_eq!(world.track().await.ending.ranking_version, 1, "ada's new entry is scored by other labels than bob's");
    rescoring::apply(&world.app, done.batch.expect("a rescoring"), by).await.expect("all scored");
    assert_eq!(world.track().await.ending.ranking_version, 2);
    assert_eq!(
        world
            .count(
                "ranked_entries r join scorings g on g.id = r.scoring_id where r.version = 2 and g.labels_version = 2"
            )
            .await,
        2
    );
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_freeze_waits_for_a_correction_and_a_dropped_one_can_be_made_again(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    let model: scoring::commitment::ModelPath = "tiny_hi/dev/model_3".parse().expect("a model");
    let opposite = crate::support::truth("tiny_hi", "model_3").map(|truth| match truth {
        scoring::Membership::Member => scoring::Membership::NonMember,
        scoring::Membership::NonMember => scoring::Membership::Member,
    });
    let by = By { user: None, reason: Some(&reason("swapped")) };
    let corrected = [(model, opposite.to_vec())].into();
    let done = rescoring::correct(&world.app, &World::path(), &corrected, by).await.expect("a correction");
    rescoring::drop_batch(&world.app, done.batch.expect("a rescoring")).await.expect("open");
    world.close().await;
    world.wait(GRACE);
    world.take_due_steps().await;
    assert!(world.track().await.ending.entries_frozen_at.is_none());
    let refused = lifecycle::preview(&world.app, &World::path(), By::default()).await.expect_err("not frozen");
    assert!(refused.to_string().contains("wait for the rescoring"), "{refused}");
    let batch = rescoring::begin(&world.app, &World::path(), None, by).await.expect("a rescoring");
    world.drain().await;
    rescoring::apply(&world.app, batch, by).await.expect("all scored");
    world.take_due_steps().await;
    assert!(world.track().await.ending.entries_frozen_at.is_some());
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_track_is_closed_before_the_day_on_which_it_was_to_open(db: PgPool) {
    let world = World::with_yaml(db, "dates: {opens: 2026-11-24T00:00:00Z, closes: 2026-11-30T00:00:00Z}\n").await;
    world.close().await;
    assert_eq!(world.track().await.settings.dates.closes_at, Some(NOW));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn labels_that_were_committed_to_are_never_replaced_by_others_or_by_other_salts(db: PgPool) {
    use callimico::importer::apply::FinalLabels;
    use scoring::commitment::{Commitment, Salt, SaltsFile};
    // Kept elsewhere: opened with a root, imported after the close with the salts that fit it.
    let world = World::on(db, Default::default(), None);
    world.app.claim_objects().await.expect("a folder that nobody else has");
    world.import(&TrackFiles::default().without_final_labels()).await;
    let shape = world.track().await.shape;
    let mut next = 0;
    let mut salts = || {
        SaltsFile::new(&shape, || {
            next += 1;
            Salt::from_bytes([next; 32])
        })
    };
    let (right, wrong) = (salts(), salts());
    let of = |path: &scoring::commitment::ModelPath| {
        Some((right.salts[path].clone(), crate::support::truth(&path.scenario, &path.model).to_vec()))
    };
    let root = Sha256::from(Commitment::of(&shape, of).expect("labels").root());
    let opening = OpeningLabels::Elsewhere(root);
    lifecycle::open(&world.app, &World::path(), opening, By::default()).await.expect("a root");
    let import = async |salts: Option<SaltsFile>, yaml: &str| {
        world.import_final(&TrackFiles::with_yaml(yaml), FinalLabels::Needed(salts)).await.map_err(|e| e.to_string())
    };
    let mut partial = right.clone();
    partial.salts.pop_first();
    for salts in [None, Some(wrong.clone()), Some(partial)] {
        import(salts, "").await.expect_err("refused whole");
        assert_eq!(world.count("solutions where split = 'final'").await, 0);
    }
    import(Some(right.clone()), "").await.expect("they fit");
    let commitment = Actor::visitor().get(&world, &format!("{TRACK_URL}/commitment")).await.json();
    assert_eq!((&commitment["root"], &commitment["made_at"]), (&json!(root), &json!("2026-11-23T12:00:00Z")));
    // Neither other salts, alone or beside another change.
    for yaml in ["", "title: Other\n"] {
        let refused = import(Some(wrong.clone()), yaml).await.expect_err("other salts");
        assert!(refused.contains("root"), "{refused}");
    }
    import(Some(right), "limits: {per_day: 31}\n").await.expect("nothing of the labels changes");
    world.score_final().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn settings_that_change_while_it_is_open_are_told_and_dates_stand_from_the_close_on(db: PgPool) {
    let world = World::with_yaml(db, DATES).await;
    let yaml = |closes: &str, limit: u32| {
        TrackFiles::with_yaml(&format!("dates: {{closes: {closes}}}\nlimits: {{per_day: {limit}}}\n"))
    };
    world.import(&yaml("2026-11-23T14:00:00Z", 40)).await;
    let told: Vec<Value> = log(&world).await.into_iter().map(|(_, event)| event["public"].clone()).collect();
    let expected = [
        json!({"step": "extend", "closes_at": "2026-11-23T14:00:00Z"}),
        json!({"field": "limits.per_day", "old": "30", "new": "40"}),
    ];
    assert_eq!(told[told.len() - 2..], expected);
    let past = world.try_import(&yaml("2026-11-23T11:00:00Z", 40)).await.expect_err("in the past").to_string();
    assert!(past.contains("cannot lie in the past"), "{past}");
    world.wait(Duration::hours(2));
    for phase in ["open", "closed", "revealed"] {
        sqlx::query("update tracks set phase = $1::track_phase").bind(phase).execute(&world.app.db).await.expect("set");
        let refused = world.try_import(&yaml("2026-11-30T00:00:00Z", 40)).await.expect_err("closed").to_string();
        assert!(refused.contains("dates"), "{phase}: {refused}");
        assert_eq!(Actor::visitor().get(&world, TRACK_URL).await.json()["closes_at"], "2026-11-23T14:00:00Z");
    }
}
