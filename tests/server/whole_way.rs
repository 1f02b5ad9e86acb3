//! The whole life of a submission: enrol, upload, score, report, rank; and the formats that scripts
//! read.

use axum::http::{StatusCode, header};
use callimico::worker::Step;
use insta::assert_json_snapshot;
use scoring::{Metric, Split};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Actor, TRACK_URL, Upload, World, score_of};

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn definitions_tell_a_script_all_it_needs_to_submit(db: PgPool) {
    let world = World::with_yaml(
        db,
        "description: Small.\nlimits: {per_day: 5, total: 50, bytes: 100000}\n\
         dates: {opens: 2026-11-01T00:00:00+01:00, closes: 2026-12-05T23:59:00Z}\n\
         scenarios:\n  tiny_hi: {label: High ε, epsilon: 10}\n",
    )
    .await;
    let visitor = Actor::visitor();
    let track = visitor.get(&world, TRACK_URL).await.expect(StatusCode::OK).json();
    assert_json_snapshot!("track", track);
    let competition = visitor.get(&world, "/api/v1/competitions/mico").await.expect(StatusCode::OK).json();
    assert_eq!(competition["tracks"], json!([track]));
    let all = visitor.get(&world, "/api/v1/competitions").await.expect(StatusCode::OK).json();
    assert_eq!(all, json!({"competitions": [competition], "next": null}));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn enrolling_answers_201_and_once_more_200(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.account("ada").await;
    let first = ada.enrol(&world).await.expect(StatusCode::CREATED).json();
    assert_eq!(first, json!({"status": "approved", "reason": null, "track": "mico/tiny", "participant": "ada"}));
    assert_eq!(ada.enrol(&world).await.expect(StatusCode::OK).json(), first);
    assert_eq!(world.count("participants").await, 1);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_track_with_approval_enrols_as_pending_and_takes_no_upload_yet(db: PgPool) {
    let world = World::with_yaml(db, "approval: true\n").await;
    let ada = world.account("ada").await;
    assert_eq!(ada.enrol(&world).await.expect(StatusCode::CREATED).json()["status"], "pending");
    let refused = ada.submit(&world, Upload::hitting(5).zip()).await;
    refused.problem(StatusCode::FORBIDDEN, "not_approved_yet");
    world.sql("update participants set status = 'denied'").await;
    ada.submit(&world, Upload::hitting(5).zip()).await.problem(StatusCode::FORBIDDEN, "denied");
    assert_eq!(ada.enrol(&world).await.expect(StatusCode::OK).json()["status"], "denied");
    world.assert_nothing_kept().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_zip_becomes_a_receipt_a_score_and_an_entry(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting(9).zip();

    let answer = ada.submit(&world, zip.clone()).await.expect(StatusCode::CREATED);
    let receipt = answer.json();
    let id = receipt["id"].as_str().expect("an id");
    let url = format!("/api/v1/submissions/{id}");
    assert_eq!(answer.header(header::LOCATION), url);
    assert_json_snapshot!("receipt", receipt, {".id" => "[id]", ".url" => "[url]", ".sha256" => "[sha256]", ".size" => "[size]", ".log.hash" => "[hash]"});
    assert_eq!(receipt["size"], zip.len());
    assert_eq!(receipt["sha256"], hex_of_sha256(&zip));

    let waiting = ada.get(&world, &url).await.expect(StatusCode::OK).json();
    assert_eq!(
        (&waiting["state"], &waiting["scores"], &waiting["stands"]),
        (&json!("queued"), &json!({}), &json!(false))
    );

    assert_eq!(world.drain().await, [Step::Scored(World::id(id))]);
    let done = ada.get(&world, &url).await.expect(StatusCode::OK).json();
    assert_json_snapshot!("submission", done, {
        ".log.hash" => "[hash]",
        ".id" => "[id]", ".sha256" => "[sha256]", ".size" => "[size]", ".scores.dev.curves.*.linear" => "[101 rates]",
        ".scores.dev.curves.*.log" => "[41 rates]",
    });

    let board = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard")).await.expect(StatusCode::OK).json();
    assert_json_snapshot!("board", board, {".entries[].submission" => "[id]", ".log.hash" => "[hash]"});
    assert_eq!(board["entries"][0]["submission"], id);
    let mut dev = done["scores"]["dev"].clone();
    dev.as_object_mut().expect("an object").remove("curves");
    for (name, value) in dev.as_object().expect("an object") {
        assert_eq!(&board["entries"][0][name], value, "{name} differs between board and submission");
    }
}

fn hex_of_sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_number_told_is_the_scorers_own_to_the_last_bit(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting_by_scenario([7, 11])
        .with("tiny/tiny_hi/dev/model_3/prediction.csv", "0.3,0.1,0.9,0.3,0.3,0.25,1,0,0.7,0.3\n")
        .zip();
    let expected = score_of(&world, &zip, Split::Dev).await;
    let id = ada.submitted(&world, zip).await;
    world.drain().await;

    let told = ada.looks_at(&world, &id).await["scores"]["dev"].clone();
    assert_eq!(told["average_TPR_FPR_1000"].as_f64(), Some(expected.ranking_value));
    for scenario in expected.present() {
        let numbers = &told["scenarios"][&scenario.name];
        assert_eq!(numbers.as_object().expect("an object").len(), Metric::ALL.len());
        for (metric, value) in scenario.metrics.iter() {
            let shown = numbers[metric.name()].as_f64().map(f64::to_bits);
            assert_eq!(shown, Some(value.to_bits()), "{} {metric}", scenario.name);
        }
        let grid = scenario.curve.grid();
        let (fpr, tpr): (Vec<f64>, Vec<f64>) = grid.points().into_iter().unzip();
        assert_eq!(
            told["curves"][&scenario.name],
            json!({"fpr": fpr, "tpr": tpr, "linear": grid.linear, "log": grid.log})
        );
    }

    let text = ada.get(&world, &format!("/api/v1/submissions/{id}/scores.txt")).await.expect(StatusCode::OK);
    assert_eq!(text.header(header::CONTENT_TYPE), "text/plain; charset=utf-8");
    assert_eq!(text.text(), scoring::write_scores(&expected));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_interval_holds_the_number_it_is_about(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(8).zip()).await;
    world.drain().await;
    let dev = ada.looks_at(&world, &id).await["scores"]["dev"].clone();
    let [low, high] = [0, 1].map(|end| dev["interval_95"][end].as_f64().expect("a number"));
    let average = dev["average_TPR_FPR_1000"].as_f64().expect("a number");
    assert_eq!(average, 8.0 / 15.0);
    assert!(0.0 <= low && low < average && average < high && high <= 1.0, "{low} {average} {high}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_archive_comes_back_byte_for_byte_as_an_attachment(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting(3).zip();
    let id = ada.submitted(&world, zip.clone()).await;
    let answer = ada.get(&world, &format!("/api/v1/submissions/{id}/archive")).await.expect(StatusCode::OK);
    assert_eq!(answer.body, zip);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/zip");
    assert_eq!(answer.header(header::CONTENT_DISPOSITION), format!("attachment; filename=\"submission-{id}.zip\""));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_was_odd_in_an_upload_that_was_taken_is_told_as_warnings(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::repeating("0.5").with("__MACOSX/tiny/._x", "junk").zip();
    let id = ada.submitted(&world, zip).await;
    let warnings = ada.looks_at(&world, &id).await["warnings"].clone();
    let mut codes: Vec<&str> =
        warnings.as_array().expect("a list").iter().filter_map(|one| one["code"].as_str()).collect();
    codes.dedup();
    assert_eq!(codes, ["ignored_entries", "few_distinct_values"], "{warnings:#}");
    world.drain().await;
    // All confidences are equal, so no threshold separates members from non-members.
    assert_eq!(ada.looks_at(&world, &id).await["scores"]["dev"]["average_TPR_FPR_1000"], 0.0);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_a_sender_says_of_a_bare_zip_stands_in_the_query(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let url = format!("{TRACK_URL}/submissions?description=Loss%20threshold&method_url=https://example.org/a");
    let request = ada.request("POST", &url).header(header::CONTENT_TYPE, "application/zip");
    let answer = world.ask(request.body(Upload::hitting(4).zip().into()).expect("a request")).await;
    let id = answer.expect(StatusCode::CREATED).json()["id"].as_str().expect("an id").to_owned();
    let seen = ada.looks_at(&world, &id).await;
    assert_eq!(
        (&seen["description"], &seen["method_url"]),
        (&json!("Loss threshold"), &json!("https://example.org/a"))
    );

    for (query, code) in [
        (format!("description={}", "x".repeat(501)), "bad_field"),
        ("method_url=javascript:alert(1)".to_owned(), "bad_field"),
        ("method_url=https://a%20b".to_owned(), "bad_field"),
        ("sort=final".to_owned(), "bad_parameter"),
        ("description=a&description=b".to_owned(), "bad_parameter"),
    ] {
        let url = format!("{TRACK_URL}/submissions?{query}");
        let request = ada.request("POST", &url).header(header::CONTENT_TYPE, "application/zip");
        let answer = world.ask(request.body(Upload::hitting(4).zip().into()).expect("a request")).await;
        answer.problem(StatusCode::BAD_REQUEST, code);
    }
    assert_eq!(world.count("submissions").await, 1);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_form_is_taken_like_a_bare_zip(db: PgPool) {
    use crate::support::Form;
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting(6).zip();
    let forms = [
        Form::default().text("description", "first").file("file", &zip).text("method_url", "http://example.org"),
        Form::default()
            .part("name=\"file\"", &zip)
            .text("description", "first")
            .text("method_url", "http://example.org"),
    ];
    for form in forms {
        let receipt = ada.submit_form(&world, form.end()).await.expect(StatusCode::CREATED).json();
        assert_eq!(receipt["sha256"], hex_of_sha256(&zip));
        let seen = ada.looks_at(&world, receipt["id"].as_str().expect("an id")).await;
        assert_eq!((&seen["description"], &seen["method_url"]), (&json!("first"), &json!("http://example.org")));
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn models_are_matched_by_name_and_scored_by_number(db: PgPool) {
    // `model_10` comes before `model_3` in a sorted zip; taking the files in that order would score
    // noise.
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let mut items = Upload::hitting(15).items();
    items.sort_by(|a, b| a.central.name.cmp(&b.central.name));
    let id = ada.submitted(&world, scoring_testkit::zip::Zip::of(items).bytes()).await;
    world.drain().await;
    let seen: Value = ada.looks_at(&world, &id).await;
    assert_eq!(seen["scores"]["dev"]["average_TPR_FPR_1000"], 1.0);
}
