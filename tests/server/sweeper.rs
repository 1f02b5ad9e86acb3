//! The sweeper, and the check that keeps it away from another database's uploads.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use callimico::app::ObjectOwnershipError;
use callimico::worker::{Step, clear_orphans};
use sqlx::PgPool;

use crate::support::{Upload, World};

const ORPHAN: &str = "0193f2a0-0000-7000-8000-000000000000.zip";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn orphaned(world: &World) -> PathBuf {
    world.uploads().with_file_name("orphaned").join(ORPHAN)
}

fn owner_file(world: &World) -> PathBuf {
    world.uploads().with_file_name("instance")
}

/// Makes a file look as if it was last modified this long ago.
fn age(path: &Path, by: Duration) {
    let file = fs::File::open(path).expect("a file");
    let now = tempfile::tempfile().and_then(|file| file.metadata()?.modified()).expect("the disk's time");
    file.set_modified(now - by).expect("dated back");
}

/// Changes the database to one that knows nothing of these uploads.
async fn become_another_database(world: &World) {
    world.sql("update instance set id = gen_random_uuid(); delete from submissions").await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn only_bytes_without_a_submission_are_cleared_away(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let kept = ada.submitted(&world, Upload::hitting(6).zip()).await;
    let orphan = world.uploads().join(ORPHAN);
    let foreign = world.uploads().join("README");
    let stale = world.staged().join("left-by-a-killed-process");
    for path in [&orphan, &foreign, &stale] {
        fs::write(path, "x").expect("written");
    }
    // An upload in progress has a file before it has a row, so young files stay.
    clear_orphans(&world.app, Duration::from_secs(3600)).await.expect("cleared");
    assert!(orphan.exists() && stale.exists());
    clear_orphans(&world.app, Duration::ZERO).await.expect("cleared");
    assert!(!orphan.exists() && !stale.exists());
    assert!(foreign.exists() && world.uploads().join(format!("{kept}.zip")).exists());
    assert_eq!(world.drain().await, [Step::Scored(World::id(&kept))]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_orphaned_upload_can_be_taken_back_for_thirty_days(db: PgPool) {
    let world = World::new(db).await;
    let orphan = world.uploads().join(ORPHAN);
    fs::write(&orphan, "an upload").expect("written");
    // However old the upload is, the thirty days begin now.
    age(&orphan, 100 * DAY);
    clear_orphans(&world.app, Duration::from_secs(3600)).await.expect("cleared");
    assert!(!orphan.exists());
    assert_eq!(fs::read_to_string(orphaned(&world)).expect("set aside"), "an upload");
    age(&orphaned(&world), 29 * DAY);
    clear_orphans(&world.app, Duration::ZERO).await.expect("cleared");
    assert!(orphaned(&world).exists());
    age(&orphaned(&world), 31 * DAY);
    clear_orphans(&world.app, Duration::ZERO).await.expect("cleared");
    assert!(!orphaned(&world).exists());
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_sweep_against_another_database_removes_nothing(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(6).zip()).await;
    fs::write(world.staged().join("under-way"), "x").expect("written");
    become_another_database(&world).await;
    clear_orphans(&world.app, Duration::ZERO).await.expect_err("these are somebody else's");
    assert_eq!(world.files(), (1, 1));
    assert!(world.uploads().join(format!("{id}.zip")).exists());
    // If the owner is unknown, nothing is removed either.
    fs::remove_file(owner_file(&world)).expect("removed");
    clear_orphans(&world.app, Duration::ZERO).await.expect_err("nobody knows whose these are");
    assert_eq!(world.files(), (1, 1));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn objects_of_another_database_are_refused_and_both_are_named(db: PgPool) {
    let world = World::new(db).await;
    world.app.claim_objects().await.expect("the same database, again");
    let ours = fs::read_to_string(owner_file(&world)).expect("an id");
    become_another_database(&world).await;
    let error = world.app.claim_objects().await.expect_err("another database");
    assert!(matches!(error, ObjectOwnershipError::Foreign { .. }) && error.is_setting());
    let theirs: uuid::Uuid =
        sqlx::query_scalar("select id from instance").fetch_one(&world.app.db).await.expect("an id");
    let text = error.to_string();
    assert!(
        text.contains(ours.trim()) && text.contains(&theirs.to_string()) && text.contains("DATABASE_URL"),
        "{text}"
    );
    // What the message tells the organiser to do works.
    fs::write(owner_file(&world), theirs.to_string()).expect("written");
    world.app.claim_objects().await.expect("claimed by hand");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_folder_without_an_owner_is_taken_only_if_every_upload_is_known(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    ada.submitted(&world, Upload::hitting(6).zip()).await;
    fs::write(world.uploads().join(ORPHAN), "x").expect("written");
    fs::remove_file(owner_file(&world)).expect("removed");
    let error = world.app.claim_objects().await.expect_err("an upload is unknown");
    assert!(matches!(error, ObjectOwnershipError::Unclaimed { unknown: 1, .. }), "{error}");
    assert!(!owner_file(&world).exists());
    fs::remove_file(world.uploads().join(ORPHAN)).expect("removed");
    world.app.claim_objects().await.expect("every upload is known");
    clear_orphans(&world.app, Duration::ZERO).await.expect("its own");
    assert_eq!(world.files(), (1, 0));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_owner_that_cannot_be_read_is_not_taken_for_none(db: PgPool) {
    let world = World::new(db).await;
    fs::write(owner_file(&world), "half an i").expect("written");
    let error = world.app.claim_objects().await.expect_err("no id");
    assert!(matches!(error, ObjectOwnershipError::Objects(_)), "{error}");
    clear_orphans(&world.app, Duration::ZERO).await.expect_err("nobody knows whose these are");
    assert_eq!(fs::read_to_string(owner_file(&world)).expect("left alone"), "half an i");
}
