//! The `track` commands, and the check that objects and database belong together.

use std::fs;

use sqlx::Connection;

use crate::support::{Client, Running, done, folder, free_address, run, stderr, text, write_track};

#[test]
fn a_command_on_the_wrong_objects_is_refused_with_a_sentence() {
    let folder = folder();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let objects = folder.path().join("objects");
    let place = format!("file:{}", text(&objects));
    done(&["migrate", "--data-dir", text(&ours), "--objects", &place]);
    let ours_id = fs::read_to_string(objects.join("instance")).expect("an id");
    done(&["user", "create", "ada", "--email", "ada@example.org", "--data-dir", text(&ours), "--objects", &place]);
    let refused = run(&["migrate", "--data-dir", text(&theirs), "--objects", &place]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    let said = stderr(&refused);
    assert!(said.contains(ours_id.trim()) && said.contains(text(&objects)) && said.contains("DATABASE_URL"), "{said}");
    assert_eq!(fs::read_to_string(objects.join("instance")).expect("an id"), ours_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn retrying_a_track_says_how_many_submissions_wait_again() {
    let folder = folder();
    let track = write_track(folder.path());
    let data = folder.path().join("data");
    let (track, data, address) = (text(&track), text(&data), free_address());
    done(&["import", track, "--competition", "c", "--data-dir", data]);
    done(&["user", "create", "ada", "--email", "ada@example.org", "--data-dir", data]);
    let unknown = run(&["track", "retry", "c/nothing", "--data-dir", data]);
    assert_eq!(unknown.status.code(), Some(2), "{}", stderr(&unknown));

    let _server = Running::start(&["serve", "--data-dir", data, "--bind", &address, "--workers", "0"]);
    Client::new(&address, "").wait_until_ready().await;
    let url = done(&["postgres", "--data-dir", data, "--", "sh", "-c", "printf %s \"$DATABASE_URL\""]);
    let mut db = sqlx::PgConnection::connect(&url).await.expect("connected");
    let insert = "insert into participants (id, track_id, name, name_key, status, created_at)
                    select gen_random_uuid(), t.id, u.name, u.name_key, 'approved', now() from tracks t, users u;
                  insert into submissions (id, track_id, participant_id, state, received_at, finished_at, size, sha256)
                    select gen_random_uuid(), p.track_id, p.id, s::submission_state, now(), now(), 1,
                           decode(repeat('00', 32), 'hex')
                    from participants p, unnest(array['failed', 'failed', 'scored']) s";
    sqlx::raw_sql(insert).execute(&mut db).await.expect("inserted");
    let retried = run(&["track", "retry", "c/tiny", "--data-dir", data]);
    assert!(retried.status.success(), "{}", stderr(&retried));
    assert!(stderr(&retried).contains("put 2 failed submissions of c/tiny back"), "{}", stderr(&retried));
    let again = run(&["track", "retry", "c/tiny", "--data-dir", data]);
    assert!(stderr(&again).contains("put 0 failed submissions"), "{}", stderr(&again));
}
