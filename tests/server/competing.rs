//! Who stands on the boards without a rank, and what that does to everybody else's.

use callimico::domain::account::UserName;
use callimico::domain::participant::Decision;
use callimico::service::competing;
use callimico::service::lifecycle::{By, LabelsAtReveal};
use callimico::service::participants::{self, ParticipantsError};
use callimico::service::staff;
use callimico::store::log::MOST_LINES;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Actor, TRACK_URL, Upload, World};

async fn board(world: &World, split: &str) -> Vec<(String, Value, bool)> {
    let board = Actor::visitor().get(world, &format!("{TRACK_URL}/leaderboard?split={split}")).await.json();
    let entries = board["entries"].as_array().expect("a list").iter();
    entries
        .map(|entry| {
            let out = entry["out_of_competition"].as_bool().expect("said");
            (entry["participant"].as_str().expect("a name").to_owned(), entry["rank"].clone(), out)
        })
        .collect()
}

async fn ranking_file(world: &World) -> Value {
    let track = world.track().await;
    let official = callimico::store::ranking::version(&world.app.db, track.id, track.ending.ranking_version).await;
    serde_json::from_str(&official.expect("an answer").expect("a ranking").ranking).expect("JSON")
}

/// Says whether a participant stands out of competition; answers whether that is a change.
async fn set(world: &World, name: &str, out: bool) -> Result<bool, ParticipantsError> {
    let done = participants::change_one(&world.app, &World::path(), name, None, Some(out), By::default()).await?;
    Ok(done.competes_changed)
}

