//! The benchmark after a reveal: what it takes, what its board shows, and that nothing official changes through it.

use std::fs;
use std::io::Cursor;

use axum::http::{StatusCode, header};
use callimico::domain::phase::Phase;
use callimico::proof::{Published, reproduce};
use callimico::service::export::{self, ExportFor};
use callimico::service::lifecycle::{self, By, LabelsAtReveal, SaidOfLimits, StepError};
use callimico::service::organise;
use callimico::store;
use callimico::worker::Step;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

use crate::support::{Actor, Answer, TRACK_URL, Upload, World, assert_says, reason, words};

const TRACK: &str = "/c/mico/tiny";

async fn step(world: &World, actor: &Actor, body: Value) -> Answer {
    actor.post_json(world, &format!("{TRACK_URL}/phase"), body.to_string()).await
}

async fn begin(world: &World, limits: SaidOfLimits) {
    let taken = lifecycle::benchmark(&world.app, &World::path(), limits, By::default()).await;
    assert!(!taken.expect("a revealed track").already);
}

async fn end(world: &World) {
    let taken = lifecycle::end(&world.app, &World::path(), By::default()).await.expect("a benchmark");
    assert!(!taken.already);
}

/// A revealed track whose labels are kept: bob's entry has 11 of 15 on the final split, ada's 13; ada sent another before.
async fn revealed(db: PgPool) -> (World, Actor, Actor) {
    let world = World::with_yaml(db, "entry_rule: best\npublish_entries: true\n").await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    ada.submitted(&world, Upload::hitting_by_split(6, 3).zip()).await;
    bob.submitted(&world, Upload::hitting_by_split(7, 11).zip()).await;
    world.wait(Duration::MINUTE);
    ada.submitted(&world, Upload::hitting_by_split(9, 13).zip()).await;
    world.drain().await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Keep).await;
    (world, ada, bob)
}

/// A track that is open as a benchmark.
async fn benchmark(db: PgPool) -> (World, Actor, Actor) {
    let (world, ada, bob) = revealed(db).await;
    world.wait(Duration::DAY);
    begin(&world, SaidOfLimits::default()).await;
    (world, ada, bob)
}

async fn board(world: &World, query: &str) -> Value {
    let answer = Actor::visitor().get(world, &format!("{TRACK_URL}/leaderboard?{query}")).await;
    answer.expect(StatusCode::OK).json()
}

/// Each row as rank, participant and score.
fn rows(board: &Value) -> Vec<(u64, String, f64)> {
    let row = |row: &Value| {
        let name = row["participant"].as_str().expect("a name").to_owned();
        (row["rank"].as_u64().expect("a rank"), name, row["average_TPR_FPR_1000"].as_f64().expect("a score"))
    };
    board["entries"].as_array().expect("entries").iter().map(row).collect()
}

