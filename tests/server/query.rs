//! Query parameters: every route takes its own, each once, and refuses all others.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::Value;
use sqlx::PgPool;

use crate::support::{Actor, Answer, TRACK_URL, World};

/// Answers 404 to every address of the API that there is not.
const UNKNOWN: &str = "/api/v1/{*unknown}";
/// Ignores its query, which names the version of the file.
const STATIC: &str = "/static/{name}";

fn url(route: &str) -> String {
    route.replace("{competition}", "mico").replace("{track}", "tiny").replace("{*name}", "tiny_hi/x")
}

async fn ask(world: &World, method: &str, url: &str) -> Answer {
    world.ask(Actor::visitor().request(method, url).body(Body::empty()).expect("a request")).await
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_route_refuses_a_parameter_that_it_does_not_take(db: PgPool) {
    let world = World::new(db).await;
    // Where no route matches, axum shows one of its own.
    let is_route = |route: &&String| ![UNKNOWN, STATIC].contains(&route.as_str()) && !route.contains("axum_fallback");
    for route in world.routes().iter().filter(is_route) {
        let (plain, mut refused) = (url(route), 0);
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            let request = Actor::visitor().request(method, &plain).body(Body::empty()).expect("a request");
            if world.open(request).await.status() == StatusCode::METHOD_NOT_ALLOWED {
                continue;
            }
            let answer = ask(&world, method, &format!("{plain}?surprise=1")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {route}");
            let is_api = route.starts_with("/api/") || ["/healthz", "/readyz"].contains(&route.as_str());
            let kind = if is_api { "application/problem+json" } else { "text/html; charset=utf-8" };
            assert_eq!(answer.header(header::CONTENT_TYPE), kind, "{method} {route}");
            assert!(method == "HEAD" || answer.text().contains("surprise"), "{method} {route} does not say which");
            refused += 1;
        }
        assert!(refused > 0, "{route} answers no method");
    }
    let style = ask(&world, "GET", "/static/style.css?surprise=1").await;
    assert_eq!(style.status, StatusCode::OK);
    for url in ["/nothing?surprise=1", "/api/v1/nothing?surprise=1", "/static/nothing?surprise=1"] {
        assert_eq!(ask(&world, "GET", url).await.status, StatusCode::NOT_FOUND, "{url}");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_parameter_that_is_described_is_taken_and_only_once(db: PgPool) {
    let world = World::new(db).await;
    let description = ask(&world, "GET", "/api/v1/openapi.json").await.json();
    let mut tried = 0;
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
                let name = parameter["name"].as_str().expect("a name");
                let url = path.replace("{competition}", "mico").replace("{track}", "tiny");
                let once = ask(&world, &method.to_uppercase(), &format!("{url}?{name}=")).await;
                assert!(!once.text().contains("There is no parameter"), "{method} {url} does not take {name}");
                let twice = ask(&world, &method.to_uppercase(), &format!("{url}?{name}=&{name}=")).await;
                let problem = twice.problem(StatusCode::BAD_REQUEST, "bad_parameter");
                assert_eq!(problem["detail"], format!("`{name}` is given more than once."), "{method} {url}");
                tried += 1;
            }
        }
    }
    assert!(tried >= 8, "only {tried} parameters are described");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_refusal_names_the_parameter_and_those_there_are(db: PgPool) {
    let world = World::new(db).await;
    let detail = |problem: Value| problem["detail"].as_str().expect("a sentence").to_owned();
    let board = ask(&world, "GET", &format!("{TRACK_URL}/leaderboard?spilt=final")).await;
    let text = detail(board.problem(StatusCode::BAD_REQUEST, "bad_parameter"));
    assert_eq!(text, "There is no parameter `spilt` here. This address takes `board`, `split`.");
    let track = ask(&world, "GET", &format!("{TRACK_URL}?split=final")).await;
    let text = detail(track.problem(StatusCode::BAD_REQUEST, "bad_parameter"));
    assert_eq!(text, "There is no parameter `split` here. This address takes none.");
    let page = ask(&world, "GET", "/login?%3Cb%3E=1").await;
    assert!(page.text().contains("There is no parameter") && !page.text().contains("<b>"), "{page:?}");
}
