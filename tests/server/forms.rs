//! Uploads as forms: which fields a form may have, and how large they may be.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use callimico::config::LimitsConfig;
use futures_util::StreamExt;
use sqlx::PgPool;

use crate::support::{Form, TRACK_URL, Upload, World};

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_form_holds_one_file_and_nothing_unknown(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting(5).zip();
    let long = "x".repeat(4097);
    let many = (0..10_000).fold(Form::default(), |form, _| form.text("", ""));
    for (what, form) in [
        ("a form without its end", Form::default().file("file", &zip).text("description", "a").cut_short()),
        ("two files", Form::default().file("file", &zip).file("file", &zip).end()),
        ("no file", Form::default().text("description", "nothing").end()),
        ("nothing at all", Form::default().end()),
        ("another field", Form::default().file("file", &zip).text("score", "1.0").end()),
        ("another file", Form::default().file("upload", &zip).end()),
        ("a field without a name", Form::default().file("file", &zip).part("filename=\"x\"", b"x").end()),
        ("a field twice", Form::default().text("description", "a").text("description", "b").file("file", &zip).end()),
        ("a long text", Form::default().text("description", &long).file("file", &zip).end()),
        ("a text that is no UTF-8", Form::default().text("description", b"\xff").file("file", &zip).end()),
        ("ten thousand parts", many.end()),
        ("no form", b"PK\x03\x04".to_vec()),
        ("an empty body", Vec::new()),
    ] {
        let answer = ada.submit_form(&world, form).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}: {answer:?}");
        answer.problem(StatusCode::BAD_REQUEST, "bad_form");
    }
    let cut_short = ada.submit_form(&world, Form::default().file("file", &zip).cut_short()).await;
    cut_short.problem(StatusCode::BAD_REQUEST, "broken_upload");
    world.assert_nothing_kept().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_form_may_say_only_so_much(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting(5).zip();
    for (name, text) in [("description", "x".repeat(501)), ("method_url", "ftp://example.org".to_owned())] {
        let form = Form::default().text(name, text).file("file", &zip).end();
        ada.submit_form(&world, form).await.problem(StatusCode::BAD_REQUEST, "bad_field");
    }
    world.assert_nothing_kept().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_form_without_a_boundary_is_refused(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let request = ada.request("POST", &format!("{TRACK_URL}/submissions"));
    let request = request.header(header::CONTENT_TYPE, "multipart/form-data");
    let form = Form::default().file("file", &Upload::hitting(5).zip()).end();
    world.ask(request.body(form.into()).expect("a request")).await.problem(StatusCode::BAD_REQUEST, "bad_form");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_forms_file_and_headers_are_bounded(db: PgPool) {
    let world = World::with_yaml(db, "limits: {bytes: 100000}\n").await;
    let ada = world.participant("ada").await;
    let too_large = Form::default().file("file", &vec![b'x'; 100_001]).end();
    ada.submit_form(&world, too_large).await.problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
    let endless_head = format!("name=\"file\"; filename=\"{}\"", "x".repeat(2_000_000));
    let answer = ada.submit_form(&world, Form::default().part(&endless_head, b"x").end()).await;
    answer.problem(StatusCode::BAD_REQUEST, "bad_form");
    world.assert_nothing_kept().await;
    // The track's limit applies, not the one for other bodies: this upload is validated.
    let largest = Form::default().file("file", &vec![b'x'; 100_000]).end();
    ada.submit_form(&world, largest).await.problem(StatusCode::UNPROCESSABLE_ENTITY, "rejected");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_form_that_never_ends_is_cut_off(db: PgPool) {
    let world = World::with_limits(db, LimitsConfig { upload_seconds: 0, ..LimitsConfig::default() }).await;
    let ada = world.participant("ada").await;
    let beginning = Ok(Bytes::from(Form::default().text("description", "slow").cut_short()));
    let endless =
        futures_util::stream::iter([beginning]).chain(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let request = ada.request("POST", &format!("{TRACK_URL}/submissions"));
    let request = request.header(header::CONTENT_TYPE, Form::CONTENT_TYPE).header(header::EXPECT, "100-continue");
    let answer = world.ask(request.body(Body::from_stream(endless)).expect("a request")).await;
    answer.problem(StatusCode::REQUEST_TIMEOUT, "too_slow");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_name_of_a_file_is_never_used(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    for name in ["../../../etc/passwd", "a\\\"; x=\\\"", "x.csv%0d%0aSet-Cookie: a=b"] {
        let form =
            Form::default().part(&format!("name=\"file\"; filename=\"{name}\""), &Upload::hitting(5).zip()).end();
        let id = ada.submit_form(&world, form).await.expect(StatusCode::CREATED).json()["id"].clone();
        let url = format!("/api/v1/submissions/{}/archive", id.as_str().expect("an id"));
        let disposition = format!("attachment; filename=\"submission-{}.zip\"", id.as_str().expect("an id"));
        assert_eq!(ada.get(&world, &url).await.header(header::CONTENT_DISPOSITION), disposition);
    }
}
