//! The leaderboard: which submissions are on it, their order and ranks, and its formats.

use axum::http::{StatusCode, header};
use callimico::domain::ids::WorkerId;
use callimico::store;
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

use crate::support::{Actor, TRACK_URL, Upload, World};

async fn board(world: &World) -> Value {
    Actor::visitor().get(world, &format!("{TRACK_URL}/leaderboard")).await.expect(StatusCode::OK).json()
}

/// These fields of every entry, in the order of the board.
async fn entries<const N: usize>(world: &World, fields: [&str; N]) -> Vec<[Value; N]> {
    let board = board(world).await;
    let entries = board["entries"].as_array().expect("a list");
    entries.iter().map(|entry| fields.map(|field| entry[field].clone())).collect()
}

/// Submits with this many hits, one second after the previous submission.
async fn submission(world: &World, actor: &Actor, hits: usize) -> String {
    world.wait(Duration::SECOND);
    actor.submitted(world, Upload::hitting(hits).zip()).await
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn by_the_rule_latest_the_last_submission_stands_even_if_it_is_worse(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    submission(&world, &ada, 12).await;
    let last = submission(&world, &ada, 3).await;
    world.drain().await;
    assert_eq!(
        entries(&world, ["submission", "submissions", "submitted_at"]).await,
        [[json!(last), json!(2), json!("2026-11-23T12:00:02Z")]]
    );
    assert_eq!(ada.looks_at(&world, &last).await["stands"], true);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn by_the_rule_best_the_best_submission_stands_and_of_equal_ones_the_first(db: PgPool) {
    let world = World::with_yaml(db, "entry_rule: best\n").await;
    let ada = world.participant("ada").await;
    submission(&world, &ada, 3).await;
    let best = submission(&world, &ada, 12).await;
    submission(&world, &ada, 12).await;
    submission(&world, &ada, 7).await;
    world.drain().await;
    assert_eq!(entries(&world, ["submission", "submissions"]).await, [[json!(best), json!(4)]]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_older_submission_that_is_scored_later_does_not_replace_a_newer_one(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let older = submission(&world, &ada, 12).await;
    let newer = submission(&world, &ada, 3).await;
    // A worker claims the older one and dies.
    let mut connection = world.app.db.acquire().await.expect("a connection");
    let claimed = store::job::claim(&mut connection, WorkerId::generate()).await.expect("an answer").expect("a job");
    assert_eq!(claimed.submission, World::id(&older));
    world.drain().await;
    assert_eq!(entries(&world, ["submission", "submissions"]).await, [[json!(newer), json!(1)]]);
    world.sql("update jobs set leased_until = clock_timestamp() - interval '1 second'").await;
    world.drain().await;
    assert_eq!(entries(&world, ["submission", "submissions"]).await, [[json!(newer), json!(2)]]);
    assert_eq!(ada.looks_at(&world, &older).await["state"], "scored");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn equal_numbers_share_a_rank_and_are_listed_by_the_earlier_submission(db: PgPool) {
    let world = World::new(db).await;
    let mut sent = Vec::new();
    // Ten and eight hits in two scenarios have the same mean as nine and nine, so they share a
    // rank.
    for (name, hits) in [("dora", [5, 5]), ("carl", [9, 9]), ("bea", [10, 8]), ("ada", [12, 12])] {
        world.wait(Duration::SECOND);
        let actor = world.participant(name).await;
        sent.push(actor.submitted(&world, Upload::hitting_by_scenario(hits).zip()).await);
    }
    world.drain().await;
    let ranked = entries(&world, ["rank", "participant"]).await;
    let expected = [(1, "ada"), (2, "carl"), (2, "bea"), (4, "dora")].map(|(rank, name)| [json!(rank), json!(name)]);
    assert_eq!(ranked, expected);
    assert_eq!(board(&world).await["entries"][2]["tied_with_above"], true);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn differences_within_chance_are_marked_and_change_no_rank(db: PgPool) {
    let world = World::new(db).await;
    for (name, hits) in [("ada", 15), ("bea", 8), ("carl", 7), ("dora", 0)] {
        let actor = world.participant(name).await;
        submission(&world, &actor, hits).await;
    }
    world.drain().await;
    // One more member in one of three models is within chance; all members or none is not.
    assert_eq!(
        entries(&world, ["rank", "tied_with_above"]).await,
        [[json!(1), json!(false)], [json!(2), json!(false)], [json!(3), json!(true)], [json!(4), json!(false)]]
    );
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn who_has_no_scored_submission_is_not_listed(db: PgPool) {
    let world = World::new(db).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    world.participant("carl").await;
    submission(&world, &ada, 4).await;
    world.drain().await;
    submission(&world, &bob, 5).await;
    bob.submit(&world, "not a zip").await;
    assert_eq!(entries(&world, ["participant"]).await, [[json!("ada")]]);
    let definition = Actor::visitor().get(&world, TRACK_URL).await.json();
    assert_eq!((&definition["participants"], &definition["entries"]), (&json!(3), &json!(1)));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn csv_and_json_hold_the_same_numbers(db: PgPool) {
    let world = World::new(db).await;
    for (name, hits) in [("ada", 11), ("bea", 7)] {
        let actor = world.participant(name).await;
        submission(&world, &actor, hits).await;
    }
    world.drain().await;
    let csv = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard.csv")).await.expect(StatusCode::OK);
    assert_eq!(csv.header(header::CONTENT_TYPE), "text/csv; charset=utf-8");
    assert_eq!(csv.header(header::CONTENT_DISPOSITION), "attachment; filename=\"tiny-dev.csv\"");
    let mut lines = csv.text().split_terminator("\r\n").map(|line| line.split(',').collect::<Vec<_>>());
    let columns = lines.next().expect("a line of names");
    let board = board(&world).await;
    let entries = board["entries"].as_array().expect("a list");
    let mut compared = 0;
    for (entry, cells) in entries.iter().zip(lines) {
        assert_eq!(cells.len(), columns.len());
        for (column, cell) in columns.iter().zip(cells) {
            let value = match (*column, column.split_once("_TPR_").or(column.rsplit_once('_'))) {
                ("interval_low", _) => &entry["interval_95"][0],
                ("interval_high", _) => &entry["interval_95"][1],
                (name, _) if entry.get(name).is_some() => &entry[name],
                (name, Some((scenario, _))) => &entry["scenarios"][scenario][&name[scenario.len() + 1..]],
                (name, None) => panic!("{name} is no field"),
            };
            match value {
                Value::Number(number) => {
                    assert_eq!(
                        cell.parse::<f64>().expect("a number").to_bits(),
                        number.as_f64().expect("f64").to_bits()
                    );
                }
                Value::String(text) => assert_eq!(cell, text),
                other => assert_eq!(cell, other.to_string(), "{column}"),
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 2 * (10 + 2 * 9));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_spreadsheet_takes_nothing_of_the_csv_for_a_formula(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let url = format!("{TRACK_URL}/submissions?description=%3DHYPERLINK(%22http://evil%22,%22x%22)%0D%0Anext");
    let request = ada.request("POST", &url).header(header::CONTENT_TYPE, "application/zip");
    let answer = world.ask(request.body(Upload::hitting(3).zip().into()).expect("a request")).await;
    answer.expect(StatusCode::CREATED);
    world.drain().await;
    let csv = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard.csv")).await;
    assert!(csv.text().ends_with(",\"'=HYPERLINK(\"\"http://evil\"\",\"\"x\"\") next\"\r\n"), "{}", csv.text());
    assert_eq!(csv.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_board_that_did_not_change_answers_304(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    submission(&world, &ada, 4).await;
    world.drain().await;
    let visitor = Actor::visitor();
    for url in [format!("{TRACK_URL}/leaderboard"), format!("{TRACK_URL}/leaderboard.csv")] {
        let first = visitor.get(&world, &url).await.expect(StatusCode::OK);
        let etag = first.header(header::ETAG).to_owned();
        for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            let request = visitor.request("GET", &url).header(header::IF_NONE_MATCH, &known);
            let answer = world.ask(request.body(axum::body::Body::empty()).expect("a request")).await;
            assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
            assert_eq!(answer.header(header::ETAG), etag);
        }
        submission(&world, &ada, 5).await;
        world.drain().await;
        let request = visitor.request("GET", &url).header(header::IF_NONE_MATCH, &etag);
        let changed = world.ask(request.body(axum::body::Body::empty()).expect("a request")).await;
        assert_eq!(changed.status, StatusCode::OK);
        assert_ne!(changed.header(header::ETAG), etag);
    }
}