fn row(rank: u64, name: &str, score: f64) -> (u64, String, f64) {
    (rank, name.to_owned(), score)
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_benchmark_is_begun_by_a_signed_in_organiser_and_ended_by_any(db: PgPool) {
    let world = World::new(db).await;
    let token = world.organiser("olga").await;
    let browser = world.signed_in("olga").await;
    let ada = world.participant("ada").await;
    ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    step(&world, &browser, json!({"step": "benchmark"})).await.problem(StatusCode::CONFLICT, "wrong_phase");
    step(&world, &browser, json!({"step": "end"})).await.problem(StatusCode::CONFLICT, "wrong_phase");
    world.score_final().await;
    step(&world, &browser, json!({"step": "benchmark"})).await.problem(StatusCode::CONFLICT, "wrong_phase");
    world.reveal(LabelsAtReveal::Keep).await;
    let nothing = step(&world, &token, json!({"step": "end"})).await.expect(StatusCode::OK).json();
    assert_eq!((&nothing["phase"], &nothing["already"]), (&"revealed".into(), &true.into()));
    let url = format!("{TRACK_URL}/leaderboard?board=benchmark");
    Actor::visitor().get(&world, &url).await.problem(StatusCode::NOT_FOUND, "no_benchmark");
    let events = format!("{TRACK_URL}/leaderboard/events?board=benchmark");
    Actor::visitor().get(&world, &events).await.problem(StatusCode::NOT_FOUND, "no_benchmark");
    assert_eq!(Actor::visitor().get(&world, TRACK_URL).await.json()["benchmark"], Value::Null);

    step(&world, &token, json!({"step": "benchmark"})).await.problem(StatusCode::FORBIDDEN, "session_needed");
    step(&world, &ada, json!({"step": "benchmark"})).await.problem(StatusCode::NOT_FOUND, "not_found");
    for wrong in [json!({"per_day": 0}), json!({"per_year": 2_000_000})] {
        let asked = step(&world, &browser, json!({"step": "benchmark", "limits": wrong})).await;
        asked.problem(StatusCode::BAD_REQUEST, "bad_field");
    }
    let asked = json!({"step": "benchmark", "limits": {"per_year": 7}, "reason": "as announced"});
    let taken = step(&world, &browser, asked.clone()).await.expect(StatusCode::OK).json();
    assert_eq!((&taken["phase"], taken.get("already")), (&"benchmark".into(), None));
    for same in [asked, json!({"step": "benchmark"}), json!({"step": "benchmark", "limits": {"per_day": 1}})] {
        let again = step(&world, &browser, same).await.expect(StatusCode::OK).json();
        assert_eq!((&again["already"], &again["log"]), (&true.into(), &taken["log"]));
    }
    let other = json!({"step": "benchmark", "limits": {"per_day": 3}});
    step(&world, &browser, other.clone()).await.problem(StatusCode::CONFLICT, "wrong_phase");
    let confirm = json!({"step": "open-labels", "confirm": "mico/tiny"});
    step(&world, &browser, confirm.clone()).await.problem(StatusCode::CONFLICT, "wrong_phase");
    let shown = Actor::visitor().get(&world, TRACK_URL).await.json();
    assert_eq!(shown["benchmark"]["limits"], json!({"per_day": 1, "per_year": 7}));
    let since = shown["benchmark"]["since"].clone();
    step(&world, &token, json!({"step": "final"})).await.expect(StatusCode::OK);

    world.wait(Duration::HOUR);
    let ended = step(&world, &token, json!({"step": "end"})).await.expect(StatusCode::OK).json();
    assert_eq!((&ended["phase"], ended.get("already")), (&"revealed".into(), None));
    assert_eq!(step(&world, &token, json!({"step": "end"})).await.json()["already"], true);
    // It can go on, with other limits; its years are counted from its first beginning.
    let browser = world.signed_in("olga").await;
    step(&world, &browser, other).await.expect(StatusCode::OK);
    let shown = Actor::visitor().get(&world, TRACK_URL).await.json();
    assert_eq!(shown["benchmark"], json!({"since": since, "limits": {"per_day": 3, "per_year": 7}}));
    step(&world, &token, json!({"step": "end"})).await.expect(StatusCode::OK);
    step(&world, &browser, confirm).await.expect(StatusCode::OK);
    let refused = step(&world, &browser, json!({"step": "benchmark"})).await;
    let refused = refused.problem(StatusCode::CONFLICT, "not_ready");
    assert_eq!(refused["problems"][0]["code"], "labels_opened");
    assert_eq!(board(&world, "board=benchmark").await["since"], since, "its board stays");

    let log = Actor::visitor().get(&world, &format!("{TRACK_URL}/log")).await;
    let events: Vec<Value> =
        log.text().lines().map(|line| serde_json::from_str(line.split_once(' ').expect("a hash").1).unwrap()).collect();
    let said = |event: &&Value| {
        let step = event["public"]["step"].as_str().unwrap_or_default();
        ["benchmark", "end"].contains(&step)
            || event["public"]["field"].as_str().is_some_and(|field| field.starts_with("benchmark."))
    };
    let told: Vec<Value> = events.iter().filter(said).map(|event| event["public"].clone()).collect();
    let expected = [
        json!({"field": "benchmark.per_year", "old": "20", "new": "7"}),
        json!({"step": "benchmark", "reason": "as announced"}),
        json!({"step": "end"}),
        json!({"field": "benchmark.per_day", "old": "1", "new": "3"}),
        json!({"step": "benchmark"}),
        json!({"step": "end"}),
    ];
    assert_eq!(told, expected);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn two_who_begin_a_benchmark_begin_it_once(db: PgPool) {
    let (world, ..) = revealed(db).await;
    let (path, other) = (World::path(), world.second_app());
    let ask = async |app| lifecycle::benchmark(app, &path, SaidOfLimits::default(), By::default()).await;
    let (one, two) = tokio::join!(ask(&world.app), ask(&other));
    let (one, two) = (one.expect("an answer"), two.expect("an answer"));
    assert!(one.already != two.already && one.log == two.log, "{one:?} {two:?}");
    let refused = lifecycle::open_labels(&world.app, &path, By::default()).await.expect_err("a benchmark");
    assert!(matches!(refused, StepError::WrongPhase { phase: Phase::Benchmark, .. }), "{refused}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_board_has_one_rounded_row_for_each_participant(db: PgPool) {
    let (world, ada, bob) = benchmark(db).await;
    // It begins with the official entries.
    let first = board(&world, "board=benchmark&split=final").await;
    assert_eq!(rows(&first), [row(1, "ada", 0.865), row(2, "bob", 0.735)]);
    assert_eq!(
        (&first["board"], &first["phase"], &first["split"]),
        (&"benchmark".into(), &"benchmark".into(), &"final".into())
    );
    let eve = world.participant("eve").await;
    let good = eve.submitted(&world, Upload::hitting_by_split(5, 13).zip()).await;
    let receipt = eve.looks_at(&world, &good).await;
    assert_eq!((&receipt["state"], &receipt["benchmark"]), (&"queued".into(), &true.into()));
    assert!(receipt["log"]["seq"].is_i64());
    let worse = ada.submitted(&world, Upload::hitting_by_split(10, 12).zip()).await;
    let better = bob.submitted(&world, Upload::hitting_by_split(4, 14).zip()).await;
    assert_eq!(world.drain().await.len(), 6, "a dev job and a final job each");
    let shown = board(&world, "board=benchmark&split=final").await;
    // Equal rounded numbers share a rank, the earlier first. Ada's later one is not better than her official entry.
    assert_eq!(rows(&shown), [row(1, "bob", 0.935), row(2, "ada", 0.865), row(2, "eve", 0.865)]);
    let [of_bob, of_ada, of_eve] = &shown["entries"].as_array().expect("entries")[..] else { panic!("{shown}") };
    assert_eq!((&of_bob["submission"], &of_eve["submission"]), (&better.clone().into(), &good.clone().into()));
    assert_ne!(of_ada["submission"], worse);
    assert_eq!([of_bob, of_ada, of_eve].map(|row| row["took_part"].clone()), [json!(true), json!(true), json!(false)]);
    assert_eq!([of_bob, of_ada, of_eve].map(|row| row["submissions"].clone()), [json!(2), json!(2), json!(1)]);
    for row in [of_bob, of_ada, of_eve] {
        let fields: Vec<&str> = row.as_object().expect("a row").keys().map(String::as_str).collect();
        let mut expected = vec![
            "rank",
            "out_of_competition",
            "participant",
            "submission",
            "submitted_at",
            "submissions",
            "description",
            "method_url",
            "average_TPR_FPR_1000",
            "rounded_to",
            "took_part",
        ];
        let mut found = fields.clone();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(row["rounded_to"], 0.005);
    }
    let csv = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard.csv?board=benchmark&split=final")).await;
    let lines: Vec<&str> = csv.text().lines().collect();
    let head =
        "rank,participant,submission,submitted_at,submissions,took_part,average_TPR_FPR_1000,rounded_to,description";
    assert_eq!(lines[0], head);
    assert!(lines[2].ends_with(",2,true,0.865,0.005,"), "{csv:?}");
    // A submission's own page and answer tell its final score rounded, too.
    let told = eve.looks_at(&world, &good).await;
    assert_eq!(told["scores"]["final"], json!({"average_TPR_FPR_1000": 0.865, "rounded_to": 0.005}));

    // On dev: the best dev number among the same submissions, as dev numbers are.
    let dev = board(&world, "board=benchmark").await;
    assert_eq!(rows(&dev), [row(1, "ada", 10.0 / 15.0), row(2, "bob", 7.0 / 15.0), row(3, "eve", 5.0 / 15.0)]);
    let best = &dev["entries"][0];
    assert_eq!((&best["submission"], &best["took_part"]), (&worse.clone().into(), &true.into()));
    assert!(
        best["interval_95"].is_array()
            && best["scenarios"]["tiny_hi"].is_object()
            && best["tied_with_above"].is_boolean()
    );

    // Who is not approved, or was taken out, is not on it.
    let why = reason("a broken rule");
    let by = By { reason: Some(&why), ..By::default() };
    organise::disqualify(&world.app, World::id(&better), by).await.expect("a submission");
    let shown = board(&world, "board=benchmark&split=final").await;
    assert_eq!(rows(&shown), [row(1, "ada", 0.865), row(1, "eve", 0.865), row(3, "bob", 0.735)]);
    world.sql("update participants set status = 'denied' where name = 'eve'; update tracks set benchmark_version = benchmark_version + 1").await;
    assert_eq!(rows(&board(&world, "board=benchmark&split=final").await), [row(1, "ada", 0.865), row(2, "bob", 0.735)]);
    world.sql("update participants set status = 'approved' where name = 'eve'").await;

    // With opened labels, exact; what is queued when it ends is scored all the same.
    world.wait(Duration::DAY);
    let last = eve.submitted(&world, Upload::hitting_by_split(2, 15).zip()).await;
    end(&world).await;
    eve.submit(&world, Upload::hitting(3).zip()).await.problem(StatusCode::FORBIDDEN, "closed");
    assert_eq!(world.drain().await.len(), 2);
    assert_eq!(rows(&board(&world, "board=benchmark&split=final").await)[0], row(1, "eve", 1.0));
    lifecycle::open_labels(&world.app, &World::path(), By::default()).await.expect("revealed");
    let exact = board(&world, "board=benchmark&split=final").await;
    assert_eq!(rows(&exact), [row(1, "eve", 1.0), row(2, "ada", 13.0 / 15.0), row(3, "bob", 11.0 / 15.0)]);
    assert_eq!(exact["entries"][0]["submission"], last);
    assert!(exact["entries"][1]["scenarios"]["tiny_lo"]["AUC"].is_f64(), "{exact}");
    let csv = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard.csv?board=benchmark&split=final")).await;
    assert!(csv.text().lines().next().expect("a header").ends_with(",description,took_part"), "{csv:?}");
    let page =
        Actor::visitor().get(&world, &format!("{TRACK}/leaderboard?board=benchmark")).await.expect(StatusCode::OK);
    assert!(page.text().contains("0.8667") && page.text().contains("took part"), "{}", page.text());
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn its_limits_are_its_own_a_day_and_a_year(db: PgPool) {
    let (world, ada, _) = revealed(db).await;
    world.wait(Duration::DAY);
    begin(&world, SaidOfLimits { per_day: None, per_year: Some(2) }).await;
    let began_at = world.track().await.benchmark.began_at.expect("a benchmark");
    let rejected = ada.submit(&world, Upload::repeating("2").zip()).await;
    rejected.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    let first = ada.submit_under(&world, "key", Upload::hitting(5).zip()).await.expect(StatusCode::CREATED).json();
    assert_eq!(first["attempts_left"], json!({"today": 0, "total": 1}));
    let again = ada.submit_under(&world, "key", Upload::hitting(5).zip()).await.expect(StatusCode::OK).json();
    assert_eq!((&again["id"], &again["attempts_left"]), (&first["id"], &first["attempts_left"]));
    ada.submit(&world, Upload::hitting(6).zip()).await.problem(StatusCode::TOO_MANY_REQUESTS, "limit_today");
    world.wait(Duration::DAY);
    let second = ada.submit(&world, Upload::hitting(6).zip()).await.expect(StatusCode::CREATED).json();
    assert_eq!(second["attempts_left"], json!({"today": 0, "total": 0}));
    world.wait(Duration::DAY);
    let refused = ada.submit(&world, Upload::hitting(7).zip()).await;
    refused.problem(StatusCode::TOO_MANY_REQUESTS, "limit_total");
    assert!(refused.headers.contains_key(header::RETRY_AFTER), "the next year comes");
    let page = world.signed_in("ada").await.get(&world, &format!("{TRACK}/submit")).await;
    assert!(page.text().contains("No attempt is left this year"), "{}", page.text());
    world.wait(began_at + Duration::days(365) - world.app.clock.now());
    let next = ada.submit(&world, Upload::hitting(7).zip()).await.expect(StatusCode::CREATED).json();
    assert_eq!(next["attempts_left"], json!({"today": 0, "total": 1}));
    // After the end the competition's own are told again.
    end(&world).await;
    let seen = ada.looks_at(&world, next["id"].as_str().expect("an id")).await;
    assert_eq!(seen["attempts_left"], json!({"today": 30, "total": 998}));
}

/// Everything official, as it is told and as it is stored.
async fn official(world: &World) -> Vec<String> {
    let mut seen = Vec::new();
    for place in ["leaderboard", "leaderboard?split=final", "leaderboard.csv", "leaderboard.csv?split=final", "results"]
    {
        let mut answer = Actor::visitor().get(world, &format!("{TRACK_URL}/{place}")).await.expect(StatusCode::OK);
        answer.headers.remove("x-request-id");
        answer.headers.remove(header::CONTENT_LENGTH);
        seen.push(format!("{place}: {:?} {}", answer.headers, answer.text()));
    }
    let track = world.track().await;
    let ranking = store::ranking::version(&world.app.db, track.id, track.ending.ranking_version).await;
    seen.push(format!("{:?}", ranking.expect("an answer")));
    seen.push(format!("{:?} {:?}", track.ending, (track.board_version, track.board_changed_at, track.board_log_seq)));
    for table in ["entries", "official_entries", "official_rankings", "ranked_entries"] {
        let rows = format!("select coalesce(string_agg(t::text, '; ' order by t::text), '') from {table} t");
        let rows = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(rows)).fetch_one(&world.app.db).await;
        seen.push(format!("{table}: {}", rows.expect("rows")));
    }
    seen
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn nothing_official_changes_through_it(db: PgPool) {
    let (world, ada, bob) = revealed(db).await;
    let olga = world.organiser("olga").await;
    let without_phase = |seen: Vec<String>| {
        seen.into_iter()
            .map(|text| {
                text.replace("\"phase\":\"benchmark\"", "\"phase\":\"revealed\"").replace("-benchmark-", "-revealed-")
            })
            .collect::<Vec<_>>()
    };
    let before = official(&world).await;
    world.wait(Duration::DAY);
    begin(&world, SaidOfLimits { per_day: Some(9), per_year: None }).await;
    let begun = official(&world).await;
    assert_eq!(without_phase(begun.clone()), before, "the step itself changes the phase alone");
    let eve = world.participant("eve").await;
    let mut sent = Vec::new();
    for actor in [&ada, &bob, &eve] {
        sent.push(actor.submitted(&world, Upload::hitting(15).zip()).await);
    }
    world.drain().await;
    assert_eq!(official(&world).await, begun);

    // A final job that fails for good blocks nothing and stands nowhere among the official ones.
    let lost = ada.submitted(&world, Upload::hitting(14).zip()).await;
    assert!(matches!(world.drain().await[..], [Step::Scored(_), Step::Scored(_)]));
    let failing = eve.submitted(&world, Upload::hitting(14).zip()).await;
    let zip = world.uploads().join(format!("{failing}.zip"));
    let away = zip.with_extension("away");
    fs::rename(&zip, &away).expect("the upload is there");
    world.sql("update jobs set errors = 153").await;
    world.drain().await;
    fs::rename(&away, &zip).expect("moved back");
    assert_eq!(eve.looks_at(&world, &failing).await["state"], "failed");
    assert_eq!(world.count("jobs where split = 'final' and failed_at is not null").await, 1);
    olga.get(&world, &format!("{TRACK_URL}/final")).await.problem(StatusCode::NOT_FOUND, "not_found");
    let why = reason("a broken rule");
    let by = By { reason: Some(&why), ..By::default() };
    for id in [&lost, &sent[1]] {
        organise::disqualify(&world.app, World::id(id), by).await.expect("a submission");
    }
    organise::restore(&world.app, World::id(&lost), By::default()).await.expect("a submission");
    world.take_due_steps().await;
    assert_eq!(official(&world).await, begun);
    assert_eq!(lifecycle::retry_failed(&world.app, &World::path()).await.expect("a track"), 2);
    assert_eq!(world.drain().await.len(), 2);
    assert_eq!(eve.looks_at(&world, &failing).await["state"], "scored");
    assert_eq!(official(&world).await, begun);

    // A new version of the official ranking is made of official entries alone.
    let entry = begun.iter().find(|text| text.starts_with("leaderboard?split=final")).expect("the board");
    let entry: Value = serde_json::from_str(&entry[entry.find("{\"track\"").expect("JSON")..]).expect("JSON");
    let best = entry["entries"][0]["submission"].as_str().expect("an entry").to_owned();
    organise::disqualify(&world.app, World::id(&best), by).await.expect("an entry");
    world.drain().await;
    world.take_due_steps().await;
    let track = world.track().await;
    assert_eq!((track.ending.ranking_version, track.ending.ranking_is_due), (2, false));
    let shown = board(&world, "split=final").await;
    assert_eq!(
        rows(&shown),
        [row(1, "bob", 11.0 / 15.0), row(2, "ada", 3.0 / 15.0)],
        "ada's other entry of the competition"
    );
    lifecycle::declare_final(&world.app, &World::path(), By::default()).await.expect("all official scores are there");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_export_after_benchmark_submissions_is_reproduced(db: PgPool) {
    let (world, ada, _) = revealed(db).await;
    let exported = async |whom| {
        let mut bytes = Vec::new();
        let exported = export::write(&world.app, &World::path(), whom, &mut bytes).await.expect("an export");
        let report = reproduce(Cursor::new(&bytes), Published::default()).expect("readable");
        assert!(!report.has_failed(), "{whom:?}: {report:#?}");
        (bytes, exported, report)
    };
    let member = |bytes: &[u8], name: &str| {
        let mut archive = tar::Archive::new(bytes);
        let mut entries = archive.entries().expect("entries").map(|entry| entry.expect("an entry"));
        let mut found = entries.find(|entry| entry.path().expect("a name").ends_with(name)).expect(name);
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut found, &mut text).expect("bytes");
        text
    };
    let (before, ..) = exported(ExportFor::Organisers).await;
    world.wait(Duration::DAY);
    begin(&world, SaidOfLimits::default()).await;
    ada.submitted(&world, Upload::hitting(15).zip()).await;
    let eve = world.participant("eve").await;
    eve.submitted(&world, Upload::hitting(14).zip()).await;
    world.drain().await;
    let (full, told, report) = exported(ExportFor::Organisers).await;
    assert!(!report.has_gaps(), "{report:#?}");
    assert_eq!((told.entries, told.zips), (2, 5), "everything that was sent");
    for name in ["ranking.json", "results.json", "commitment.txt", "shape.json"] {
        assert_eq!(member(&before, name), member(&full, name), "{name}");
    }
    end(&world).await;
    lifecycle::open_labels(&world.app, &World::path(), By::default()).await.expect("revealed");
    let (public, told, _) = exported(ExportFor::Public).await;
    assert_eq!((told.entries, told.zips), (2, 2), "the zips of official entries alone");
    assert_eq!(member(&before, "ranking.json"), member(&public, "ranking.json"));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_etag_and_the_events_follow_the_benchmark_board_alone(db: PgPool) {
    let (world, ada, _) = benchmark(db).await;
    let url = format!("{TRACK_URL}/leaderboard?board=benchmark&split=final");
    let etag = async || Actor::visitor().get(&world, &url).await.header(header::ETAG).to_owned();
    let before = etag().await;
    let known = [(header::IF_NONE_MATCH, before.as_str())];
    assert_eq!(Actor::visitor().glance_with(&world, &url, &known).await.status, StatusCode::NOT_MODIFIED);
    ada.submitted(&world, Upload::hitting(15).zip()).await;
    assert_eq!(etag().await, before, "nothing is scored yet");
    world.drain().await;
    assert_ne!(etag().await, before);
    let heard = async |query: &str| {
        let last = (header::HeaderName::from_static("last-event-id"), "0");
        let url = format!("{TRACK_URL}/leaderboard/events{query}");
        Actor::visitor().glance_with(&world, &url, &[last]).await.text().to_owned()
    };
    let version = world.track().await.benchmark.version;
    let told = heard("?board=benchmark").await;
    assert!(told.contains(&format!("id: {version}")) && told.contains("\"board\":\"benchmark\""), "{told}");
    let told = heard("").await;
    assert!(told.contains("\"split\":\"dev\"") && !told.contains("benchmark"), "{told}");
    for wrong in ["board=other", "board=official&board=benchmark"] {
        let asked = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard?{wrong}")).await;
        asked.problem(StatusCode::BAD_REQUEST, "bad_parameter");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_pages_say_which_board_is_which_and_what_an_attempt_is_for(db: PgPool) {
    let (world, ada, _) = revealed(db).await;
    world.organiser("olga").await;
    let olga = world.signed_in("olga").await;
    let words = async |actor: &Actor, path: &str| words(&world, actor, &format!("{TRACK}{path}")).await;
    assert_says(&words(&ada, "").await, &[], &["Benchmark"]);
    assert_says(&words(&ada, "/leaderboard").await, &[], &["Benchmark"]);
    let page = words(&olga, "/organise/final").await;
    assert_says(
        &page,
        &["Open the track as a benchmark", "name=\"per_day\"", "benchmark-password"],
        &["End the benchmark"],
    );
    assert_eq!(ada.get(&world, &format!("{TRACK}/leaderboard?board=benchmark")).await.status, StatusCode::NOT_FOUND);
    world.wait(Duration::DAY);
    begin(&world, SaidOfLimits::default()).await;
    assert_says(
        &words(&ada, "").await,
        &[
            "Open as a benchmark",
            "Official ranking</a></b>",
            "since <time",
            "open for new entries",
            "A year",
            "The track is open as a benchmark",
        ],
        &["closes in", "Submitting has closed"],
    );
    assert_says(
        &words(&ada, "/submit").await,
        &["This is for the benchmark board", "Left this year"],
        &["It counts for the competition"],
    );
    let official = words(&ada, "/leaderboard").await;
    assert_says(
        &official,
        &["Official ranking: what was sent before the close decides it", "?board=benchmark"],
        &["data-events"],
    );
    let dev = words(&ada, "/leaderboard?split=dev").await;
    assert_says(&dev, &["stands since the freeze", "Official board of the competition"], &["data-events"]);
    ada.submitted(&world, Upload::hitting(15).zip()).await;
    world.drain().await;
    let shown = words(&ada, "/leaderboard?board=benchmark").await;
    assert_says(
        &shown,
        &["Benchmark, since", "1.000", "0.735", "took part", "events?board=benchmark", "to the nearest 0.005"],
        &["0.7333", "95 % interval"],
    );
    let shown = words(&ada, "/leaderboard?board=benchmark&split=dev").await;
    assert_says(&shown, &["Benchmark, since", "1.0000", "95 % interval"], &[]);
    for wrong in ["by=AUC", "sort=last", "curves=ada"] {
        let asked = ada.get(&world, &format!("{TRACK}/leaderboard?board=benchmark&{wrong}")).await;
        assert_eq!(asked.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let list = world.signed_in("ada").await;
    assert_says(&words(&list, "/submissions").await, &["benchmark"], &[]);
    let page = words(&olga, "/organise/final").await;
    assert_says(&page, &["End the benchmark", "1 a day, 20 a year"], &["Open the track as a benchmark"]);
    let request = olga.request("POST", &format!("{TRACK}/organise/final/end")).header("sec-fetch-site", "same-origin");
    let ended = world.ask(request.body(axum::body::Body::empty()).expect("a request")).await;
    let location = ended.expect(StatusCode::SEE_OTHER).header(header::LOCATION).to_owned();
    let page = olga.get(&world, &location).await.expect(StatusCode::OK);
    assert!(page.text().contains("The benchmark has ended. What was sent is still scored"), "{}", page.text());
    assert_says(&words(&ada, "").await, &["ended; its board stays", "Submitting has closed"], &[]);
    assert_says(&words(&ada, "/leaderboard?board=benchmark").await, &["the benchmark has ended"], &["data-events"]);
    // With a wrong password nothing is begun, and the field says so.
    let sent = async |form: &'static str| {
        let request = olga
            .request("POST", &format!("{TRACK}/organise/final/benchmark"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        world.ask(request.body(form.into()).expect("a request")).await.expect(StatusCode::UNPROCESSABLE_ENTITY)
    };
    let refused = sent("per_day=2&per_year=0&password=x").await;
    assert!(refused.text().contains("Give a number from 1 to 1,000,000."), "{}", refused.text());
    let refused = sent("per_day=2&per_year=10&password=wrong").await;
    assert!(refused.text().contains("password"), "{}", refused.text());
    assert_eq!(world.track().await.phase, Phase::Revealed);
}
