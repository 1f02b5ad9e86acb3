//! Jobs for the final split: whatever happens to one, the submission, its attempts, the dev entry
//! and the dev board stay as they are, so that nobody can notice.

use std::time::Duration;

use axum::http::StatusCode;
use callimico::domain::ids::WorkerId;
use callimico::domain::phase::GRACE;
use callimico::service::entries::{self, Freeze, FreezeWait};
use callimico::service::lifecycle::{self, By, LabelsAtReveal, OpeningLabels, StepError};
use callimico::service::rescoring;
use callimico::store;
use callimico::worker::Step;
use scoring::Split;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Actor, TRACK_URL, TrackFiles, Upload, World, reason, score_of};

/// A closed track whose two entries are frozen and wait for their final scores to be computed.
struct Begun {
    world: World,
    ada: Actor,
    /// Ada's submissions: an earlier one, and the one that is her entry.
    earlier: String,
    standing: String,
}

impl Begun {
    async fn new(db: PgPool) -> Self {
        let world = World::new(db).await;
        let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
        let earlier = ada.submitted(&world, Upload::hitting_by_split(9, 14).zip()).await;
        bob.submitted(&world, Upload::hitting_by_split(7, 8).zip()).await;
        world.wait(time::Duration::MINUTE);
        let standing = ada.submitted(&world, Upload::hitting_by_split(5, 13).zip()).await;
        world.drain().await;
        world.freeze().await;
        assert_eq!(world.preview().await, (0, 2));
        Self { world, ada, earlier, standing }
    }

    /// What must not change: the submissions as their owner sees them, and the board with its
    /// headers.
    async fn look(&self) -> (Vec<Value>, String) {
        let mut submissions = Vec::new();
        for id in [&self.earlier, &self.standing] {
            submissions.push(self.ada.looks_at(&self.world, id).await);
        }
        let mut board = Actor::visitor().get(&self.world, &format!("{TRACK_URL}/leaderboard")).await;
        board.headers.remove("x-request-id");
        (submissions, format!("{:?} {}", board.headers, board.text()))
    }

