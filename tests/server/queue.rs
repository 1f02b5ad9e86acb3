//! The scoring queue: whatever dies or fails, a submission is effectively scored once, and never
//! lost.

use std::collections::BTreeSet;
use std::time::Duration;

use callimico::domain::ids::WorkerId;
use callimico::service::lifecycle;
use callimico::store;
use callimico::worker::{self, Step};
use serde_json::json;
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::support::{Actor, TRACK_URL, Upload, World};

/// The numbers of scorings, entries and board changes.
async fn stored(world: &World) -> (i64, i64, i64) {
    let scorings = world.count("scorings").await;
    let entries = world.count("entries").await;
    // The opening was the first change of the board.
    (scorings, entries, world.track().await.board_version - 1)
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn two_workers_on_one_queue_score_each_submission_once(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let mut sent = BTreeSet::new();
    for hits in 0..8 {
        sent.insert(World::id(&ada.submitted(&world, Upload::hitting(hits).zip()).await));
    }
    let other = world.second_app();
    let (ours, theirs) = tokio::join!(worker::drain(&world.app), worker::drain(&other));
    let (ours, theirs) = (ours.expect("a queue that answers"), theirs.expect("a queue that answers"));
    let scored: Vec<_> = [ours, theirs].concat();
    assert_eq!(scored.len(), 8);
    assert!(sent.iter().all(|id| scored.contains(&Step::Scored(*id))), "{scored:?}");
    assert_eq!(stored(&world).await, (8, 1, 8));
    assert_eq!(world.count("jobs").await, 0);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_claimed_job_is_nobody_elses_until_its_lease_runs_out(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(6).zip()).await;
    // A worker dies right after claiming the job.
    let mut connection = world.app.db.acquire().await.expect("a connection");
    store::job::claim(&mut connection, WorkerId::generate()).await.expect("an answer").expect("a job");
    assert_eq!(world.drain().await, []);
    world.sql("update jobs set leased_until = clock_timestamp() - interval '1 second'").await;
    assert_eq!(world.drain().await, [Step::Scored(World::id(&id))]);
    assert_eq!(stored(&world).await, (1, 1, 1));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn one_job_is_claimed_at_a_time_also_where_the_database_takes_the_queue_for_short(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    ada.submitted(&world, Upload::hitting(1).zip()).await;
    // What the database knows of the queue is of a moment at which it had one job.
    world.sql("analyze jobs").await;
    for hits in 2..8 {
        ada.submitted(&world, Upload::hitting(hits).zip()).await;
    }
    let mut connection = world.app.db.acquire().await.expect("a connection");
    store::job::claim(&mut connection, WorkerId::generate()).await.expect("an answer").expect("a job");
    assert_eq!(world.count("jobs where worker is not null").await, 1);
    assert_eq!(world.drain().await.len(), 6);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_worker_that_lost_its_claim_stores_nothing(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = World::id(&ada.submitted(&world, Upload::hitting(6).zip()).await);
    // The slow worker has scored and waits for this lock to store its result.
    let mut lock = world.app.db.begin().await.expect("a transaction");
    sqlx::query("select from participants for update").execute(&mut *lock).await.expect("a lock");
    let app = world.second_app();
    let slow = tokio::spawn(async move { worker::step(&app, WorkerId::generate()).await });
    while world.count("jobs where worker is not null").await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Meanwhile its lease expires, and another worker claims the job.
    world.sql("update jobs set leased_until = clock_timestamp() - interval '1 second'").await;
    let mut connection = world.app.db.acquire().await.expect("a connection");
    let taken = store::job::claim(&mut connection, WorkerId::generate()).await.expect("an answer").expect("the job");
    assert_eq!(taken.claim.attempt, 2);
    lock.commit().await.expect("a commit");
    assert_eq!(slow.await.expect("no panic").expect("an answer"), Step::LostClaim(id));
    assert_eq!(stored(&world).await, (0, 0, 0));
    assert_eq!(world.count("submissions where state = 'scoring'").await, 1);
    // The worker that holds the claim can still finish, once.
    assert!(store::job::finish(&mut connection, taken).await.expect("an answer"));
    assert!(!store::job::finish(&mut connection, taken).await.expect("an answer"));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_claim_can_be_renewed_and_given_back_only_while_it_holds(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    ada.submitted(&world, Upload::hitting(6).zip()).await;
    let mut connection = world.app.db.acquire().await.expect("a connection");
    let first = store::job::claim(&mut connection, WorkerId::generate()).await.expect("an answer").expect("a job");
    assert!(store::job::renew(&world.app.db, first).await.expect("an answer"));
    world.sql("update jobs set leased_until = clock_timestamp() - interval '1 second'").await;
    store::job::claim(&mut connection, WorkerId::generate()).await.expect("an answer").expect("the job");
    assert!(!store::job::renew(&world.app.db, first).await.expect("an answer"));
    assert!(!store::job::retry_later(&mut connection, first, 1.0, "too late").await.expect("an answer"));
    assert_eq!(world.count("jobs where errors = 0 and attempts = 2").await, 1);
}

/// Retries are scheduled by the database's clock.
async fn database_time(world: &World) -> OffsetDateTime {
    sqlx::query_scalar("select clock_timestamp()").fetch_one(&world.app.db).await.expect("a time")
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_error_of_ours_is_tried_again_later_each_time_and_given_up_at_no_cost(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(6).zip()).await;
    std::fs::remove_file(world.uploads().join(format!("{id}.zip"))).expect("the upload is there");
    for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600] {
        let before = database_time(&world).await;
        assert_eq!(world.drain().await[0], Step::WentWrong(World::id(&id)));
        let after = database_time(&world).await;
        let due: OffsetDateTime =
            sqlx::query_scalar("select run_after from jobs").fetch_one(&world.app.db).await.expect("the job");
        let delay = time::Duration::seconds(seconds);
        assert!(before + delay <= due && due <= after + delay, "not put off by {seconds} s");
        let seen = ada.looks_at(&world, &id).await;
        assert_eq!((&seen["state"], &seen["attempts_left"]["today"]), (&json!("queued"), &json!(29)));
        // Far enough in the future for a slow machine.
        world.sql("update jobs set run_after = run_after + interval '1 hour'").await;
        assert_eq!(world.drain().await, [], "tried again before its time");
        world.sql("update jobs set run_after = clock_timestamp()").await;
    }
    // As many errors as a day of retries makes.
    world.sql("update jobs set errors = 153, attempts = 153").await;
    assert_eq!(world.drain().await, [Step::WentWrong(World::id(&id))]);
    let seen = ada.looks_at(&world, &id).await;
    assert_eq!((&seen["state"], &seen["attempts_left"]["today"]), (&json!("failed"), &json!(30)));
    assert_eq!((&seen["problems"], &seen["scores"]), (&json!([]), &json!({})));
    assert_eq!(world.count("jobs").await, 0);
    assert_eq!(stored(&world).await, (0, 0, 0));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_submission_is_scored_once_the_storage_is_back_after_hours(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(6).zip()).await;
    let away = world.uploads().with_file_name("away");
    std::fs::rename(world.uploads(), &away).expect("moved");
    // With real delays this would be twelve hours, and more attempts than a job gets that crashes
    // its workers.
    for _ in 0..80 {
        assert_eq!(world.drain().await, [Step::WentWrong(World::id(&id))]);
        world.sql("update jobs set run_after = clock_timestamp()").await;
    }
    assert_eq!(ada.looks_at(&world, &id).await["state"], "queued");
    std::fs::rename(&away, world.uploads()).expect("moved");
    assert_eq!(world.drain().await, [Step::Scored(World::id(&id))]);
    assert_eq!(stored(&world).await, (1, 1, 1));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn retrying_puts_the_failed_submissions_of_a_track_back_into_the_queue(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let done = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    let failed = ada.submitted(&world, Upload::hitting(6).zip()).await;
    world.sql("delete from jobs").await;
    world.sql("update submissions set state = 'failed', finished_at = now() where state = 'queued'").await;
    let track = world.track().await.path();
    assert_eq!(lifecycle::retry_failed(&world.app, &track).await.expect("an answer"), 1);
    let seen = ada.looks_at(&world, &failed).await;
    assert_eq!((&seen["state"], &seen["finished_at"]), (&json!("queued"), &json!(null)));
    assert_eq!(world.drain().await, [Step::Scored(World::id(&failed))]);
    assert_eq!(ada.looks_at(&world, &done).await["state"], "scored");
    assert_eq!(world.count("scorings").await, 2);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_job_on_which_every_worker_dies_is_given_up(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(6).zip()).await;
    world.sql("update jobs set attempts = 50").await;
    assert_eq!(world.drain().await, []);
    assert_eq!(ada.looks_at(&world, &id).await["state"], "failed");
    assert_eq!(world.count("jobs").await, 0);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn state_score_entry_and_board_change_together_or_not_at_all(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(6).zip()).await;
    world
        .sql(
            "create function refuse() returns trigger language plpgsql as $$ begin raise 'the disk is full'; end $$;
             create trigger refuse before insert on scorings for each row execute function refuse();
             create trigger refuse before insert on entries for each row execute function refuse();
             create trigger refuse before update on tracks for each row execute function refuse();",
        )
        .await;
    for repair in ["drop trigger refuse on scorings", "drop trigger refuse on entries", "drop trigger refuse on tracks"]
    {
        worker::drain(&world.app).await.expect_err("the database refuses");
        assert_eq!(stored(&world).await, (0, 0, 0), "before {repair}");
        assert_eq!(ada.looks_at(&world, &id).await["state"], "scoring");
        let board = Actor::visitor().get(&world, &format!("{TRACK_URL}/leaderboard")).await;
        assert_eq!(board.json()["entries"], json!([]));
        world.sql(repair).await;
        world.sql("update jobs set leased_until = clock_timestamp() - interval '1 second'").await;
    }
    assert_eq!(world.drain().await, [Step::Scored(World::id(&id))]);
    assert_eq!(stored(&world).await, (1, 1, 1));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_submission_whose_job_vanished_is_queued_again(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let done = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    ada.submit(&world, "not a zip").await;
    let lost = ada.submitted(&world, Upload::hitting(6).zip()).await;
    assert_eq!(store::job::enqueue_forgotten(&world.app.db).await.expect("an answer"), 0);
    world.sql("delete from jobs").await;
    assert_eq!(world.drain().await, []);
    assert_eq!(store::job::enqueue_forgotten(&world.app.db).await.expect("an answer"), 1);
    assert_eq!(world.drain().await, [Step::Scored(World::id(&lost))]);
    assert_eq!(ada.looks_at(&world, &done).await["state"], "scored");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_scored_submission_is_never_unmade_by_a_second_job(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(6).zip()).await;
    world.drain().await;
    let before = ada.looks_at(&world, &id).await;
    world.sql("insert into jobs (submission_id, split, run_after, created_at) select id, 'dev', now(), now() from submissions").await;
    world.drain().await;
    assert_eq!(ada.looks_at(&world, &id).await, before);
    assert_eq!(stored(&world).await, (1, 1, 1));
    assert_eq!(world.count("jobs").await, 0, "it would be scored for ever");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_running_worker_is_woken_by_an_upload(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let workers = tokio::spawn(worker::run(world.app.clone(), 2, stopped));
    let id = ada.submitted(&world, Upload::hitting(6).zip()).await;
    let began = std::time::Instant::now();
    let seen = ada.get(&world, &format!("/api/v1/submissions/{id}?wait=10")).await.json();
    assert_eq!(seen["state"], "scored");
    assert!(began.elapsed() < Duration::from_secs(4), "it was found by looking, not by being woken");
    stop.send(true).expect("the workers run");
    tokio::time::timeout(Duration::from_secs(5), workers).await.expect("they stop").expect("no panic");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_upload_alone_makes_no_job_and_no_score_on_the_final_split(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    ada.submitted(&world, Upload::hitting(6).zip()).await;
    assert_eq!(world.count("jobs where split = 'dev'").await, 1);
    assert_eq!(world.count("jobs where split <> 'dev'").await, 0);
    world.drain().await;
    assert_eq!(world.count("scorings where split <> 'dev'").await, 0);
    assert_eq!(world.count("official_entries").await, 0);
}
