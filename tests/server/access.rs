//! Access control: one table of who may call which route of the API, and how callers are
//! authenticated.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{StatusCode, header};
use callimico::domain::account::TokenScope;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Actor, Answer, TRACK_URL, Upload, World};

/// A route, and the status that each caller gets, in the order of [`CALLERS`].
struct Route {
    method: &'static str,
    path: &'static str,
    statuses: [u16; 7],
}

/// A visitor; a token that was never issued; an account that is not enrolled; the submission's
/// owner with a read-only token; another participant; the owner; an organiser.
const CALLERS: [&str; 7] =
    ["visitor", "unknown token", "account", "read-only token", "participant", "owner", "organiser"];

const fn route(method: &'static str, path: &'static str, statuses: [u16; 7]) -> Route {
    Route { method, path, statuses }
}

const ROUTES: [Route; 40] = [
    route("get", "/healthz", [200; 7]),
    route("get", "/readyz", [200; 7]),
    route("get", "/api/v1/openapi.json", [200; 7]),
    route("get", "/api/v1/competitions", [200, 401, 200, 200, 200, 200, 200]),
    route("get", "/api/v1/competitions/{competition}", [200, 401, 200, 200, 200, 200, 200]),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}", [200, 401, 200, 200, 200, 200, 200]),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/leaderboard", [200, 401, 200, 200, 200, 200, 200]),
    route(
        "get",
        "/api/v1/competitions/{competition}/tracks/{track}/leaderboard.csv",
        [200, 401, 200, 200, 200, 200, 200],
    ),
    route(
        "get",
        "/api/v1/competitions/{competition}/tracks/{track}/leaderboard/events",
        [200, 401, 200, 200, 200, 200, 200],
    ),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/submissions", [401, 401, 404, 404, 404, 404, 200]),
    route("post", "/api/v1/competitions/{competition}/tracks/{track}/submissions", [401, 401, 403, 403, 201, 201, 403]),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/files", [401, 401, 403, 200, 200, 200, 200]),
    // No files have been released.
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/files/{name}", [401, 401, 403, 404, 404, 404, 404]),
    // The caller does not matter, and this address has no valid signature.
    route("get", "/api/v1/files/{id}/{name}", [404, 404, 404, 404, 404, 404, 404]),
    // Comes after the submissions, because it enrols the account and the organiser.
    route(
        "post",
        "/api/v1/competitions/{competition}/tracks/{track}/participants",
        [401, 401, 201, 403, 200, 200, 201],
    ),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/participants", [401, 401, 404, 404, 404, 404, 200]),
    // What is sent is no JSON.
    route(
        "patch",
        "/api/v1/competitions/{competition}/tracks/{track}/participants/{name}",
        [401, 401, 404, 404, 404, 404, 400],
    ),
    route("get", "/api/v1/submissions/{id}", [401, 401, 404, 200, 404, 200, 200]),
    // What is sent is no JSON; whoever may not describe it is told that first.
    route("patch", "/api/v1/submissions/{id}", [401, 401, 404, 403, 404, 400, 403]),
    route("get", "/api/v1/submissions/{id}/scores.txt", [401, 401, 404, 200, 404, 200, 200]),
    route("get", "/api/v1/submissions/{id}/archive", [401, 401, 404, 200, 404, 200, 200]),
    // The track is not revealed.
    route("post", "/api/v1/submissions/{id}/final", [401, 401, 404, 403, 404, 404, 404]),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/log", [200, 401, 200, 200, 200, 200, 200]),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/log/head", [200, 401, 200, 200, 200, 200, 200]),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/commitment", [200, 401, 200, 200, 200, 200, 200]),
    route(
        "get",
        "/api/v1/competitions/{competition}/tracks/{track}/commitment.txt",
        [200, 401, 200, 200, 200, 200, 200],
    ),
    // There are results from the reveal on.
    route("get", "/api/v1/competitions/{competition}/results", [200, 401, 200, 200, 200, 200, 200]),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/results", [404, 401, 404, 404, 404, 404, 404]),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/results.csv", [404, 401, 404, 404, 404, 404, 404]),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/results.tex", [404, 401, 404, 404, 404, 404, 404]),
    // Labels are public after the reveal at the earliest, and the final ranking is there for organisers once it was begun.
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/opening", [404, 401, 404, 404, 404, 404, 404]),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/final", [404, 401, 404, 404, 404, 404, 404]),
    // What is sent is not what is asked for; whoever may not ask at all is told that first.
    route("post", "/api/v1/competitions/{competition}/tracks/{track}/phase", [401, 401, 404, 404, 404, 404, 400]),
    route("get", "/api/v1/competitions/{competition}/tracks/{track}/rescorings", [401, 401, 404, 404, 404, 404, 200]),
    route("post", "/api/v1/competitions/{competition}/tracks/{track}/rescorings", [401, 401, 404, 404, 404, 404, 400]),
    // There is none.
    route(
        "get",
        "/api/v1/competitions/{competition}/tracks/{track}/rescorings/{batch}",
        [401, 401, 404, 404, 404, 404, 404],
    ),
    route(
        "delete",
        "/api/v1/competitions/{competition}/tracks/{track}/rescorings/{batch}",
        [401, 401, 404, 404, 404, 404, 404],
    ),
    route(
        "post",
        "/api/v1/competitions/{competition}/tracks/{track}/rescorings/{batch}/apply",
        [401, 401, 404, 404, 404, 404, 404],
    ),
    route("post", "/api/v1/submissions/{id}/disqualification", [401, 401, 404, 404, 404, 404, 400]),
    route("delete", "/api/v1/submissions/{id}/disqualification", [401, 401, 404, 404, 404, 404, 204]),
];

