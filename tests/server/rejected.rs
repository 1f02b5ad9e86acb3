//! Rejected uploads: they are reported with the position of the problem, recorded, and cost no
//! attempt.

use axum::http::{StatusCode, header};
use callimico::config::LimitsConfig;
use scoring_testkit::zip::{Item, Zip};
use serde_json::{Value, json};
use sqlx::PgPool;
use time::Duration;

use crate::support::{TRACK_URL, Upload, World};

const FILE: &str = "tiny/tiny_lo/dev/model_10/prediction.csv";
const WHOLE: Option<(&str, Option<u32>, Option<u32>)> = None;

/// A broken upload and the first problem reported: its code, and where there are any its path, line
/// and column.
struct Broken {
    zip: Vec<u8>,
    code: &'static str,
    place: Option<(&'static str, Option<u32>, Option<u32>)>,
}

/// A good submission with one file's content replaced.
fn content(content: impl AsRef<[u8]>, code: &'static str, line: u32, column: impl Into<Option<u32>>) -> Broken {
    let zip = Upload::hitting(9).with(FILE, content).zip();
    Broken { zip, code, place: Some((FILE, Some(line), column.into())) }
}

/// A good submission with one zip entry replaced or added.
fn entry(item: Item, code: &'static str, path: &'static str) -> Broken {
    let mut items = Upload::hitting(9).items();
    items.retain(|known| known.central.name != item.central.name);
    items.push(item);
    Broken { zip: Zip::of(items).bytes(), code, place: Some((path, None, None)) }
}

fn good_item() -> Item {
    Item::deflated(FILE, b"0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1\n")
}

fn archives() -> Vec<Broken> {
    let whole = Upload::hitting(9);
    let zip = whole.zip();
    let doubled = {
        let mut items = whole.items();
        items.push(good_item());
        Zip::of(items).bytes()
    };
    vec![
        Broken { zip: Vec::new(), code: "not_a_zip", place: WHOLE },
        Broken { zip: b"<!doctype html><title>Log in</title>".to_vec(), code: "not_a_zip", place: WHOLE },
        Broken { zip: b"\x1f\x8b\x08\x00tar".to_vec(), code: "not_a_zip", place: WHOLE },
        Broken { zip: zip[..zip.len() - 7].to_vec(), code: "truncated", place: WHOLE },
        Broken { zip: [b"#!/bin/sh\n".as_slice(), &zip].concat(), code: "ambiguous", place: WHOLE },
        Broken { zip: Zip::of(Vec::new()).bytes(), code: "empty_archive", place: WHOLE },
        Broken { zip: doubled, code: "duplicate_entry", place: Some((FILE, None, None)) },
        Broken { zip: whole.clone().without(FILE).zip(), code: "missing_file", place: Some((FILE, None, None)) },
        entry(Item::stored("../../etc/passwd", b"x"), "bad_path", "../../etc/passwd"),
        entry(Item::stored("tiny/run.exe", b"MZ"), "unexpected_entry", "tiny/run.exe"),
        entry(Item::stored("tiny/\u{202e}gpj.csv", b"0"), "non_ascii_name", "tiny/\\u{202e}gpj.csv"),
        entry(Item::stored("tiny/\u{1b}[2J", b"0"), "bad_name", "tiny/\\u{1b}[2J"),
        entry(Item { attributes: 0o120_777 << 16, ..good_item() }, "not_regular_file", FILE),
        entry(good_item().both(|header| header.flags |= 1), "encrypted", FILE),
        entry(good_item().both(|header| header.method = 14), "unsupported_method", FILE),
        entry(good_item().both(|header| header.crc ^= 1), "crc", FILE),
        entry(good_item().both(|header| header.size += 1), "size_mismatch", FILE),
        entry(Item::deflated(FILE, &vec![b'0'; 20 << 20]), "entry_too_large", FILE),
    ]
}

fn contents() -> Vec<Broken> {
    vec![
        content("0.1,0.2,nan,0.4,0.5,0.6,0.7,0.8,0.9,1\n", "not_finite", 1, 9),
        content("0.1\n0.2\n1e400\n0.4\n0.5\n0.6\n0.7\n0.8\n0.9\n1\n", "not_finite", 3, 1),
        content("0.1\r\n0.2\r\n0.3\r\n-1e-9\r\n0.5\r\n0.6\r\n0.7\r\n0.8\r\n0.9\r\n1", "out_of_range", 4, 1),
        content("0.1, 0.2,  1.0000000000000002,0.4,0.5,0.6,0.7,0.8,0.9,1\n", "out_of_range", 1, 12),
        content("0.1,0.2,0x1,0.4,0.5,0.6,0.7,0.8,0.9,1\n", "not_a_number", 1, 9),
        content("0.1,\u{660}.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1\n", "non_ascii", 1, 5),
        content("score\n0.1\n0.2\n0.3\n0.4\n0.5\n0.6\n0.7\n0.8\n0.9\n1\n", "header_line", 1, 1),
        content("0.1\n0.2\n\n0.4\n0.5\n0.6\n0.7\n0.8\n0.9\n1\n0.3\n", "blank_line", 3, None),
        content("0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1,\n", "empty_value", 1, 39),
        content("0,5;0,7;0,1;0,2;0,3;0,4;0,5;0,6;0,7;0,8\n", "decimal_comma", 1, 1),
        content("\u{feff}0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1\n", "byte_order_mark", 1, 1),
    ]
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn each_kind_of_broken_upload_is_told_with_its_place_and_costs_nothing(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let mut sent = 0;
    for Broken { zip, code, place } in archives().into_iter().chain(contents()) {
        let answer = ada.submit(&world, zip).await;
        let problem = answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
        let first = &problem["problems"][0];
        let (path, line, column) = place.map_or((None, None, None), |(path, line, column)| (Some(path), line, column));
        assert_eq!(first["code"], code, "{problem:#}");
        assert_eq!(
            (&first["path"], &first["line"], &first["column"]),
            (&json!(path), &json!(line), &json!(column)),
            "{problem:#}"
        );
        // A file that cannot be read is also reported as missing; there are no other problems.
        let others = problem["problems"].as_array().expect("a list")[1..].iter();
        assert!(others.clone().all(|one| one["code"] == "missing_file" && one["path"] == first["path"]), "{problem:#}");
        assert_eq!(problem["problems_total"], 1 + others.len(), "{problem:#}");
        sent += 1;

        let record = ada.looks_at(&world, problem["submission"].as_str().expect("a record")).await;
        assert_eq!((&record["state"], &record["problems"]), (&json!("rejected"), &problem["problems"]));
        assert_eq!((&record["attempts_left"]["today"], &record["attempts_left"]["total"]), (&json!(30), &json!(1000)));
        assert_eq!(record["scores"], json!({}));
        let archive = format!("/api/v1/submissions/{}/archive", record["id"].as_str().expect("an id"));
        ada.get(&world, &archive).await.problem(StatusCode::NOT_FOUND, "not_found");
    }
    assert_eq!(world.count("submissions where state = 'rejected'").await, sent);
    assert_eq!(world.count("jobs").await, 0);
    assert_eq!(world.files(), (0, 0), "bytes of a rejected upload were kept");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_problem_has_the_fields_that_scripts_read(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let answer = ada.submit(&world, content("0.1,0.2,1.5,0.4,0.5,0.6,0.7,0.8,0.9,1", "", 1, 9).zip).await;
    let mut problem: Value = answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    problem["submission"] = "[id]".into();
    insta::assert_json_snapshot!("problem", problem);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_file_of_the_wrong_length_is_named_with_both_counts(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    // The total number of values is right: one file has one too many and another one too few.
    let zip = Upload::hitting(9)
        .with(FILE, "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9")
        .with("tiny/tiny_lo/dev/model_20/prediction.csv", "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1,0")
        .zip();
    let problem = ada.submit(&world, zip).await.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    assert_eq!(problem["problems_total"], 2, "{problem:#}");
    for (at, path, count) in [(0, FILE, "9"), (1, "tiny/tiny_lo/dev/model_20/prediction.csv", "11")] {
        let one = &problem["problems"][at];
        assert_eq!((&one["code"], &one["path"]), (&json!("wrong_count"), &json!(path)));
        assert!(one["found"].as_str().expect("a text").contains(count), "{one:#}");
        assert!(one["expected"].as_str().expect("a text").contains("10"), "{one:#}");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_hundred_problems_are_shown_and_the_rest_counted(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let answer = ada.submit(&world, Upload::repeating("2").zip()).await;
    let problem = answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    assert_eq!(problem["problems"].as_array().map(Vec::len), Some(100));
    assert_eq!(problem["problems_total"], 120);
    let record = ada.looks_at(&world, problem["submission"].as_str().expect("a record")).await;
    assert_eq!((&record["problems"], &record["problems_total"]), (&problem["problems"], &json!(120)));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_final_split_is_checked_at_upload_too(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let path = "tiny/tiny_hi/final/model_31/prediction.csv";
    let answer = ada.submit(&world, Upload::hitting(9).with(path, "0.5").zip()).await;
    let problem = answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    assert_eq!(
        (&problem["problems"][0]["path"], &problem["problems"][0]["code"]),
        (&json!(path), &json!("wrong_count"))
    );
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn rejected_uploads_have_an_hourly_limit_of_their_own(db: PgPool) {
    let limits = LimitsConfig { rejected_per_hour: 3, ..LimitsConfig::default() };
    let world = World::with_limits(db, limits).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    for _ in 0..3 {
        ada.submit(&world, "not a zip").await.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
        world.wait(Duration::minutes(10));
    }
    let limited = ada.submit(&world, "not a zip").await;
    let problem = limited.problem(StatusCode::TOO_MANY_REQUESTS, "too_many_rejected");
    // The oldest of the three leaves the hourly window in 30 minutes.
    assert_eq!(problem["next_attempt_at"], "2026-11-23T13:00:00Z");
    assert_eq!(limited.header(header::RETRY_AFTER), "1801");
    assert_eq!(world.count("submissions").await, 3);
    // The limit affects neither good uploads nor other participants.
    ada.submitted(&world, Upload::hitting(9).zip()).await;
    bob.submit(&world, "not a zip").await.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    world.wait(Duration::minutes(31));
    ada.submit(&world, "not a zip").await.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn nothing_is_recorded_of_a_broken_upload_that_could_not_have_counted(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    world.sql("update tracks set phase = 'closed'").await;
    ada.submit(&world, "not a zip").await.problem(StatusCode::FORBIDDEN, "closed");
    ada.submit_under(&world, "key", "not a zip").await.problem(StatusCode::FORBIDDEN, "closed");
    world.sql("update tracks set phase = 'open'; update participants set status = 'denied'").await;
    ada.submit_under(&world, "key", "not a zip").await.problem(StatusCode::FORBIDDEN, "denied");
    let url = format!("{TRACK_URL}/leaderboard");
    assert_eq!(ada.get(&world, &url).await.json()["entries"], json!([]));
    world.assert_nothing_kept().await;
}
