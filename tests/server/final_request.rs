//! Final scores of other submissions than the official entries: made when somebody asks, and told as disclosure allows.

use axum::body::Body;
use axum::http::{StatusCode, header};
use callimico::domain::account::TokenScope;
use callimico::service::lifecycle::{self, By, LabelsAtReveal, SaidOfLimits};
use serde_json::json;
use sqlx::PgPool;
use time::Duration;

use crate::support::{Actor, TRACK_URL, Upload, World};

async fn ask(world: &World, actor: &Actor, id: &str) -> crate::support::Answer {
    actor.post_json(world, &format!("/api/v1/submissions/{id}/final"), "").await
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn its_owner_asks_after_the_reveal_and_is_told_as_disclosure_allows(db: PgPool) {
    let world = World::new(db).await;
    let (ada, bob, olga) =
        (world.participant("ada").await, world.participant("bob").await, world.organiser("olga").await);
    let other = ada.submitted(&world, Upload::hitting_by_split(5, 11).zip()).await;
    world.wait(Duration::MINUTE);
    let third = ada.submitted(&world, Upload::hitting_by_split(4, 7).zip()).await;
    world.wait(Duration::MINUTE);
    let entry = ada.submitted(&world, Upload::hitting_by_split(9, 13).zip()).await;
    world.drain().await;
    world.wait(Duration::MINUTE);
    ada.submit(&world, Upload::repeating("2").zip()).await.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    let rejected = ada.submit_under(&world, "key", Upload::repeating("2").zip()).await;
    let rejected = rejected.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    let rejected = rejected["submission"].as_str().expect("an id").to_owned();
    ask(&world, &ada, &other).await.problem(StatusCode::NOT_FOUND, "not_found");
    world.score_final().await;
    for actor in [&ada, &olga] {
        ask(&world, actor, &other).await.problem(StatusCode::NOT_FOUND, "not_found");
    }
    world.reveal(LabelsAtReveal::Keep).await;
    let board = async |query: &str| {
        let url = format!("{TRACK_URL}/leaderboard?split=final{query}");
        Actor::visitor().get(&world, &url).await.expect(StatusCode::OK).text().to_owned()
    };
    let before = board("").await;

    let reader = world.token(world.user_of("ada").await, TokenScope::Read).await;
    ask(&world, &Actor::visitor(), &other).await.problem(StatusCode::UNAUTHORIZED, "not_logged_in");
    ask(&world, &reader, &other).await.problem(StatusCode::FORBIDDEN, "read_only_token");
    ask(&world, &bob, &other).await.problem(StatusCode::NOT_FOUND, "not_found");
    ask(&world, &ada, &rejected).await.problem(StatusCode::CONFLICT, "not_scored");
    assert_eq!(ask(&world, &ada, &entry).await.expect(StatusCode::ACCEPTED).json(), json!({"state": "scored"}));
    for _ in 0..2 {
        assert_eq!(ask(&world, &ada, &other).await.expect(StatusCode::ACCEPTED).json(), json!({"state": "queued"}));
    }
    assert_eq!(world.drain().await.len(), 1, "asked twice is one job");
    assert_eq!(ask(&world, &olga, &other).await.expect(StatusCode::ACCEPTED).json(), json!({"state": "scored"}));
    let seen = ada.looks_at(&world, &other).await;
    assert_eq!(seen["scores"]["final"], json!({"average_TPR_FPR_1000": 0.735, "rounded_to": 0.005}));
    assert_eq!((&seen["state"], &seen["stands"]), (&"scored".into(), &false.into()));
    let scores = ada.get(&world, &format!("/api/v1/submissions/{other}/scores.txt?split=final")).await;
    scores.problem(StatusCode::NOT_FOUND, "not_found");
    assert_eq!(board("").await, before);

    // On its page: what will be told, that it is being made, and what is told.
    let browser = world.signed_in("ada").await;
    let page =
        async || browser.get(&world, &format!("/submissions/{third}")).await.expect(StatusCode::OK).text().to_owned();
    let shown = page().await;
    assert!(shown.contains("Ask for its final score") && shown.contains("to the nearest 0.005"), "{shown}");
    let request =
        browser.request("POST", &format!("/submissions/{third}/final")).header("sec-fetch-site", "same-origin");
    let asked = world.ask(request.body(Body::empty()).expect("a request")).await.expect(StatusCode::SEE_OTHER);
    assert_eq!(asked.header(header::LOCATION), format!("/submissions/{third}"));
    assert!(page().await.contains("Its final score is being made."));
    world.drain().await;
    let shown = page().await;
    assert!(shown.contains("0.465") && !shown.contains("0.4667"), "{shown}");

    // It does not enter the benchmark board.
    lifecycle::benchmark(&world.app, &World::path(), SaidOfLimits::default(), By::default()).await.expect("revealed");
    let benchmark = board("&board=benchmark").await;
    assert!(benchmark.contains(&entry) && !benchmark.contains(&other), "{benchmark}");
    lifecycle::end(&world.app, &World::path(), By::default()).await.expect("a benchmark");
    lifecycle::open_labels(&world.app, &World::path(), By::default()).await.expect("revealed");
    let told = ada.looks_at(&world, &other).await["scores"]["final"].clone();
    assert_eq!(told["average_TPR_FPR_1000"], 11.0 / 15.0);
    assert!(told["scenarios"]["tiny_hi"]["AUC"].is_f64(), "{told}");
    assert!(page().await.contains("0.4667"));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_final_score_that_failed_for_good_can_be_asked_for_again_and_blocks_nothing(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let other = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.wait(Duration::MINUTE);
    ada.submitted(&world, Upload::hitting(9).zip()).await;
    world.drain().await;
    world.score_final().await;
    world.reveal(LabelsAtReveal::Keep).await;
    ask(&world, &ada, &other).await.expect(StatusCode::ACCEPTED);
    let zip = world.uploads().join(format!("{other}.zip"));
    let away = zip.with_extension("away");
    std::fs::rename(&zip, &away).expect("the upload is there");
    world.sql("update jobs set errors = 153").await;
    world.drain().await;
    std::fs::rename(&away, &zip).expect("moved back");
    assert_eq!(world.count("jobs where failed_at is not null").await, 1);
    lifecycle::declare_final(&world.app, &World::path(), By::default()).await.expect("all official scores are there");
    assert_eq!(ask(&world, &ada, &other).await.expect(StatusCode::ACCEPTED).json(), json!({"state": "queued"}));
    assert_eq!(world.drain().await.len(), 1);
    assert_eq!(ask(&world, &ada, &other).await.expect(StatusCode::ACCEPTED).json(), json!({"state": "scored"}));
}