    async fn jobs(&self, of: &str) -> i64 {
        self.world.count(&format!("jobs where split = 'final' and {of}")).await
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn final_scores_are_those_of_the_entries_that_were_frozen(db: PgPool) {
    let begun = Begun::new(db).await;
    let world = &begun.world;
    let before = begun.look().await;
    assert_eq!(world.count("scorings where split = 'final'").await, 0, "a final score existed before its job ran");
    assert_eq!(world.drain().await.len(), 2);
    assert_eq!(begun.look().await, before);
    // The later, weaker submission is the entry by the rule `latest`, and only it was scored.
    world.reveal(LabelsAtReveal::Keep).await;
    let board = Actor::visitor().get(world, &format!("{TRACK_URL}/leaderboard?split=final")).await.json();
    let score = score_of(world, &Upload::hitting_by_split(5, 13).zip(), Split::Final).await;
    let first = &board["entries"][0];
    assert_eq!((&first["submission"], &first["participant"]), (&json!(begun.standing), &json!("ada")));
    assert_eq!(first["average_TPR_FPR_1000"], score.ranking_value);
    assert_eq!(board["entries"].as_array().map(Vec::len), Some(2));
    assert!(begun.ada.looks_at(world, &begun.earlier).await["scores"].get("final").is_none());
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_final_job_that_fails_and_is_tried_again_moves_nothing(db: PgPool) {
    let begun = Begun::new(db).await;
    let world = &begun.world;
    let before = begun.look().await;
    let upload = world.uploads().join(format!("{}.zip", begun.standing));
    let away = upload.with_extension("away");
    std::fs::rename(&upload, &away).expect("the upload is there");
    let steps = world.drain().await;
    assert!(steps.contains(&Step::WentWrong(World::id(&begun.standing))), "{steps:?}");
    assert_eq!(begun.look().await, before, "a final job that went wrong can be noticed");
    assert_eq!(
        begun
            .jobs("errors = 1 and worker is null and failed_at is null and last_error like '%the upload is gone%'")
            .await,
        1
    );
    std::fs::rename(&away, &upload).expect("moved back");
    world.sql("update jobs set run_after = clock_timestamp()").await;
    assert_eq!(world.drain().await, [Step::Scored(World::id(&begun.standing))]);
    assert_eq!(begun.look().await, before);
    assert_eq!(world.count("scorings where split = 'final'").await, 2);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_final_job_that_fails_for_good_stays_for_organisers_and_moves_nothing(db: PgPool) {
    let begun = Begun::new(db).await;
    let world = &begun.world;
    for reason in ["errors", "deaths"] {
        let before = begun.look().await;
        match reason {
            "errors" => {
                let upload = world.uploads().join(format!("{}.zip", begun.standing));
                std::fs::remove_file(upload).expect("the upload is there");
                world.sql("update jobs set errors = 153, attempts = 153").await;
            }
            _ => world.sql("update jobs set attempts = 50").await,
        }
        world.drain().await;
        assert_eq!(begun.look().await, before, "{reason}");
        // The other entry was scored by the first of the two.
        assert_eq!(begun.jobs("failed_at is not null and last_error is not null and worker is null").await, 1);
        // Workers do not retry it on their own, and the sweeper does not queue it again.
        assert_eq!(store::job::enqueue_forgotten(&world.app.db).await.expect("an answer"), 0);
        assert_eq!(world.drain().await, []);
        world.sql("update jobs set failed_at = null, errors = 0, attempts = 0").await;
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_final_job_whose_worker_dies_is_done_by_another_and_moves_nothing(db: PgPool) {
    let begun = Begun::new(db).await;
    let world = &begun.world;
    let before = begun.look().await;
    let mut connection = world.app.db.acquire().await.expect("a connection");
    let dead = store::job::claim(&mut connection, WorkerId::generate()).await.expect("an answer").expect("a job");
    assert_eq!(dead.split, Split::Final);
    assert_eq!(begun.look().await, before);
    world.sql("update jobs set leased_until = clock_timestamp() - interval '1 second' where worker is not null").await;
    assert_eq!(world.drain().await.len(), 2);
    assert!(!store::job::finish(&mut connection, dead).await.expect("an answer"), "the lost claim still held");
    assert_eq!(begun.look().await, before);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_final_job_that_is_lost_is_queued_again_once_final_scores_may_exist(db: PgPool) {
    let begun = Begun::new(db).await;
    let world = &begun.world;
    let before = begun.look().await;
    world.sql("delete from jobs").await;
    assert_eq!(store::job::enqueue_forgotten(&world.app.db).await.expect("an answer"), 2);
    assert_eq!(world.drain().await.len(), 2);
    assert_eq!(begun.look().await, before);
    assert_eq!(store::job::enqueue_forgotten(&world.app.db).await.expect("an answer"), 0);
    // What no official entry needs is not forgotten, and before final scores may exist nothing is.
    world.sql("delete from scorings where split = 'final'; update tracks set final_begun_at = null").await;
    assert_eq!(store::job::enqueue_forgotten(&world.app.db).await.expect("an answer"), 0);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn frozen_entries_stand_whatever_is_scored_or_imported_afterwards(db: PgPool) {
    let begun = Begun::new(db).await;
    let world = &begun.world;
    let track = world.track().await.id;
    let official = store::entry::official(&world.app.db, track).await.expect("an answer");
    assert!(official.contains(&World::id(&begun.standing)) && !official.contains(&World::id(&begun.earlier)));
    // Freezing again and beginning again change nothing.
    let head = store::log::head(&world.app.db, track).await.expect("an answer");
    assert_eq!(entries::freeze(&world.app, track).await.expect("an answer"), Freeze::Already);
    assert_eq!(world.preview().await, (0, 2));
    assert_eq!(store::log::head(&world.app.db, track).await.expect("an answer"), head);
    assert_eq!(begun.jobs("true").await, 2);
    // A dev score that arrives after the freeze is stored, but changes neither the dev entry nor
    // the official one.
    world.sql("delete from jobs; delete from entries where participant_id in (select id from participants where name = 'ada');
               delete from scorings g using submissions s, participants p
               where g.submission_id = s.id and s.participant_id = p.id and p.name = 'ada';
               update submissions s set state = 'queued' from participants p where p.id = s.participant_id and p.name = 'ada';
               insert into jobs (submission_id, split, run_after, created_at)
               select id, 'dev', now(), now() from submissions where state = 'queued'").await;
    assert_eq!(world.drain().await.len(), 2);
    assert_eq!(begun.ada.looks_at(world, &begun.standing).await["state"], "scored");
    assert_eq!(world.count("entries").await, 1, "an entry moved after the freeze");
    assert_eq!(store::entry::official(&world.app.db, track).await.expect("an answer"), official);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn entries_are_frozen_and_final_scores_begun_in_a_closed_track_alone(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    let track = world.track().await.id;
    let preview = async || lifecycle::preview(&world.app, &World::path(), By::default()).await;
    for phase in ["draft", "open", "revealed", "benchmark"] {
        sqlx::query("update tracks set phase = $1::track_phase").bind(phase).execute(&world.app.db).await.expect("set");
        assert_eq!(entries::freeze(&world.app, track).await.expect("an answer"), Freeze::NotClosed, "{phase}");
        assert!(matches!(preview().await, Err(StepError::WrongPhase { .. })), "{phase}");
    }
    world.sql("update tracks set phase = 'open'").await;
    world.close().await;
    let refused = preview().await.expect_err("begun before the entries were frozen");
    assert!(matches!(&refused, StepError::NotReady { problems, .. } if problems[0].code == "not_frozen"), "{refused}");
    assert_eq!(world.count("official_entries").await, 0);
    assert_eq!(world.count("jobs").await, 0);
    world.wait(GRACE);
    assert_eq!(entries::freeze(&world.app, track).await.expect("an answer"), Freeze::Done);
    // The database itself refuses what no path of the program does.
    for (statement, constraint) in [
        ("update tracks set phase = 'open'", "tracks_frozen_after_close"),
        ("update tracks set entries_frozen_at = null, final_begun_at = now()", "tracks_final_after_freeze"),
        ("update tracks set ranking_version = 1", "tracks_ranked_after_final"),
        ("update tracks set labels_opened_at = now()", "tracks_opened_after_reveal"),
        (
            "insert into jobs (submission_id, split, run_after, created_at, failed_at)
             select id, 'dev', now(), now(), now() from submissions",
            "jobs_dev_is_never_given_up",
        ),
    ] {
        assert_eq!(world.refused_by(statement).await, constraint, "{statement}");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn nothing_about_final_jobs_can_be_noticed_before_the_reveal(db: PgPool) {
    let world = World::with_files(db, TrackFiles::default()).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting_by_split(9, 13).zip()).await;
    world.drain().await;
    world.freeze().await;
    let urls = [
        TRACK_URL.to_owned(),
        format!("{TRACK_URL}/leaderboard"),
        format!("{TRACK_URL}/leaderboard.csv"),
        format!("{TRACK_URL}/leaderboard?split=final"),
        format!("/api/v1/submissions/{id}"),
        format!("/api/v1/submissions/{id}/scores.txt?split=final"),
        "/c/mico/tiny/leaderboard".to_owned(),
    ];
    let mut looks = Vec::new();
    for event in ["frozen", "begun", "scored"] {
        match event {
            "begun" => assert_eq!(world.preview().await, (0, 1)),
            "scored" => assert_eq!(world.drain().await, [Step::Scored(World::id(&id))]),
            _ => {}
        }
        let mut look = Vec::new();
        for url in &urls {
            let mut answer = ada.get(&world, url).await;
            answer.headers.remove("x-request-id").expect("every answer has one");
            look.push((answer.status, answer.headers, answer.body));
        }
        assert_eq!(look[3].0, StatusCode::NOT_FOUND);
        looks.push((event, look));
    }
    assert_eq!(world.count("scorings where split = 'final'").await, 1);
    for (event, look) in &looks[1..] {
        assert_eq!(*look, looks[0].1, "{event} can be noticed");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn freezing_does_not_wait_for_those_who_wait_for_the_track(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    world.close().await;
    world.wait(GRACE);
    let track = world.track().await.id;
    let participant = store::entry::participants(&world.app.db, track).await.expect("an answer")[0];
    // An upload or a worker holds its participant and will ask for the track next.
    let mut other = world.app.db.begin().await.expect("a transaction");
    store::participant::lock(&mut other, participant).await.expect("the participant");
    let frozen = tokio::time::timeout(Duration::from_secs(10), entries::freeze(&world.app, track)).await;
    assert_eq!(frozen.expect("the two wait for each other").expect("an answer"), Freeze::Done);
    assert!(store::track::lock_entries(&mut other, track).await.expect("the track").is_frozen);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn nothing_is_frozen_while_a_dev_score_is_awaited(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    world.wait(time::Duration::MINUTE);
    let last = ada.submitted(&world, Upload::hitting(6).zip()).await;
    world.close().await;
    world.wait(GRACE);
    let track = world.track().await.id;
    for state in ["queued", "scoring"] {
        sqlx::query("update submissions set state = $1::submission_state where id = $2")
            .bind(state)
            .bind(World::id(&last).as_uuid())
            .execute(&world.app.db)
            .await
            .expect("a state");
        let waits = Freeze::Waits(FreezeWait { waiting_for_dev: 1, waiting_for_rescoring: 0, not_before: None });
        assert_eq!(entries::freeze(&world.app, track).await.expect("an answer"), waits, "{state}");
    }
    world.drain().await;
    assert_eq!(entries::freeze(&world.app, track).await.expect("an answer"), Freeze::Done);
    assert_eq!(store::entry::official(&world.app.db, track).await.expect("an answer"), [World::id(&last)]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_final_job_that_was_given_up_is_queued_again_by_a_retry(db: PgPool) {
    let begun = Begun::new(db).await;
    let world = &begun.world;
    let before = begun.look().await;
    world.sql("update jobs set attempts = 50").await;
    world.drain().await;
    assert_eq!(begun.jobs("failed_at is not null").await, 2);
    let path = world.track().await.path();
    assert_eq!(lifecycle::retry_failed(&world.app, &path).await.expect("an answer"), 2);
    assert_eq!(world.drain().await.len(), 2);
    assert_eq!(world.count("scorings where split = 'final'").await, 2);
    assert_eq!(begun.look().await, before);
    assert_eq!(lifecycle::retry_failed(&world.app, &path).await.expect("an answer"), 0);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_final_job_that_was_given_up_is_done_with_a_rescoring_of_its_submission_or_of_all(db: PgPool) {
    let begun = Begun::new(db).await;
    let world = &begun.world;
    world.sql("update jobs set attempts = 50").await;
    world.drain().await;
    assert_eq!(begun.jobs("failed_at is not null").await, 2);
    let path = world.track().await.path();
    let why = reason("the zip is back");
    let by = By { user: None, reason: Some(&why) };
    let official = store::entry::official(&world.app.db, world.track().await.id).await.expect("an answer");
    for (submission, final_scores) in [(official.first().copied(), 1), (None, 2)] {
        let batch = rescoring::begin(&world.app, &path, submission, by).await.expect("a rescoring");
        world.drain().await;
        assert_eq!(world.count("scorings where split = 'final'").await, final_scores, "{submission:?}");
        rescoring::drop_batch(&world.app, batch).await.expect("open");
        assert_eq!(
            world.count("scorings where split = 'final'").await,
            final_scores,
            "it is no part of what is dropped"
        );
    }
    assert_eq!(world.count("jobs").await, 0);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn final_scores_begin_only_with_all_labels_and_for_those_who_still_take_part(db: PgPool) {
    let files = TrackFiles::default().without_final_labels();
    let world = World::opened_with(db, files, OpeningLabels::Uncommitted).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    for actor in [&ada, &bob] {
        actor.submitted(&world, Upload::hitting(5).zip()).await;
    }
    world.drain().await;
    world.freeze().await;
    let refused =
        lifecycle::preview(&world.app, &World::path(), By::default()).await.expect_err("begun without labels");
    assert!(matches!(&refused, StepError::NotReady { problems, .. } if problems[0].code == "no_final_labels"));
    assert_eq!(world.count("jobs").await, 0);
    world.import(&TrackFiles::default()).await;
    world.sql("update participants set status = 'denied' where name = 'bob'").await;
    assert_eq!(world.preview().await, (0, 1));
    assert_eq!(world.count("jobs where split = 'final'").await, 1, "somebody who was denied is scored");
    world.sql("delete from jobs").await;
    assert_eq!(store::job::enqueue_forgotten(&world.app.db).await.expect("an answer"), 1);
    assert_eq!(world.drain().await.len(), 1);
}
