//! Downloads of released files: who may have them, which bytes are sent, and how long an address is
//! valid.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::body::Body;
use axum::http::{StatusCode, header};
use callimico::domain::account::TokenScope;
use callimico::release::{self, Outcome, ReleaseError, Request};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tempfile::TempDir;

use crate::support::{Actor, Answer, TRACK, TRACK_URL, TrackFiles, World};

/// The track's directory with a model of 200,000 bytes in each model's folder.
fn directory(seed: u8) -> TempDir {
    let root = tempfile::tempdir().expect("a folder");
    TrackFiles::default().write(root.path());
    for scenario in ["tiny_hi", "tiny_lo"] {
        for split in ["train", "dev", "final"] {
            for model in fs::read_dir(root.path().join(scenario).join(split)).expect("models") {
                fs::write(model.expect("a model").path().join("model.onnx"), model_bytes(seed)).expect("written");
            }
        }
    }
    root
}

fn model_bytes(seed: u8) -> Vec<u8> {
    (0..200_000_u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed).collect()
}

async fn release(world: &World, root: &Path) -> Result<Outcome, ReleaseError> {
    let request = Request { track: TRACK.parse().expect("a track"), from: Some(root.to_owned()), verbatim: Vec::new() };
    release::make(&world.app, &request, &Arc::new(AtomicBool::new(false)), &mut |_| {}).await
}

async fn released(db: PgPool) -> World {
    let world = World::new(db).await;
    release(&world, directory(1).path()).await.expect("a release");
    world
}

async fn files(world: &World, actor: &Actor) -> Vec<Value> {
    let answer = actor.get(world, &format!("{TRACK_URL}/files")).await.expect(StatusCode::OK).json();
    answer["files"].as_array().expect("files").clone()
}

/// The signed address of a file as a path, without the host.
async fn address(world: &World, actor: &Actor, name: &str) -> String {
    let files = files(world, actor).await;
    let file = files.iter().find(|file| file["name"] == name).expect("the file");
    let url = file["url"].as_str().expect("an address");
    url.strip_prefix("http://127.0.0.1:8080").expect("the site's address").to_owned()
}

async fn ask(world: &World, method: &str, url: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
    let mut request = Actor::visitor().request(method, url);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    world.ask(request.body(Body::empty()).expect("a request")).await
}

