//! Trials: what organisers submit to a track that is still being prepared.

use axum::body::Body;
use axum::http::{StatusCode, header};
use callimico::domain::account::TokenScope;
use callimico::importer::plan::Action;
use callimico::service::lifecycle::{self, By, OpeningLabels};
use callimico::worker::{self, Step};
use sqlx::PgPool;
use time::Duration;

use crate::support::{Actor, Change, Form, TRACK_URL, TrackFiles, Upload, World};

const TRACK: &str = "/c/mico/tiny";

/// A draft with an organiser who takes part in it.
async fn draft(db: PgPool) -> (World, Actor) {
    let world = World::draft(db, &TrackFiles::default()).await;
    let olga = world.organiser("olga").await;
    olga.enrol(&world).await.expect(StatusCode::CREATED);
    (world, olga)
}

async fn board(world: &World, actor: &Actor) -> serde_json::Value {
    actor.get(world, &format!("{TRACK_URL}/leaderboard")).await.expect(StatusCode::OK).json()
}

async fn open(world: &World) {
    lifecycle::open(&world.app, &World::path(), OpeningLabels::Here, By::default()).await.expect("a draft");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn organisers_alone_try_a_draft_and_at_the_opening_nothing_is_left(db: PgPool) {
    let (world, olga) = draft(db).await;
    let ada = world.participant("ada").await;
    let weak = world.token(world.user_of("olga").await, TokenScope::Submit).await;
    world.organiser("otto").await;
    let otto = world.signed_in("otto").await;
    for (actor, code) in [(&ada, "not_open"), (&weak, "not_open")] {
        actor.submit(&world, Upload::hitting(5).zip()).await.problem(StatusCode::FORBIDDEN, code);
    }
    // An organiser who does not take part has nobody to submit as.
    let zip = otto.submission().body(Body::from(Upload::hitting(5).zip())).expect("a request");
    world.ask(zip).await.problem(StatusCode::FORBIDDEN, "not_enrolled");
    world.assert_nothing_kept().await;

    let before = world.count("log_events").await;
    let receipt = olga.submit(&world, Upload::hitting_by_split(9, 13).zip()).await.expect(StatusCode::CREATED).json();
    assert_eq!((&receipt["log"], &receipt["attempts_left"]["today"]), (&serde_json::Value::Null, &29.into()));
    let id = receipt["id"].as_str().expect("an id").to_owned();
    assert_eq!(world.drain().await, [Step::Scored(World::id(&id))]);
    world.wait(Duration::MINUTE);
    let rejected = olga.submit(&world, Upload::repeating("2").zip()).await;
    rejected.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
    let seen = olga.looks_at(&world, &id).await;
    assert_eq!((&seen["state"], &seen["log"]), (&"scored".into(), &serde_json::Value::Null));
    assert!(seen["scores"]["final"].is_null() && seen["scores"]["dev"].is_object(), "{seen}");
    assert_eq!(world.count("log_events").await, before, "a trial is in the log");
    assert_eq!(board(&world, &olga).await["entries"][0]["submission"], id);

    // By the page, too; and nobody else sees the board.
    let browser = world.signed_in("olga").await;
    let page = browser.get(&world, &format!("{TRACK}/submit")).await.expect(StatusCode::OK);
    assert!(page.text().contains("This is a trial") && page.text().contains("type=\"file\""), "{}", page.text());
    let request = browser
        .request("POST", &format!("{TRACK}/submit"))
        .header(header::CONTENT_TYPE, Form::CONTENT_TYPE)
        .header("sec-fetch-site", "same-origin")
        .body(Form::default().file("file", &Upload::hitting(3).zip()).end().into())
        .expect("a request");
    let sent = world.ask(request).await.expect(StatusCode::SEE_OTHER);
    let second = sent.header(header::LOCATION).trim_start_matches("/submissions/").to_owned();
    world.drain().await;
    assert_eq!(board(&world, &olga).await["entries"][0]["submission"], second, "the latest counts");
    let shown = browser.get(&world, &format!("{TRACK}/leaderboard")).await.expect(StatusCode::OK);
    assert!(shown.text().contains("Trials of organisers") && shown.text().contains(&second));
    let shown = browser.get(&world, &format!("/submissions/{second}")).await.expect(StatusCode::OK);
    assert!(shown.text().contains("a trial: it is removed when the track opens"), "{}", shown.text());
    for other in [&Actor::visitor(), &ada, &weak] {
        for place in ["leaderboard", "leaderboard.csv", "leaderboard/events"] {
            let hidden = other.get(&world, &format!("{TRACK_URL}/{place}")).await;
            hidden.problem(StatusCode::NOT_FOUND, "not_open");
        }
        let page = other.get(&world, &format!("{TRACK}/leaderboard")).await.expect(StatusCode::OK);
        assert!(!page.text().contains("data-id") && !page.text().contains("data-events"), "{}", page.text());
        assert!(page.text().contains("The board is shown once the track has opened."));
    }

    open(&world).await;
    for table in ["submissions", "jobs", "scorings", "entries"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(world.count("log_events where kind in ('submission_accepted', 'scored')").await, 0);
    assert_eq!(board(&world, &Actor::visitor()).await["entries"], serde_json::json!([]));
    olga.get(&world, &format!("/api/v1/submissions/{id}")).await.problem(StatusCode::NOT_FOUND, "not_found");
    // The zips have no row any more: the sweeper finds them.
    assert_eq!(world.files(), (2, 0));
    worker::clear_orphans(&world.app, std::time::Duration::ZERO).await.expect("cleared");
    assert_eq!(world.files(), (0, 0));
    // From here on an organiser who takes part is a participant like all others.
    let receipt = olga.submit(&world, Upload::hitting(5).zip()).await.expect(StatusCode::CREATED).json();
    assert!(receipt["log"]["seq"].is_i64(), "{receipt}");
    assert_eq!(receipt["attempts_left"]["today"], 29);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn attempts_and_the_entry_rule_hold_for_trials(db: PgPool) {
    let files = TrackFiles::with_yaml("entry_rule: best\nlimits: {per_day: 2, total: 1000}\n");
    let world = World::draft(db, &files).await;
    let olga = world.organiser("olga").await;
    olga.enrol(&world).await.expect(StatusCode::CREATED);
    let better = olga.submitted(&world, Upload::hitting(9).zip()).await;
    world.wait(Duration::MINUTE);
    olga.submitted(&world, Upload::hitting(5).zip()).await;
    olga.submit(&world, Upload::hitting(5).zip()).await.problem(StatusCode::TOO_MANY_REQUESTS, "limit_today");
    world.drain().await;
    assert_eq!(board(&world, &olga).await["entries"][0]["submission"], better);
}

/// What an import of other files leaves of two trials, one of them scored.
async fn import_over_trials(db: PgPool, change: Change, goes: bool) {
    let (world, olga) = draft(db).await;
    olga.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    olga.submitted(&world, Upload::hitting(6).zip()).await;
    let plan = world.import(&TrackFiles::changed(change)).await;
    let told = plan.overridden.iter().any(|line| line.starts_with("trials of organisers: 2 removed"));
    assert_eq!((plan.action, told), (Action::Update, goes), "{plan}");
    assert_eq!(world.count("submissions").await, if goes { 0 } else { 2 });
    assert_eq!(world.drain().await.len(), usize::from(!goes));
    let entries = board(&world, &olga).await["entries"].as_array().expect("entries").len();
    assert_eq!(entries, usize::from(!goes));
    let again = world.import(&TrackFiles::changed(change)).await;
    assert_eq!((again.action, again.overridden.len()), (Action::Unchanged, 0), "{again}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn trials_go_with_the_dev_labels_they_were_scored_against_and_the_plan_says_so(db: PgPool) {
    import_over_trials(db, Change::DevLabels, true).await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn trials_go_with_the_models_they_were_checked_against(db: PgPool) {
    import_over_trials(db, Change::Models, true).await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn trials_stay_where_only_final_labels_are_replaced(db: PgPool) {
    import_over_trials(db, Change::FinalLabels, false).await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_track_opens_while_its_trials_are_being_scored(db: PgPool) {
    let (world, olga) = draft(db).await;
    for hits in 1..=8 {
        olga.submitted(&world, Upload::hitting(hits).zip()).await;
    }
    let other = world.second_app();
    let (steps, ()) = tokio::join!(worker::drain(&other), open(&world));
    steps.expect("a queue that answers");
    world.drain().await;
    for table in ["submissions", "jobs", "scorings", "entries"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(world.count("log_events where kind = 'scored'").await, 0);
}
