//! Odd and hostile requests: none causes a server error, and none gets more than it should.

use axum::body::Body;
use axum::http::{StatusCode, header};
use sqlx::PgPool;

use crate::support::{Actor, TRACK_URL, Upload, World};

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn json_that_is_not_as_it_should_be_is_refused_and_breaks_nothing(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.account("ada").await;
    let url = format!("{TRACK_URL}/participants");
    let deep = "[".repeat(30_000);
    let deep_field = format!("{{\"x\":{deep}");
    for (json, status, code) in [
        (r#"{"accept_terms": false}"#, StatusCode::UNPROCESSABLE_ENTITY, "terms_not_accepted"),
        (r#"{"accept_terms": true, "status": "approved"}"#, StatusCode::UNPROCESSABLE_ENTITY, "bad_field"),
        (r#"{"accept_terms": true, "accept_terms": true}"#, StatusCode::UNPROCESSABLE_ENTITY, "bad_field"),
        (r#"{"accept_terms": "yes"}"#, StatusCode::UNPROCESSABLE_ENTITY, "bad_field"),
        (r#"{"accept_terms": null}"#, StatusCode::UNPROCESSABLE_ENTITY, "bad_field"),
        ("{}", StatusCode::UNPROCESSABLE_ENTITY, "bad_field"),
        ("true", StatusCode::UNPROCESSABLE_ENTITY, "bad_field"),
        (r#"{"accept_terms": 1e999}"#, StatusCode::BAD_REQUEST, "bad_json"),
        (r#"{"accept_terms": "\ud800"}"#, StatusCode::BAD_REQUEST, "bad_json"),
        (r#"{"accept_terms": true"#, StatusCode::BAD_REQUEST, "bad_json"),
        (r#"{"accept_terms": true} {}"#, StatusCode::BAD_REQUEST, "bad_json"),
        ("", StatusCode::BAD_REQUEST, "bad_json"),
    ] {
        let answer = ada.post_json(&world, &url, json).await;
        assert_eq!(answer.status, status, "{json}: {answer:?}");
        answer.problem(status, code);
    }
    for json in [deep, deep_field] {
        let status = ada.post_json(&world, &url, json).await.status;
        assert!(status == StatusCode::BAD_REQUEST || status == StatusCode::UNPROCESSABLE_ENTITY, "{status}");
    }
    let invalid = ada.post_json(&world, &url, b"{\"accept_terms\": \"\xff\"}".to_vec()).await;
    assert!(invalid.status.is_client_error(), "{invalid:?}");
    let huge = format!("{{\"x\": \"{}\"}}", "x".repeat(10_000_000));
    ada.post_json(&world, &url, huge).await.problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
    let request = ada.request("POST", &url).header(header::CONTENT_TYPE, "text/plain");
    let answer = world.ask(request.body(r#"{"accept_terms": true}"#.into()).expect("a request")).await;
    answer.problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json");
    assert_eq!(world.count("participants").await, 0);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_address_written_otherwise_is_another_address(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    let long = "x".repeat(10_000);
    let addresses = [
        "/api/v1/competitions/",
        "/api/v1//competitions",
        "/api/v1/Competitions",
        "/api/v1/competitions/mico/",
        "/api/v1/competitions/MICO",
        "/api/v1/competitions/..",
        "/api/v1/competitions/%2e%2e",
        "/api/v1/competitions/mico%00",
        "/api/v1/competitions/mic%6f%2ftracks",
        "/api/v1/competitions/%ff",
        "/api/v1/competitions/mico/tracks/%2e%2e/leaderboard",
        "/api/v1/competitions/mico/tracks/tiny/leaderboard/",
        "/api/v1/competitions/mico/tracks/tiny/leaderboard;.css",
        "/api/v1/competitions/mico/tracks/tiny/leaderboard.css",
        "/api/v1/competitions/mico/tracks/tiny%27%20or%201=1/leaderboard",
        "/api/v1/competitions/mico/tracks/%ff/leaderboard",
        "/api/v1/submissions",
        "/api/v1/nothing",
    ];
    let wrong_ids =
        ["1", "-1", "null", "%00", "%ff", "0", "9999999999999999999999", "%25", "..%2f..%2fetc%2fpasswd", &long];
    let ids = wrong_ids.iter().map(|id| format!("/api/v1/submissions/{id}"));
    let decorated = [
        format!("/api/v1/submissions/{id}/"),
        format!("/api/v1/submissions/{id};.css"),
        format!("/api/v1/submissions/{id}.css"),
    ];
    for address in addresses.map(str::to_owned).into_iter().chain(ids).chain(decorated) {
        let answer = ada.get(&world, &address).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{address}: {answer:?}");
        answer.problem(StatusCode::NOT_FOUND, "not_found");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_method_is_the_one_in_the_first_line(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let board = format!("{TRACK_URL}/leaderboard");
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"] {
        let answer = world.ask(ada.request(method, &board).body(Body::empty()).expect("a request")).await;
        answer.problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    }
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let request = ada.request("GET", &format!("{TRACK_URL}/participants")).header(name, "POST");
        let answer = world.ask(request.body(Body::empty()).expect("a request")).await;
        // The list of participants, which is for organisers, and no enrolment.
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name} was heard");
        let request = ada.request("POST", &board).header(name, "GET");
        let answer = world.ask(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{name} was heard");
    }
    let head = world.ask(ada.request("HEAD", &board).body(Body::empty()).expect("a request")).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    let unknown = world.ask(ada.request("HEAD", "/api/v1/submissions/1").body(Body::empty()).expect("a request")).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_forged_host_appears_nowhere(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let zip = Upload::hitting(5).zip();
    let forged = [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example")];
    for (name, value) in forged {
        let request = ada.submission().header(name, value).body(zip.clone().into()).expect("a request");
        let answer = world.ask(request).await.expect(StatusCode::CREATED);
        assert!(!format!("{answer:?}").contains("evil"), "{answer:?}");
        for page in ["/", "/login", "/c/mico/tiny", "/account", "/nothing"] {
            let request = Actor::visitor().request("GET", page).header(name, value);
            let answer = world.ask(request.body(Body::empty()).expect("a request")).await;
            assert!(!format!("{:?}{}", answer.headers, answer.text()).contains("evil"), "{page} repeats {name}");
        }
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_answer_has_the_headers_that_keep_a_browser_safe(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    let own = format!("/api/v1/submissions/{id}");
    let archive = format!("{own}/archive");
    let board = format!("{TRACK_URL}/leaderboard.csv");
    let cross_site = ("sec-fetch-site", "cross-site");
    let plain = ("accept", "*/*");
    for (method, url, header, status) in [
        ("GET", "/", plain, 200),
        ("GET", "/static/nothing.css", plain, 404),
        ("GET", "/nothing", plain, 404),
        ("GET", "/api/v1/nothing", plain, 404),
        ("GET", "/healthz", plain, 200),
        ("GET", board.as_str(), plain, 200),
        ("GET", own.as_str(), plain, 200),
        ("GET", archive.as_str(), plain, 200),
        ("DELETE", own.as_str(), plain, 405),
        ("POST", "/login", plain, 415),
        ("POST", "/login", cross_site, 403),
    ] {
        let request = ada.request(method, url).header(header.0, header.1);
        let answer = world.ask(request.body(Body::empty()).expect("a request")).await;
        assert!(
            answer.status.as_u16() == status || (status == 415 && answer.status.is_client_error()),
            "{url}: {answer:?}"
        );
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        for part in ["default-src 'self'", "script-src 'self'", "object-src 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{url}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{url}: {policy}");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{url}");
        assert_eq!(answer.header(header::X_FRAME_OPTIONS), "DENY", "{url}");
        assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer", "{url}");
        assert!(answer.headers.contains_key(header::CACHE_CONTROL), "{url}");
        assert!(answer.headers.contains_key("x-request-id"), "{url}");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_a_participant_writes_is_text_on_every_page(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let script = "<script>alert(1)</script>\"'{{7*7}}";
    let form = crate::support::Form::default().text("description", script).file("file", &Upload::hitting(5).zip());
    let id = ada.submit_form(&world, form.end()).await.expect(StatusCode::CREATED).json()["id"].clone();
    world.drain().await;
    for page in ["/c/mico/tiny/leaderboard".to_owned(), format!("/submissions/{}", id.as_str().expect("an id"))] {
        let answer = ada.get(&world, &page).await;
        assert!(!answer.text().contains("<script>alert"), "{page}");
    }
    assert_eq!(ada.looks_at(&world, id.as_str().expect("an id")).await["description"], script);
}
