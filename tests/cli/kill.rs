//! `kill -9` at varying moments during uploads: every upload that got a 201 is kept and scored
//! once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::Connection;

use crate::support::{Client, Running, done, folder, free_address, perfect_zip, text, write_track};

const ROUNDS: u64 = 6;
const CLIENTS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn every_201_ends_scored_once_though_server_and_workers_are_killed() {
    let folder = folder();
    let track = write_track(folder.path());
    let data = folder.path().join("data");
    let (track, data, address) = (text(&track), text(&data), free_address());
    done(&["import", track, "--competition", "c", "--data-dir", data]);
    done(&["track", "open", "c/tiny", "--data-dir", data]);
    done(&["user", "create", "ada", "--email", "ada@example.org", "--data-dir", data]);
    let token = done(&["user", "token", "ada", "--data-dir", data]);
    let client = Arc::new(Client::new(&address, &token));

    let mut taken = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut server = Running::start(&["serve", "--data-dir", data, "--bind", &address, "--workers", "1"]);
        let mut worker = Running::start(&["worker", "--data-dir", data, "--workers", "1"]);
        client.wait_until_ready().await;
        if round == 0 {
            client.enrol().await.expect("enrolled");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let uploads: Vec<_> =
            (0..CLIENTS).map(|_| tokio::spawn(upload(Arc::clone(&client), Arc::clone(&stop)))).collect();
        // Uneven delays, so that the kills hit different moments of the work.
        tokio::time::sleep(Duration::from_millis(150 + (round * 217) % 400)).await;
        worker.kill();
        tokio::time::sleep(Duration::from_millis((round * 131) % 300)).await;
        server.kill();
        stop.store(true, Ordering::Relaxed);
        for upload in uploads {
            taken.extend(upload.await.expect("a client"));
        }
    }
    assert!(taken.len() >= CLIENTS, "only {} uploads were taken: the test shows nothing", taken.len());

    let _server = Running::start(&["serve", "--data-dir", data, "--bind", &address, "--workers", "2"]);
    client.wait_until_ready().await;
    let deadline = Instant::now() + Duration::from_secs(90);
    for id in &taken {
        loop {
            assert!(Instant::now() < deadline, "{id} was not scored in time");
            let submission = client.get(&format!("/submissions/{id}?wait=10")).await.expect("an answer");
            assert!(submission["state"] != "failed" && submission["code"].is_null(), "{submission}");
            if submission["state"] == "scored" {
                break;
            }
        }
    }
    let url = done(&["postgres", "--data-dir", data, "--", "sh", "-c", "printf %s \"$DATABASE_URL\""]);
    let mut db = sqlx::PgConnection::connect(&url).await.expect("connected");
    let (unscored, twice, jobs): (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from submissions s where state <> 'scored'
                   or not exists (select from scorings g where g.submission_id = s.id)),
                (select count(*) from (select submission_id from scorings group by submission_id, split
                   having count(*) > 1) as g),
                (select count(*) from jobs)",
    )
    .fetch_one(&mut db)
    .await
    .expect("counted");
    assert_eq!((unscored, twice, jobs), (0, 0, 0));
    let board = client.get("/competitions/c/tracks/tiny/leaderboard").await.expect("an answer");
    let kept: i64 = sqlx::query_scalar("select count(*) from submissions").fetch_one(&mut db).await.expect("counted");
    assert_eq!(board["entries"][0]["submissions"], kept, "board and submissions agree");
}

/// Uploads one after the other until `stop` is set; returns the ids of those that were accepted.
async fn upload(client: Arc<Client>, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut taken = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match client.submit(perfect_zip()).await {
            Ok((201, receipt)) => taken.push(receipt["id"].as_str().expect("an id").to_owned()),
            // The database may be starting or stopping; the client is asked to try again.
            Ok((503, _)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok((status, body)) => panic!("{status}: {body}"),
            // The server was killed during the request.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    taken
}
