//! What must not be disclosed: final scores before the reveal, and other people's submissions ever.

use std::collections::BTreeSet;

use axum::http::{StatusCode, header};
use callimico::service::lifecycle::{LabelsAtReveal, OpeningLabels};
use scoring::Split;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Actor, TRACK_URL, TrackFiles, Upload, World, score_of};

/// 13/15: the first digits of the submissions' final score, in every format.
const FINAL_NUMBER: &str = "0.866";

/// A track on which ada has a dev score of 9/15, and a final score of 13/15 that is not revealed
/// yet.
struct Secret {
    world: World,
    ada: Actor,
    /// Another participant.
    bob: Actor,
    submission: String,
    /// A rejected upload of ada's.
    rejected: String,
}

impl Secret {
    async fn new(db: PgPool) -> Self {
        let world = World::new(db).await;
        let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
        let zip = Upload::hitting_by_split(9, 13).zip();
        let submission = ada.submitted(&world, zip.clone()).await;
        let rejected = ada.submit(&world, "not a zip").await.json()["submission"].clone();
        world.drain().await;
        world.score_final().await;
        let score = score_of(&world, &zip, Split::Final).await;
        assert!(score.ranking_value.to_string().starts_with(FINAL_NUMBER));
        assert_eq!(world.count("scorings where split = 'final'").await, 1);
        Self { world, ada, bob, submission, rejected: rejected.as_str().expect("a record").to_owned() }
    }

    /// Every URL there is to read, of the API and of the pages.
    fn urls(&self) -> Vec<String> {
        let id = &self.submission;
        let api = ["", "/leaderboard", "/leaderboard.csv", "/leaderboard?split=dev", "/leaderboard?split=final"];
        let own = ["", "?wait=1", "/scores.txt", "/scores.txt?split=dev", "/scores.txt?split=final"];
        let pages =
            ["", "/data", "/rules", "/leaderboard", "/submissions", "/submit", "/results", "/leaderboard?split=final"];
        let other =
            ["/", "/c/mico", "/account", "/api/v1/competitions", "/api/v1/competitions/mico", "/healthz", "/readyz"];
        api.iter()
            .map(|rest| format!("{TRACK_URL}{rest}"))
            .chain(own.iter().map(|rest| format!("/api/v1/submissions/{id}{rest}")))
            .chain(pages.iter().map(|rest| format!("/c/mico/tiny{rest}")))
            .chain(other.iter().map(|url| (*url).to_owned()))
            .chain([format!("/submissions/{id}")])
            .collect()
    }
}