fn name(name: &str) -> UserName {
    name.parse().expect("a name")
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_organisers_entry_takes_no_rank_on_any_board_and_no_place_in_the_ranking(db: PgPool) {
    let world = World::new(db).await;
    let (olga, ada, bob) =
        (world.organiser("olga").await, world.participant("ada").await, world.participant("bob").await);
    olga.enrol(&world).await;
    olga.submitted(&world, Upload::hitting(12).zip()).await;
    ada.submitted(&world, Upload::hitting(9).zip()).await;
    bob.submitted(&world, Upload::hitting(6).zip()).await;
    world.drain().await;
    let expected = [("olga", Value::Null, true), ("ada", json!(1), false), ("bob", json!(2), false)];
    let expected = expected.map(|(name, rank, out)| (name.to_owned(), rank, out));
    assert_eq!(board(&world, "dev").await, expected);
    let csv = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard.csv")).await;
    let csv = csv.text();
    assert!(csv.lines().nth(1).is_some_and(|line| line.starts_with(",false,olga,")), "{csv}");

    world.score_final().await;
    world.reveal(LabelsAtReveal::Open).await;
    assert_eq!(board(&world, "final").await, expected);
    let ranks = |file: &Value| {
        let entries = file["entries"].as_array().expect("a list").iter();
        entries.map(|entry| entry["rank"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ranks(&ranking_file(&world).await), [Value::Null, json!(1), json!(2)]);
    let results = Actor::visitor().get(&world, &format!("{TRACK_URL}/results")).await.json();
    assert_eq!((&results["winners"], &results["runners_up"]), (&json!(["ada"]), &json!(["bob"])));
    assert_eq!((&results["participants"], &results["submissions"]), (&json!(2), &json!(2)));
    assert_eq!(results["agreement"], json!({"tau_b": 1.0, "concordant": 1, "discordant": 0, "tied": 0}));

    // Marked after the reveal, ada stands without a rank in a new version, and the old one stays.
    assert!(set(&world, "Ada", true).await.expect("known"));
    assert!(!set(&world, "ada", true).await.expect("known"));
    assert_eq!(ranks(&ranking_file(&world).await), [Value::Null, Value::Null, json!(1)]);
    let results = Actor::visitor().get(&world, &format!("{TRACK_URL}/results")).await.json();
    assert_eq!((&results["version"], &results["winners"]), (&json!(2), &json!(["bob"])));
    assert_eq!(results["versions"][1]["changes"], json!(["competes"]));
    assert_eq!(results["moved"], json!({"ranks": 2, "entries": 0, "joined": 0, "left": 0}));
    let first = Actor::visitor().get(&world, &format!("{TRACK_URL}/results?version=1")).await.json();
    assert_eq!((&first["version"], &first["winners"]), (&json!(1), &json!(["ada"])));
    assert_eq!(first["entries"][1]["rank"], json!(1), "an old version stays as it was");

    let track = world.track().await;
    let lines = callimico::store::log::lines(&world.app.db, track.id, 1, MOST_LINES).await.expect("an answer");
    let told = lines.iter().map(|line| String::from_utf8_lossy(&line.event).contains("\"out_of_competition\""));
    assert_eq!(told.filter(|told| *told).count(), 2, "olga at her enrolment, ada when she was marked");
    set(&world, "nobody", true).await.expect_err("no such participant");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_participant_that_becomes_staff_competes_no_more(db: PgPool) {
    let world = World::new(db).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    ada.submitted(&world, Upload::hitting(9).zip()).await;
    bob.submitted(&world, Upload::hitting(6).zip()).await;
    world.drain().await;
    let before = world.track().await.board_version;
    staff::add(&world.app, &World::path().competition, &name("ada")).await.expect("known");
    assert_eq!(
        board(&world, "dev").await,
        [("ada".to_owned(), Value::Null, true), ("bob".to_owned(), json!(1), false)]
    );
    assert_eq!(world.track().await.board_version, before + 1);
    // Once more changes nothing; and whoever leaves the staff does not compete against those they organised.
    staff::add(&world.app, &World::path().competition, &name("ada")).await.expect("known");
    staff::remove(&world.app, &World::path().competition, &name("ada")).await.expect("known");
    assert_eq!(world.track().await.board_version, before + 1);
    assert!(board(&world, "dev").await[0].2);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn staff_never_competes_and_a_ranking_that_is_public_stays_as_it_was_told(db: PgPool) {
    let world = World::new(db).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    ada.submitted(&world, Upload::hitting(9).zip()).await;
    bob.submitted(&world, Upload::hitting(6).zip()).await;
    world.drain().await;
    // Somebody who was staff before this was asked is found by the sweeper, with an event in the log.
    world
        .sql(
            "insert into organisers (competition_id, user_id)
             select c.id, u.id from competitions c, users u where u.name = 'bob'",
        )
        .await;
    let marks = async || world.count("log_events where kind = 'out_of_competition'").await;
    assert_eq!(marks().await, 0);
    for _ in 0..2 {
        competing::mark_staff(&world.app).await.expect("an answer");
        assert_eq!(marks().await, 1);
    }
    assert!(board(&world, "dev").await[1].2);
    let (path, bob) = (World::path(), name("bob"));
    let refused = set(&world, "bob", false).await.expect_err("staff");
    assert_eq!(refused.to_string(), "bob is staff of the competition, and staff never competes");
    staff::remove(&world.app, &path.competition, &bob).await.expect("known");
    assert!(set(&world, "bob", false).await.expect("no staff any more"));

    world.score_final().await;
    world.reveal(LabelsAtReveal::Keep).await;
    staff::add(&world.app, &path.competition, &name("ada")).await.expect("known");
    competing::mark_staff(&world.app).await.expect("an answer");
    let results = Actor::visitor().get(&world, &format!("{TRACK_URL}/results")).await.json();
    assert_eq!((&results["version"], &results["winners"]), (&json!(1), &json!(["ada"])));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn of_somebody_who_waits_for_approval_the_log_tells_nothing(db: PgPool) {
    let world = World::with_yaml(db, "needs_approval: true\n").await;
    let ada = world.account("ada").await;
    ada.enrol(&world).await;
    let before = world.count("log_events").await;
    assert!(set(&world, "ada", true).await.expect("known"));
    assert_eq!(world.count("log_events").await, before);
    assert_eq!(world.count("participants where out_of_competition").await, 1);
    // Let in, they are told of.
    let names = ["ada".to_owned()];
    let who = participants::Who::Named(&names);
    participants::decide(&world.app, &World::path(), who, Decision::Approve, By::default()).await.expect("pending");
    assert_eq!(world.count("log_events where kind = 'out_of_competition'").await, 1);
}
