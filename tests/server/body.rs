//! The body of an upload: it must be complete, in time, within the limit, and of the declared type.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use callimico::config::LimitsConfig;
use sqlx::PgPool;
use tokio::io::AsyncWriteExt;

use crate::support::{Actor, Server, Upload, World, answer, head};

const LIMIT: usize = 100_000;
const YAML: &str = "limits: {bytes: 100000}\n";

/// A chunked body without a declared length.
fn chunked(bytes: &[u8]) -> Body {
    let chunks: Vec<_> =
        bytes.chunks(4096).map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk))).collect();
    Body::from_stream(futures_util::stream::iter(chunks))
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_zip_in_chunks_of_no_declared_length_is_taken(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    ada.submit(&world, chunked(&Upload::hitting(2).zip())).await.expect(StatusCode::CREATED);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_upload_over_the_limit_is_refused_declared_or_not(db: PgPool) {
    let world = World::with_yaml(db, YAML).await;
    let ada = world.participant("ada").await;
    let large = vec![b'x'; LIMIT + 1];
    for body in [Body::from(large.clone()), chunked(&large)] {
        let problem = ada.submit(&world, body).await.problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
        assert_eq!(problem["detail"], "What was sent is larger than the 100000 bytes allowed.");
    }
    let declared = ada.submission().header(header::CONTENT_LENGTH, "99999999999");
    let answer = world.ask(declared.body(Body::empty()).expect("a request")).await;
    answer.problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
    world.assert_nothing_kept().await;
    // An upload of exactly the limit is accepted for validation.
    ada.submit(&world, large[1..].to_vec()).await.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn who_asks_first_is_told_before_sending(db: PgPool) {
    let world = World::with_yaml(db, YAML).await;
    let ada = world.participant("ada").await;
    let server = Server::start(&world).await;
    let mut connection = server.connect().await;
    let head = head(&ada, &["Content-Length: 5000000", "Expect: 100-continue"]);
    connection.write_all(head.as_bytes()).await.expect("written");
    let (status, text) = answer(&mut connection).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{text}");
    assert!(!text.contains("100 Continue"), "{text}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_refusal_reaches_a_client_that_sends_everything_before_it_reads(db: PgPool) {
    let world = World::with_yaml(db, "limits: {per_day: 1}\n").await;
    let (ada, bob) = (world.participant("ada").await, world.account("bob").await);
    ada.submitted(&world, Upload::hitting(1).zip()).await;
    let server = Server::start(&world).await;
    let zip = vec![b'x'; 2_000_000];
    for (actor, status, code) in [
        (&Actor::with_token("cmk_unknown"), StatusCode::UNAUTHORIZED, "not_logged_in"),
        (&bob, StatusCode::FORBIDDEN, "not_enrolled"),
        (&ada, StatusCode::TOO_MANY_REQUESTS, "limit_today"),
    ] {
        let request = [head(actor, &["Content-Length: 2000000"]).as_bytes(), &zip].concat();
        let (told, text) = server.say(&request).await;
        assert_eq!(told, status, "{text}");
        assert!(text.contains(&format!("\"code\":\"{code}\"")), "{text}");
    }
    let oversized = [head(&ada, &["Content-Length: 20000000"]).as_bytes(), &vec![b'x'; 20_000_000]].concat();
    let (told, text) = server.say(&oversized).await;
    assert_eq!(told, StatusCode::PAYLOAD_TOO_LARGE, "{text}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_upload_that_breaks_off_leaves_nothing(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting(3).zip();
    let cut = futures_util::stream::iter([
        Ok(Bytes::copy_from_slice(&zip[..zip.len() / 2])),
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    ]);
    ada.submit(&world, Body::from_stream(cut)).await.problem(StatusCode::BAD_REQUEST, "broken_upload");
    world.assert_nothing_kept().await;

    // The same over a socket: an invalid chunk, and a connection that is closed midway.
    let server = Server::start(&world).await;
    let head = head(&ada, &["Transfer-Encoding: chunked"]);
    let (status, text) = server.say(format!("{head}3\r\nabc\r\nnonsense\r\n").as_bytes()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
    let mut connection = server.connect().await;
    connection.write_all(format!("{head}3\r\nabc\r\n").as_bytes()).await.expect("written");
    wait_until(|| world.files().1 == 1, "the upload begins").await;
    drop(connection);
    wait_until(|| world.files().1 == 0, "its bytes are gone").await;
    world.assert_nothing_kept().await;
}

async fn wait_until(done: impl Fn() -> bool, what: &str) {
    for _ in 0..500 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("in vain: {what}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_upload_that_never_ends_is_cut_off(db: PgPool) {
    let world = World::with_limits(db, LimitsConfig { upload_seconds: 0, ..LimitsConfig::default() }).await;
    let ada = world.participant("ada").await;
    let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let request = ada.submission().header(header::EXPECT, "100-continue").body(endless).expect("a request");
    world.ask(request).await.problem(StatusCode::REQUEST_TIMEOUT, "too_slow");
    world.assert_nothing_kept().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_request_with_too_many_headers_is_refused_before_anything_is_done(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let server = Server::start(&world).await;
    let (status, text) = server.say(head(&ada, &["X-More: more"; 200]).as_bytes()).await;
    assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "{text}");
    world.assert_nothing_kept().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_body_must_be_what_is_taken_here(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting(3).zip();
    let url = format!("{}/submissions", crate::support::TRACK_URL);
    for (name, value, code) in [
        ("content-type", "text/plain", "content_type"),
        ("content-type", "application/json", "content_type"),
        ("content-type", "application/x-www-form-urlencoded", "content_type"),
        ("content-encoding", "gzip", "content_encoding"),
        ("content-encoding", "identity, gzip", "content_encoding"),
    ] {
        let request = ada.request("POST", &url).header(name, value).body(zip.clone().into()).expect("a request");
        world.ask(request).await.problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, code);
    }
    world.assert_nothing_kept().await;
    for kind in ["application/zip", "application/octet-stream", "Application/X-Zip-Compressed; charset=binary"] {
        let request = ada.request("POST", &url).header(header::CONTENT_TYPE, kind);
        world.ask(request.body(zip.clone().into()).expect("a request")).await.expect(StatusCode::CREATED);
    }
}