/// Removes from the definitions what is public about the final split: the names of its models and
/// their numbers of points.
fn without_shape(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(models) = fields.get("final").and_then(Value::as_array) {
                for model in models {
                    let keys: Vec<_> = model.as_object().expect("a model").keys().collect();
                    assert_eq!(keys, ["name", "points"]);
                }
                fields.remove("final");
            }
            fields.values_mut().for_each(without_shape);
        }
        Value::Array(items) => items.iter_mut().for_each(without_shape),
        _ => {}
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn before_the_reveal_no_answer_to_anybody_holds_a_final_score(db: PgPool) {
    let secret = Secret::new(db).await;
    let world = &secret.world;
    let olga = world.organiser("olga").await;
    let mut read = 0;
    for actor in [&Actor::visitor(), &secret.bob, &secret.ada, &olga] {
        for url in secret.urls() {
            let answer = actor.get(world, &url).await;
            assert!(!answer.status.is_server_error(), "{url}: {answer:?}");
            let mut text = format!("{:?} {}", answer.headers, answer.text());
            assert!(!text.contains(FINAL_NUMBER), "{url} tells the final score: {text}");
            if answer.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
                let mut json = answer.json();
                without_shape(&mut json);
                text = json.to_string();
                assert!(!text.contains("final"), "{url} speaks of the final split: {text}");
            }
            read += usize::from(answer.status == StatusCode::OK);
        }
    }
    assert!(read > 40, "only {read} addresses could be read: the walk is no proof");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn before_the_reveal_the_final_split_is_answered_as_not_revealed(db: PgPool) {
    let secret = Secret::new(db).await;
    let world = &secret.world;
    let olga = world.organiser("olga").await;
    for actor in [&Actor::visitor(), &secret.ada, &olga] {
        for file in ["leaderboard", "leaderboard.csv"] {
            let answer = actor.get(world, &format!("{TRACK_URL}/{file}?split=final")).await;
            answer.problem(StatusCode::NOT_FOUND, "not_revealed");
            assert_eq!(answer.headers.get(header::ETAG), None);
            for split in ["train", "Final", "", "final&split=dev"] {
                let answer = actor.get(world, &format!("{TRACK_URL}/{file}?split={split}")).await;
                answer.problem(StatusCode::BAD_REQUEST, "bad_parameter");
            }
        }
    }
    for actor in [&secret.ada, &olga] {
        let url = format!("/api/v1/submissions/{}/scores.txt?split=final", secret.submission);
        assert_eq!(actor.get(world, &url).await.status, StatusCode::NOT_FOUND);
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn after_the_reveal_the_final_scores_stand_beside_the_dev_scores(db: PgPool) {
    let secret = Secret::new(db).await;
    let (world, id) = (&secret.world, &secret.submission);
    let dev = secret.ada.looks_at(world, id).await["scores"]["dev"].clone();
    world.reveal(LabelsAtReveal::Keep).await;
    let seen = secret.ada.looks_at(world, id).await;
    assert_eq!(seen["scores"]["dev"], dev);
    assert_eq!(seen["scores"]["final"]["average_TPR_FPR_1000"], 13.0 / 15.0);
    for actor in [&Actor::visitor(), &secret.bob] {
        let board =
            actor.get(world, &format!("{TRACK_URL}/leaderboard?split=final")).await.expect(StatusCode::OK).json();
        assert_eq!((&board["split"], &board["phase"]), (&json!("final"), &json!("revealed")));
        assert_eq!(board["entries"][0]["average_TPR_FPR_1000"], 13.0 / 15.0);
        let board = actor.get(world, &format!("{TRACK_URL}/leaderboard")).await.json();
        assert_eq!(board["entries"][0]["average_TPR_FPR_1000"], 9.0 / 15.0);
        let csv = actor.get(world, &format!("{TRACK_URL}/leaderboard.csv?split=final")).await.expect(StatusCode::OK);
        assert!(csv.text().contains(&(13.0 / 15.0).to_string()), "{}", csv.text());
        // The submission itself is still visible to its owner alone.
        assert_eq!(
            actor.get(world, &format!("/api/v1/submissions/{id}/scores.txt?split=final")).await.status.as_u16() / 100,
            4
        );
    }
    let text = secret.ada.get(world, &format!("/api/v1/submissions/{id}/scores.txt?split=final")).await;
    let zip = Upload::hitting_by_split(9, 13).zip();
    let expected = scoring::write_scores(&score_of(world, &zip, Split::Final).await);
    assert_eq!(text.expect(StatusCode::OK).text(), expected);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_board_looks_the_same_before_and_after_what_nobody_may_notice(db: PgPool) {
    let files = TrackFiles::default().without_final_labels();
    let world = World::opened_with(db, files, OpeningLabels::Uncommitted).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    let zip = Upload::hitting(9).zip();
    ada.submitted(&world, zip.clone()).await;
    world.drain().await;
    let urls = [TRACK_URL.to_owned(), format!("{TRACK_URL}/leaderboard"), format!("{TRACK_URL}/leaderboard.csv")];
    let mut looks = Vec::new();
    for event in ["nothing", "rejected", "queued", "labels"] {
        world.wait(time::Duration::MINUTE);
        match event {
            "rejected" => assert_eq!(bob.submit(&world, "not a zip").await.status, StatusCode::UNPROCESSABLE_ENTITY),
            "queued" => assert!(!bob.submitted(&world, zip.clone()).await.is_empty()),
            "labels" => {
                let plan = world.import(&TrackFiles::default()).await;
                assert_eq!(plan.overridden, ["hidden solutions"]);
            }
            _ => {}
        }
        let mut look = Vec::new();
        for url in &urls {
            let answer = Actor::visitor().get(&world, url).await.expect(StatusCode::OK);
            let mut headers = answer.headers.clone();
            headers.remove("x-request-id").expect("every answer has one");
            look.push((headers, answer.body));
        }
        looks.push((event, look));
    }
    for (event, look) in &looks[1..] {
        assert_eq!(*look, looks[0].1, "{event} can be noticed");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn somebody_elses_submission_looks_like_none_at_all(db: PgPool) {
    let secret = Secret::new(db).await;
    let world = &secret.world;
    let carl = world.account("carl").await;
    for actor in [&secret.bob, &carl] {
        for rest in ["", "?wait=1", "/scores.txt", "/scores.txt?split=final", "/archive"] {
            let mut looks = Vec::new();
            for id in [secret.submission.as_str(), &secret.rejected, "0193f2a0-0000-7000-8000-000000000000", "1"] {
                let mut answer = actor.get(world, &format!("/api/v1/submissions/{id}{rest}")).await;
                answer.problem(StatusCode::NOT_FOUND, "not_found");
                answer.headers.remove("x-request-id");
                looks.push((answer.headers, answer.body));
            }
            assert!(looks.iter().all(|look| *look == looks[0]), "{rest} can be told apart: {looks:?}");
        }
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_curve_is_told_on_the_fixed_grid_only(db: PgPool) {
    let secret = Secret::new(db).await;
    let dev = secret.ada.looks_at(&secret.world, &secret.submission).await["scores"]["dev"].clone();
    let fields: BTreeSet<_> = dev.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields, BTreeSet::from(["average_TPR_FPR_1000", "curves", "interval_95", "scenarios"]));
    for curve in dev["curves"].as_object().expect("an object").values() {
        let [linear, log] = ["linear", "log"].map(|grid| curve[grid].as_array().expect("rates"));
        assert_eq!((linear.len(), log.len(), curve.as_object().map(serde_json::Map::len)), (101, 41, Some(4)));
        for rate in linear.iter().chain(log) {
            let rate = rate.as_f64().expect("a number");
            assert!(
                (rate * 1000.0).fract().abs() < 1e-9 || (rate * 1000.0).fract() > 1.0 - 1e-9,
                "{rate} is too exact"
            );
        }
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_is_no_parameter_is_refused_whatever_it_asks_for(db: PgPool) {
    let secret = Secret::new(db).await;
    let id = &secret.submission;
    for url in [
        format!("{TRACK_URL}/leaderboard"),
        format!("{TRACK_URL}/leaderboard.csv"),
        format!("/api/v1/submissions/{id}"),
        format!("/api/v1/submissions/{id}/scores.txt"),
    ] {
        for query in
            ["order_by=final_score", "sort=average", "fields=final", "filter=score%3E0.5", "page=1000000000", "x"]
        {
            let answer = secret.ada.get(&secret.world, &format!("{url}?{query}")).await;
            let problem = answer.problem(StatusCode::BAD_REQUEST, "bad_parameter");
            assert!(!problem.to_string().contains(FINAL_NUMBER));
        }
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_board_may_be_cached_by_anybody_and_a_submission_by_nobody_else(db: PgPool) {
    let secret = Secret::new(db).await;
    let id = &secret.submission;
    for (url, caching) in [
        (format!("{TRACK_URL}/leaderboard"), "public, no-cache"),
        (format!("{TRACK_URL}/leaderboard.csv"), "public, no-cache"),
        (format!("/api/v1/submissions/{id}"), "private, no-cache"),
        (format!("/api/v1/submissions/{id}/archive"), "private, no-cache"),
        (format!("{TRACK_URL}/leaderboard?split=final"), "private, no-cache"),
    ] {
        let answer = secret.ada.get(&secret.world, &url).await;
        assert_eq!(answer.header(header::CACHE_CONTROL), caching, "{url}");
        let vary: Vec<_> =
            answer.headers.get_all(header::VARY).iter().filter_map(|value| value.to_str().ok()).collect();
        assert!(vary.join(", ").contains("Cookie, Authorization"), "{url}: {vary:?}");
    }
}
