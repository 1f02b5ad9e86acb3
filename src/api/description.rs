//! The description of the API in OpenAPI 3.1.
//!
//! Each handler describes what is its own. What holds for every call is added here, so that no handler can
//! leave it out: who may call, the errors that any call may answer, and the form that errors have.

use axum::http::{Method, StatusCode};
use utoipa::OpenApi;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::schema::{KnownFormat, Ref, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, Object, ObjectBuilder, RefOr, Response};

use super::problem::ProblemDocument;
use crate::http::query::QueryNames;
use crate::http::server::Site;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Callimico",
        description = "A competition server for membership inference.\n\n\
            Numbers are 64-bit floats, written so that they read back equal. Times are RFC 3339 with an offset. \
            Errors are `application/problem+json` (RFC 9457) with a stable `code`. Query parameters and request \
            fields that are not described here are refused. Every `GET` also answers `HEAD`; any other method that \
            an address does not have answers 405 `method_not_allowed`.",
    ),
    components(schemas(ProblemDocument)),
    tags(
        (name = "competitions", description = "Definitions, phases, dates, limits"),
        (name = "participation", description = "Enrolling in a track, and what participants download"),
        (name = "submissions", description = "Submitting, and what became of a submission"),
        (name = "leaderboard", description = "Ranked entries"),
        (name = "results", description = "The final ranking beside the dev one, and who won"),
        (name = "log", description = "What happened to a track, and the commitment to its labels: for anybody to check"),
        (name = "organise", description = "What organisers do"),
        (name = "service", description = "The state of the server, and this description"),
    ),
)]
pub(super) struct Outline;

/// Bytes that are sent as they are. Only its schema is used.
pub(super) enum Binary {}

impl utoipa::PartialSchema for Binary {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).build().into()
    }
}

impl utoipa::ToSchema for Binary {}

/// What a path parameter means wherever it has this name and the handler does not say otherwise.
const PATH_PARAMETERS: [(&str, &str); 2] = [
    ("competition", "The competition's short name, such as `mico`"),
    ("track", "The track's short name, such as `cifar10`"),
];

/// Who may call an operation, as its handler declares it by `security`.
enum Access {
    /// `security(("token" = []))`: a token or a session is needed.
    Account,
    /// `security(())`: nobody is asked who they are, so a token that is not valid does no harm.
    Unchecked,
    /// No `security`: anybody, but a token that is sent must be valid.
    Anybody,
}

impl Access {
    fn of(operation: &Operation) -> Self {
        match &operation.security {
            None => Self::Anybody,
            Some(needed) if needed.contains(&SecurityRequirement::default()) => Self::Unchecked,
            Some(_) => Self::Account,
        }
    }
}

/// Adds what holds for every call.
pub(super) fn complete(mut openapi: utoipa::openapi::OpenApi, site: &Site) -> utoipa::openapi::OpenApi {
    let components = openapi.components.get_or_insert_default();
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("cmk_…");
    let token = token.description(Some(
        "An API token, from the page *Account* or `callimico user token`. Its scope is `read`, `submit` or `organise`; \
         each holds the one before it. What only organisers may see or do needs `organise`: with less, an organiser's \
         token sees what a participant sees.",
    ));
    components.add_security_scheme("token", SecurityScheme::Http(token.build()));
    let session = ApiKeyValue::with_description(site.cookie_name(), "The session of a browser that is logged in.");
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    // OpenAPI has no word for a parameter that holds several segments of a path, so the star goes.
    let paths = std::mem::take(&mut openapi.paths.paths);
    openapi.paths.paths = paths.into_iter().map(|(path, item)| (described_path(&path), item)).collect();
    for item in openapi.paths.paths.values_mut() {
        for operation in operations_mut(item) {
            complete_operation(operation);
        }
    }
    openapi
}

/// The path of a route as the description has it.
fn described_path(route: &str) -> String {
    route.replace("{*", "{")
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// The query parameters that each route takes, from a description whose paths are still those of the router.
pub(super) fn query_names(openapi: &utoipa::openapi::OpenApi) -> QueryNames {
    let by_method = |item: &PathItem| {
        let PathItem { get, post, put, patch, delete, .. } = item.clone();
        let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        methods.into_iter().zip([get, post, put, patch, delete])
    };
    let names = |operation: Operation| {
        let parameters = operation.parameters.into_iter().flatten();
        parameters.filter_map(|parameter| match parameter {
            RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name),
            _ => None,
        })
    };
    let routes = openapi.paths.paths.iter().flat_map(|(path, item)| {
        by_method(item).filter_map(|(method, operation)| Some((method, path.clone(), names(operation?))))
    });
    routes.collect()
}

fn complete_operation(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            describe_path_parameter(parameter);
            forbid_null(parameter);
        }
    }
    add_response(
        operation,
        StatusCode::BAD_REQUEST,
        "`bad_parameter`: a query parameter that is unknown, is given twice, or has a value that cannot be read",
    );
    let anonymous = SecurityRequirement::default();
    let known = ["token", "session"].map(|scheme| SecurityRequirement::new::<_, [&str; 0], &str>(scheme, []));
    match Access::of(operation) {
        Access::Unchecked => {}
        Access::Anybody => {
            operation.security = Some([anonymous].into_iter().chain(known).collect());
            add_response(operation, StatusCode::UNAUTHORIZED, "`not_logged_in`: the token that was sent is not valid");
            add_server_errors(operation);
        }
        Access::Account => {
            operation.security = Some(known.into());
            add_response(operation, StatusCode::UNAUTHORIZED, "`not_logged_in`: no token, or one that is not valid");
            add_server_errors(operation);
        }
    }
    for (status, response) in &mut operation.responses.responses {
        if let (RefOr::T(response), Some('4' | '5')) = (response, status.chars().next()) {
            complete_error(status, response);
        }
    }
}

fn describe_path_parameter(parameter: &mut Parameter) {
    if parameter.parameter_in == ParameterIn::Path && parameter.description.is_none() {
        let meaning = PATH_PARAMETERS.iter().find(|(name, _)| *name == parameter.name);
        parameter.description = meaning.map(|(_, meaning)| (*meaning).to_owned());
    }
}

/// An optional parameter may be left out, but no text of an address or a header is `null`.
fn forbid_null(parameter: &mut Parameter) {
    if let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema
        && let SchemaType::Array(types) = &object.schema_type
        && let Some(text) = types.iter().find(|one| **one != Type::Null)
    {
        object.schema_type = SchemaType::Type(text.clone());
    }
}

fn add_server_errors(operation: &mut Operation) {
    add_response(operation, StatusCode::INTERNAL_SERVER_ERROR, "`internal`: a fault of the server");
    let unavailable = "`unavailable`: the database or the disk cannot work just now; try again";
    add_response(operation, StatusCode::SERVICE_UNAVAILABLE, unavailable);
}

/// Adds a response unless the handler has described this status itself.
fn add_response(operation: &mut Operation, status: StatusCode, description: &str) {
    let responses = &mut operation.responses.responses;
    responses.entry(status.as_str().to_owned()).or_insert_with(|| Response::new(description).into());
}

fn complete_error(status: &str, response: &mut Response) {
    let schema = Content::new(Some(Ref::from_schema_name("Problem")));
    response.content.entry(super::problem::MEDIA_TYPE.to_owned()).or_insert_with(|| schema.into());
    if matches!(status, "429" | "503") {
        let mut seconds = Header::new(Object::with_type(Type::Integer));
        seconds.description = Some("Seconds until the next try; absent where waiting does not help".to_owned());
        response.headers.entry("Retry-After".to_owned()).or_insert_with(|| seconds.into());
    }
}
