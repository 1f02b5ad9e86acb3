//! The description of the API: complete, true to the routes that there are, and readable on its own.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::{Map, Value};
use sqlx::PgPool;

use crate::support::{Actor, World};

/// Every method that an operation may have.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// The one route that is no call: it answers 404 to every address of the API that there is not.
const UNKNOWN: &str = "/api/v1/{*unknown}";

struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    body: &'a Value,
}

impl Operation<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

async fn description(world: &World) -> Value {
    Actor::visitor().get(world, "/api/v1/openapi.json").await.expect(StatusCode::OK).json()
}

fn entries(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("an object")
}

fn operations(description: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, methods) in entries(&description["paths"]) {
        all.extend(entries(methods).iter().map(|(method, body)| Operation { path, method, body }));
    }
    all
}

fn is_said(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_route_is_described_and_every_description_has_a_route(db: PgPool) {
    let world = World::new(db).await;
    let description = description(&world).await;
    let of_pages = |route: &String| !route.starts_with("/api/") && !["/healthz", "/readyz"].contains(&route.as_str());
    let routes = world.routes().into_iter().filter(|route| route != UNKNOWN && !of_pages(route));
    let routes: BTreeSet<String> = routes.map(|route| route.replace("{*", "{")).collect();
    let described: BTreeSet<String> = entries(&description["paths"]).keys().cloned().collect();
    assert_eq!(routes, described);
    for (path, methods) in entries(&description["paths"]) {
        let url = path.replace("{competition}", "mico").replace("{track}", "tiny");
        for method in METHODS {
            let request = Actor::visitor().request(&method.to_uppercase(), &url).body(Body::empty());
            let status = world.open(request.expect("a request")).await.status();
            let is_served = status != StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(is_served, methods.get(method).is_some(), "{method} {path} answers {status}");
        }
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_operation_has_a_name_of_its_own_and_says_what_it_takes(db: PgPool) {
    let world = World::new(db).await;
    let description = description(&world).await;
    let tags = description["tags"].as_array().expect("tags");
    let mut names = BTreeSet::new();
    for operation in operations(&description) {
        let (name, body) = (operation.name(), operation.body);
        assert!(names.insert(body["operationId"].as_str().expect("an id")), "{name}: its id is another's, too");
        assert!(is_said(&body["summary"]), "{name} has no summary");
        assert!(!body["summary"].as_str().unwrap_or_default().contains('\n'), "{name}: its summary has several lines");
        assert!(tags.iter().any(|tag| tag["name"] == body["tags"][0]), "{name} has a tag that is not explained");
        let parameters = body["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.clone() {
            assert!(is_said(&parameter["description"]), "{name}: {parameter} has no description");
            assert!(parameter["schema"].is_object(), "{name}: {parameter} has no schema");
        }
        let in_path = parameters.filter(|one| one["in"] == "path").filter_map(|one| one["name"].as_str());
        let in_address = operation.path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
        assert_eq!(in_path.collect::<Vec<_>>(), in_address.collect::<Vec<_>>(), "{name}");
        // To apply something, or to ask for a score, there is nothing to say.
        let is_silent = ["/apply", "/final"].iter().any(|end| operation.path.ends_with(end));
        let has_body = ["post", "patch"].contains(&operation.method) && !is_silent;
        assert_eq!(has_body, body.get("requestBody").is_some(), "{name}");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn every_response_is_described_and_every_error_is_a_problem(db: PgPool) {
    let world = World::new(db).await;
    let description = description(&world).await;
    for operation in operations(&description) {
        let name = operation.name();
        let responses = entries(&operation.body["responses"]);
        assert!(responses.keys().any(|status| status.starts_with('2')), "{name} never succeeds");
        assert!(responses.contains_key("400"), "{name} refuses no query");
        for (status, response) in responses {
            assert!(is_said(&response["description"]), "{name}: {status} has no description");
            if status.starts_with(['4', '5']) {
                let content = entries(&response["content"]);
                assert_eq!(content.keys().collect::<Vec<_>>(), ["application/problem+json"], "{name}: {status}");
                let schema = &content["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{name}: {status}");
                let text = response["description"].as_str().unwrap_or_default();
                assert!(text.starts_with('`'), "{name}: {status} names no code");
            }
        }
    }
    let problem = &description["components"]["schemas"]["Problem"]["properties"];
    for field in ["type", "title", "status", "code", "detail", "problems"] {
        assert!(problem.get(field).is_some(), "a problem has no {field}");
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn an_upload_is_described_as_a_zip_and_as_a_form(db: PgPool) {
    let world = World::new(db).await;
    let description = description(&world).await;
    let upload = &description["paths"]["/api/v1/competitions/{competition}/tracks/{track}/submissions"]["post"];
    let content = entries(&upload["requestBody"]["content"]);
    assert_eq!(content.keys().collect::<Vec<_>>(), ["application/zip", "multipart/form-data"]);
    let form = &description["components"]["schemas"]["UploadForm"];
    assert_eq!(form["required"], serde_json::json!(["file"]));
    let fields: Vec<&String> = entries(&form["properties"]).keys().collect();
    assert_eq!(fields, ["description", "file", "method_url"]);
    let schemes: Vec<&String> = entries(&description["components"]["securitySchemes"]).keys().collect();
    assert_eq!(schemes, ["session", "token"]);
}