/// The routes in the OpenAPI document: method, path, and whether a token is needed.
async fn described(world: &World) -> BTreeSet<(String, String, bool)> {
    let openapi = Actor::visitor().get(world, "/api/v1/openapi.json").await.expect(StatusCode::OK).json();
    assert!(openapi["openapi"].as_str().expect("a version").starts_with("3.1"));
    assert_eq!(openapi["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let paths = openapi["paths"].as_object().expect("paths");
    let methods = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("methods").iter();
        let needs_account = |operation: &Value| {
            // Where an empty requirement is among them, nothing is required.
            let schemes = operation["security"].as_array().expect("security requirements");
            !schemes.iter().any(|scheme| scheme.as_object().is_some_and(serde_json::Map::is_empty))
        };
        methods.map(|(method, operation)| (method.clone(), path.clone(), needs_account(operation))).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_route_is_described_with_what_it_asks_of_its_caller(db: PgPool) {
    let world = World::new(db).await;
    let table: BTreeSet<_> =
        ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned(), route.statuses[0] == 401)).collect();
    assert_eq!(described(&world).await, table);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_route_answers_each_caller_as_the_table_says(db: PgPool) {
    let world = World::new(db).await;
    let (account, ada) = (world.account("carl").await, world.participant("ada").await);
    let (bob, olga) = (world.participant("bob").await, world.organiser("olga").await);
    let reader = world.token(world.user_of("ada").await, TokenScope::Read).await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    world.drain().await;
    let callers = [Actor::visitor(), Actor::with_token("cmk_0"), account, reader, bob, ada, olga];
    for route in ROUTES {
        let url = route.path.replace("{competition}", "mico").replace("{track}", "tiny").replace("{id}", &id);
        for ((caller, name), status) in callers.iter().zip(CALLERS).zip(route.statuses) {
            let (kind, body) = match (route.method, url.ends_with("participants")) {
                ("get", _) => ("text/plain", Body::empty()),
                (_, true) => ("application/json", Body::from(r#"{"accept_terms": true}"#)),
                (_, false) => ("application/zip", Body::from(Upload::hitting(5).zip())),
            };
            let request = caller.request(&route.method.to_uppercase(), &url).header(header::CONTENT_TYPE, kind);
            let response = world.open(request.body(body).expect("a request")).await;
            assert_eq!(response.status().as_u16(), status, "{} {} by {name}", route.method, route.path);
            let is_problem =
                response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
            assert_eq!(is_problem, status >= 400, "{} {} by {name}", route.method, route.path);
            assert_eq!(response.headers().contains_key(header::WWW_AUTHENTICATE), status == 401);
        }
    }
}

async fn who_am_i(world: &World, authorization: &str, submission: &str) -> Answer {
    let url = format!("/api/v1/submissions/{submission}");
    let request = Actor::visitor().request("GET", &url).header(header::AUTHORIZATION, authorization);
    world.ask(request.body(Body::empty()).expect("a request")).await
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn only_a_bearer_token_that_was_given_out_makes_somebody_known(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    let token = ada.token();
    for good in [format!("Bearer {token}"), format!("bearer  {token} "), format!("BEARER {token}")] {
        who_am_i(&world, &good, &id).await.expect(StatusCode::OK);
    }
    let upper = token.to_uppercase();
    for bad in [
        "Bearer",
        "Bearer ",
        "Bearer cmk_",
        token,
        &format!("Basic {token}"),
        &format!("Bearer {}", &token[..token.len() - 1]),
        &format!("Bearer {token}0"),
        &format!("Bearer {upper}"),
        "Bearer %00",
        "Bearer ' or 1=1 --",
    ] {
        let answer = who_am_i(&world, bad, &id).await;
        answer.problem(StatusCode::UNAUTHORIZED, "not_logged_in");
        assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Bearer");
    }
    // An invalid token is an error even where none is needed: its sender expects to be logged in.
    Actor::with_token("cmk_0")
        .get(&world, "/api/v1/competitions")
        .await
        .problem(StatusCode::UNAUTHORIZED, "not_logged_in");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_token_ends_with_its_account_and_when_it_is_revoked(db: PgPool) {
    let world = World::new(db).await;
    let (ada, bob) = (world.participant("ada").await, world.participant("bob").await);
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    let second = world.token(world.user_of("ada").await, TokenScope::Submit).await;
    let hash = callimico::secret::hash(ada.token());
    sqlx::query("delete from api_tokens where secret_hash = $1")
        .bind(hash)
        .execute(&world.app.db)
        .await
        .expect("revoked");
    ada.get(&world, &format!("/api/v1/submissions/{id}")).await.problem(StatusCode::UNAUTHORIZED, "not_logged_in");
    second.looks_at(&world, &id).await;
    world.sql("delete from users where name = 'ada'").await;
    second.get(&world, &format!("/api/v1/submissions/{id}")).await.problem(StatusCode::UNAUTHORIZED, "not_logged_in");
    bob.submitted(&world, Upload::hitting(5).zip()).await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn of_a_token_only_its_hash_is_kept(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.account("ada").await;
    let row: String =
        sqlx::query_scalar("select t::text from api_tokens t").fetch_one(&world.app.db).await.expect("a row");
    assert!(!row.contains(&ada.token()[12..]), "{row}");
    assert!(row.contains(&hex::encode(callimico::secret::hash(ada.token()))), "{row}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_read_only_token_is_told_why_it_may_not_act(db: PgPool) {
    let world = World::new(db).await;
    world.participant("ada").await;
    let reader = world.token(world.user_of("ada").await, TokenScope::Read).await;
    reader.submit(&world, Upload::hitting(5).zip()).await.problem(StatusCode::FORBIDDEN, "read_only_token");
    reader.enrol(&world).await.problem(StatusCode::FORBIDDEN, "read_only_token");
    world.assert_nothing_kept().await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn who_withdrew_may_not_submit_and_may_come_back(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    world.sql("update participants set status = 'withdrawn'").await;
    ada.submit(&world, Upload::hitting(5).zip()).await.problem(StatusCode::FORBIDDEN, "not_enrolled");
    assert_eq!(ada.enrol(&world).await.expect(StatusCode::CREATED).json()["status"], "approved");
    ada.submitted(&world, Upload::hitting(5).zip()).await;
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_draft_is_listed_for_its_organisers_only(db: PgPool) {
    let world = World::new(db).await;
    let (ada, olga) = (world.account("ada").await, world.organiser("olga").await);
    let root = world.user("root2", true).await;
    let admin = world.token(root, TokenScope::Organise).await;
    world.sql("update tracks set phase = 'draft'").await;
    for (actor, tracks) in [(&Actor::visitor(), 0), (&ada, 0), (&olga, 1), (&admin, 1)] {
        let competition = actor.get(&world, "/api/v1/competitions/mico").await.expect(StatusCode::OK).json();
        assert_eq!(competition["tracks"].as_array().map(Vec::len), Some(tracks));
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_organiser_of_another_competition_is_nobody_here(db: PgPool) {
    let world = World::new(db).await;
    let ada = world.participant("ada").await;
    let id = ada.submitted(&world, Upload::hitting(5).zip()).await;
    let olga = world.organiser("olga").await;
    world
        .sql(
            "insert into competitions (id, slug, title, created_at) values (gen_random_uuid(), 'other', 'Other', now());
             update organisers set competition_id = (select id from competitions where slug = 'other')",
        )
        .await;
    olga.get(&world, &format!("/api/v1/submissions/{id}")).await.problem(StatusCode::NOT_FOUND, "not_found");
    let other = Actor::visitor().get(&world, "/api/v1/competitions/other").await.expect(StatusCode::OK).json();
    assert_eq!(other["tracks"], json!([]));
    let missing = Actor::visitor().get(&world, "/api/v1/competitions/other/tracks/tiny").await;
    missing.problem(StatusCode::NOT_FOUND, "not_found");
    assert_eq!(Actor::visitor().get(&world, TRACK_URL).await.status, StatusCode::OK);
}