const ARCHIVE: &str = "tiny_hi-dev.tar";

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn those_who_take_part_get_the_files_and_nobody_else_does(db: PgPool) {
    let world = released(db).await;
    let (ada, carl, olga) =
        (world.participant("ada").await, world.account("carl").await, world.organiser("olga").await);
    let (list, file) = (format!("{TRACK_URL}/files"), format!("{TRACK_URL}/files/{ARCHIVE}"));
    for url in [&list, &file] {
        assert_eq!(Actor::visitor().get(&world, url).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(carl.get(&world, url).await.status, StatusCode::FORBIDDEN);
        assert_eq!(ada.get(&world, url).await.status, StatusCode::OK);
        assert_eq!(olga.get(&world, url).await.status, StatusCode::OK);
    }
    for status in ["pending", "denied", "withdrawn"] {
        sqlx::query("update participants set status = $1::participant_status")
            .bind(status)
            .execute(&world.app.db)
            .await
            .expect("changed");
        for url in [&list, &file] {
            assert_eq!(ada.get(&world, url).await.status, StatusCode::FORBIDDEN, "{status}");
        }
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn before_the_opening_only_organisers_get_the_files(db: PgPool) {
    let world = released(db).await;
    let (ada, olga) = (world.participant("ada").await, world.organiser("olga").await);
    let url = address(&world, &ada, ARCHIVE).await;
    for sql in ["update tracks set phase = 'draft'", "update tracks set phase = 'open', opens_at = '2026-11-24T00:00Z'"]
    {
        sqlx::raw_sql(sql).execute(&world.app.db).await.expect("changed");
        assert_eq!(ada.get(&world, &format!("{TRACK_URL}/files")).await.status, StatusCode::FORBIDDEN);
        assert_eq!(ask(&world, "GET", &url, &[]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(olga.get(&world, &format!("{TRACK_URL}/files")).await.status, StatusCode::OK);
    }
    world.wait(time::Duration::hours(13));
    assert_eq!(ask(&world, "GET", &url, &[]).await.status, StatusCode::OK);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_file_has_the_size_and_the_hash_of_the_list(db: PgPool) {
    let world = released(db).await;
    let ada = world.participant("ada").await;
    let files = files(&world, &ada).await;
    // Three splits of two scenarios, the bundle, and the checksums.
    assert_eq!(files.len(), 8);
    for file in &files {
        let name = file["name"].as_str().expect("a name");
        let bytes = ada.get(&world, &format!("{TRACK_URL}/files/{name}")).await.expect(StatusCode::OK).body;
        assert_eq!(bytes.len() as u64, file["size"].as_u64().expect("a size"), "{name}");
        assert_eq!(hex::encode(Sha256::digest(&bytes)), file["sha256"], "{name}");
        assert!(file.get("downloads").is_none(), "participants see no counts");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_download_that_is_cut_anywhere_goes_on_to_the_same_bytes(db: PgPool) {
    let world = released(db).await;
    let url = address(&world, &world.participant("ada").await, ARCHIVE).await;
    let whole = ask(&world, "GET", &url, &[]).await.expect(StatusCode::OK);
    let tag = whole.headers[header::ETAG].to_str().expect("a tag").to_owned();
    assert_eq!(whole.headers[header::ACCEPT_RANGES], "bytes");
    let size = whole.body.len();
    let mut place = 12_345_usize;
    for _ in 0..20 {
        place = (place * 7_919 + 13) % size;
        let asked = [(header::RANGE, format!("bytes={place}-")), (header::IF_RANGE, tag.clone())];
        let asked: Vec<_> = asked.iter().map(|(name, value)| (name.clone(), value.as_str())).collect();
        let rest = ask(&world, "GET", &url, &asked).await.expect(StatusCode::PARTIAL_CONTENT);
        assert_eq!(rest.headers[header::CONTENT_RANGE], format!("bytes {place}-{}/{size}", size - 1));
        assert!(whole.body[place..] == rest.body[..], "from {place} on");
    }
    let other = [(header::RANGE, "bytes=5-"), (header::IF_RANGE, "\"other\"")];
    assert!(ask(&world, "GET", &url, &other).await.expect(StatusCode::OK).body == whole.body);
    let beyond = ask(&world, "GET", &url, &[(header::RANGE, &format!("bytes={size}-"))]).await;
    beyond.problem(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable");
    assert_eq!(beyond.headers[header::CONTENT_RANGE], format!("bytes */{size}"));
    let other = ask(&world, "GET", &url, &[(header::IF_MATCH, "\"other\"")]).await;
    other.problem(StatusCode::PRECONDITION_FAILED, "precondition_failed");
    let known = ask(&world, "GET", &url, &[(header::IF_NONE_MATCH, &tag)]).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let head = ask(&world, "HEAD", &url, &[]).await.expect(StatusCode::OK);
    assert_eq!(head.headers[header::CONTENT_LENGTH], size.to_string());
    assert!(head.body.is_empty());
    // A browser may accept compression, but ranges would then be of the compressed bytes.
    let offered = ask(&world, "GET", &url, &[(header::ACCEPT_ENCODING, "gzip")]).await.expect(StatusCode::OK);
    assert!(!offered.headers.contains_key(header::CONTENT_ENCODING) && offered.body == whole.body);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_single_file_is_the_organisers_file_and_a_hidden_one_is_not_there(db: PgPool) {
    let world = released(db).await;
    let ada = world.participant("ada").await;
    let model = format!("{TRACK_URL}/files/tiny_lo/dev/model_10/model.onnx");
    let answer = ada.get(&world, &model).await.expect(StatusCode::OK);
    assert!(answer.body == model_bytes(1));
    assert_eq!(answer.headers[header::ETAG], format!("\"{}\"", hex::encode(Sha256::digest(&answer.body))));
    assert_eq!(answer.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"model.onnx\"");
    let truth = format!("{TRACK_URL}/files/tiny_lo/train/model_1/solution.csv");
    ada.get(&world, &truth).await.expect(StatusCode::OK);
    for hidden in
        ["tiny_lo/dev/model_10/solution.csv", "../uploads", "tiny_lo/dev/../train/model_1/solution.csv", "", "%00"]
    {
        let answer = ada.get(&world, &format!("{TRACK_URL}/files/{hidden}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{hidden}");
    }
    let single = ada.get(&world, &format!("{TRACK_URL}/files?single=true")).await.expect(StatusCode::OK).json();
    let single = single["files"].as_array().expect("files");
    // A model in each of the sixteen folders, and the solutions of the four train models.
    assert_eq!(single.len(), 20);
    let url = single[0]["url"].as_str().expect("an address").replace("http://127.0.0.1:8080", "");
    let bytes = ask(&world, "GET", &url, &[]).await.expect(StatusCode::OK).body;
    assert_eq!(hex::encode(Sha256::digest(&bytes)), single[0]["sha256"]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_address_dies_with_the_enrolment_at_once(db: PgPool) {
    let world = released(db).await;
    let url = address(&world, &world.participant("ada").await, ARCHIVE).await;
    assert_eq!(ask(&world, "GET", &url, &[]).await.status, StatusCode::OK);
    for status in ["withdrawn", "denied", "pending"] {
        sqlx::query("update participants set status = $1::participant_status")
            .bind(status)
            .execute(&world.app.db)
            .await
            .expect("changed");
        for method in ["GET", "HEAD"] {
            assert_eq!(ask(&world, method, &url, &[]).await.status, StatusCode::FORBIDDEN, "{status}");
        }
    }
    world.sql("delete from participants").await;
    assert_eq!(ask(&world, "GET", &url, &[]).await.status, StatusCode::FORBIDDEN);
    world.sql("delete from users where name = 'ada'").await;
    assert_eq!(ask(&world, "GET", &url, &[]).await.status, StatusCode::NOT_FOUND);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_address_is_good_for_a_day(db: PgPool) {
    let world = released(db).await;
    let url = address(&world, &world.participant("ada").await, ARCHIVE).await;
    world.wait(time::Duration::DAY - time::Duration::SECOND);
    assert_eq!(ask(&world, "GET", &url, &[]).await.status, StatusCode::OK);
    world.wait(time::Duration::SECOND);
    let late = ask(&world, "GET", &url, &[]).await;
    assert_eq!((late.status, late.json()["code"].as_str()), (StatusCode::FORBIDDEN, Some("link_expired")));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn guessing_at_an_address_finds_nothing(db: PgPool) {
    let world = released(db).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    let (url, other) = (address(&world, &ada, ARCHIVE).await, address(&world, &bob, "tiny_hi-final.tar").await);
    let (path, query) = url.split_once('?').expect("a query");
    let (other_path, other_query) = other.split_once('?').expect("a query");
    let (bare, signature) = query.split_once("&by=").expect("a signature");
    let (user, until) = bare.split_once("&until=").expect("a time");
    let later = until.parse::<i64>().expect("a time") + 1;
    let flipped = if signature.starts_with('0') { "1" } else { "0" }.to_owned() + &signature[1..];
    for guess in [
        path.to_owned(),
        format!("{path}?{bare}"),
        format!("{path}?{bare}&by="),
        format!("{path}?{bare}&by=zz"),
        format!("{path}?{bare}&by={flipped}"),
        format!("{path}?{bare}&by={}", &signature[..62]),
        format!("{path}?{user}&until={later}&by={signature}"),
        format!("{path}?{other_query}"),
        format!("{other_path}?{query}"),
        url.replace(ARCHIVE, "tiny_hi-final.tar"),
        url.replace(ARCHIVE, "tiny_hi/dev/model_10/solution.csv"),
        "/api/v1/files/not-an-id/x?for=1&until=2&by=3".to_owned(),
    ] {
        assert_eq!(ask(&world, "GET", &guess, &[]).await.status, StatusCode::NOT_FOUND, "{guess}");
    }
    for decorated in [format!("{path}?{query}&more=1"), format!("{path}?{query}&until={later}")] {
        ask(&world, "GET", &decorated, &[]).await.problem(StatusCode::BAD_REQUEST, "bad_parameter");
    }
    assert_eq!(ask(&world, "GET", &url, &[]).await.status, StatusCode::OK, "the real one");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_new_release_comes_whole_and_ends_the_old_addresses(db: PgPool) {
    let world = released(db).await;
    let ada = world.participant("ada").await;
    let (before, url) = (files(&world, &ada).await, address(&world, &ada, ARCHIVE).await);
    // Releasing from a directory of another track changes nothing.
    let broken = directory(2);
    fs::remove_dir_all(broken.path().join("tiny_lo/final/model_32")).expect("removed");
    assert!(matches!(release(&world, broken.path()).await, Err(ReleaseError::AnotherTrack { .. })));
    assert_eq!(files(&world, &ada).await, before);
    // Releasing the same files again changes nothing.
    release(&world, directory(1).path()).await.expect("a release");
    assert_eq!(files(&world, &ada).await, before);
    assert_eq!(ask(&world, "GET", &url, &[]).await.status, StatusCode::OK);
    release(&world, directory(2).path()).await.expect("a release");
    assert_eq!(ask(&world, "GET", &url, &[]).await.status, StatusCode::NOT_FOUND);
    let renewed = address(&world, &ada, ARCHIVE).await;
    assert_eq!(ask(&world, "GET", &renewed, &[]).await.status, StatusCode::OK);
    assert_eq!(world.count("release_files").await, 8);
    let kept = fs::read_dir(world.uploads().with_file_name("releases")).expect("a folder").count();
    assert_eq!(kept, 8, "what was replaced is gone");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn downloads_are_counted_at_their_first_byte(db: PgPool) {
    let world = released(db).await;
    let (ada, bob, olga) =
        (world.participant("ada").await, world.participant("bob").await, world.organiser("olga").await);
    let url = address(&world, &ada, ARCHIVE).await;
    ask(&world, "GET", &url, &[]).await.expect(StatusCode::OK);
    ask(&world, "GET", &url, &[(header::RANGE, "bytes=0-")]).await.expect(StatusCode::PARTIAL_CONTENT);
    ask(&world, "GET", &url, &[(header::RANGE, "bytes=7-")]).await.expect(StatusCode::PARTIAL_CONTENT);
    ask(&world, "HEAD", &url, &[]).await.expect(StatusCode::OK);
    bob.get(&world, &format!("{TRACK_URL}/files/{ARCHIVE}")).await.expect(StatusCode::OK);
    let counted = files(&world, &olga).await;
    let of = |name: &str| counted.iter().find(|file| file["name"] == name).expect("the file")["downloads"].clone();
    assert_eq!(of(ARCHIVE), serde_json::json!({"times": 3, "accounts": 2}));
    assert_eq!(of("SHA256SUMS"), serde_json::json!({"times": 0, "accounts": 0}));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_data_page_has_the_files_for_those_who_take_part(db: PgPool) {
    let world = released(db).await;
    let (ada, olga) = (world.participant("ada").await, world.organiser("olga").await);
    let page = |answer: Answer| String::from_utf8_lossy(&answer.expect(StatusCode::OK).body).into_owned();
    let visitor = page(Actor::visitor().get(&world, "/c/mico/tiny/data").await);
    assert!(!visitor.contains(ARCHIVE) && visitor.contains("/login?next=/c/mico/tiny/data"), "{visitor}");
    let participant = page(ada.get(&world, "/c/mico/tiny/data").await);
    assert!(participant.contains(&format!("/c/mico/tiny/files/{ARCHIVE}")), "{participant}");
    assert!(
        participant.contains(&format!("curl -fL -C - -o {ARCHIVE} ")) && participant.contains("callimico download")
    );
    assert!(!participant.contains("Downloads"));
    assert!(page(olga.get(&world, "/c/mico/tiny/data").await).contains("Downloads"));
    let file = ada.get(&world, &format!("/c/mico/tiny/files/{ARCHIVE}")).await.expect(StatusCode::OK);
    assert_eq!(file.headers[header::CONTENT_TYPE], "application/x-tar");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_address_carries_no_right_of_an_organiser_that_its_client_did_not_have(db: PgPool) {
    let world = released(db).await;
    let olga = world.organiser("olga").await;
    let submitter = world.token(world.user_of("olga").await, TokenScope::Submit).await;
    submitter.enrol(&world).await.expect(StatusCode::CREATED);
    let as_participant = address(&world, &submitter, "SHA256SUMS").await;
    let as_organiser = address(&world, &olga, "SHA256SUMS").await;
    for url in [&as_participant, &as_organiser] {
        Actor::visitor().get(&world, url).await.expect(StatusCode::OK);
    }
    world.sql("update participants set status = 'denied'").await;
    Actor::visitor().get(&world, &as_participant).await.problem(StatusCode::FORBIDDEN, "denied");
    Actor::visitor().get(&world, &as_organiser).await.expect(StatusCode::OK);
}
