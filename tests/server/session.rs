//! Login by password and cookie: how a session begins, what protects it, and how it ends.

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::{StatusCode, header};
use axum::routing::post;
use callimico::app::App;
use callimico::config::{HttpConfig, LimitsConfig};
use callimico::domain::account::TokenScope;
use callimico::http::auth::{Organiser, SignedIn};
use callimico::http::error::{ErrorBody, HttpError};
use callimico::http::rate_limit::RateLimits;
use callimico::http::server::{ServerState, Site};
use callimico::secret;
use callimico::store::session;
use sqlx::PgPool;
use time::Duration;
use tower::ServiceExt;

use crate::support::{Actor, Answer, TRACK_URL, Upload, World};

const COOKIE: &str = "__Host-callimico";

/// Posts a form as a browser does from a page of the same site.
async fn post_form(world: &World, url: &str, cookie: &str, form: &str) -> Answer {
    let request = Actor::visitor()
        .request("POST", url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookie)
        .header("sec-fetch-site", "same-origin");
    world.ask(request.body(form.to_owned().into()).expect("a request")).await
}

async fn get(world: &World, url: &str, cookie: &str) -> Answer {
    let request = Actor::visitor().request("GET", url).header(header::COOKIE, cookie);
    world.ask(request.body(Body::empty()).expect("a request")).await
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie_of(answer: &Answer) -> String {
    let set = answer.header(header::SET_COOKIE);
    set.split(';').next().expect("a cookie").to_owned()
}

/// Registers an account and returns the session's cookie.
async fn register(world: &World, name: &str) -> String {
    let answer = post_form(world, "/register", "", &format!("name={name}&password=correct-horse")).await;
    cookie_of(&answer.expect(StatusCode::SEE_OTHER))
}

/// Whether a cookie belongs to a valid session.
async fn is_known(world: &World, cookie: &str) -> bool {
    let status = get(world, "/account", cookie).await.status;
    assert!(status == StatusCode::OK || status == StatusCode::SEE_OTHER, "{status}");
    status == StatusCode::OK
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_session_is_a_cookie_that_scripts_and_other_sites_cannot_have(db: PgPool) {
    let world = World::new(db).await;
    let answer = post_form(&world, "/register", "", "name=ada&password=correct-horse&next=/c/mico/tiny").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    assert_eq!(answer.header(header::LOCATION), "/c/mico/tiny");
    let set = answer.header(header::SET_COOKIE);
    let (pair, attributes) = set.split_once("; ").expect("attributes");
    let mut attributes: Vec<_> = attributes.split("; ").collect();
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Lax", "Secure"]);
    let (name, value) = pair.split_once('=').expect("a pair");
    assert_eq!((name, value.len()), (COOKIE, 64));
    // A stolen backup must not contain what is needed to log in.
    let row: String =
        sqlx::query_scalar("select s::text from sessions s").fetch_one(&world.app.db).await.expect("a row");
    assert!(!row.contains(value) && row.contains(&hex::encode(secret::hash(value))), "{row}");
    let user: String = sqlx::query_scalar("select u::text from users u").fetch_one(&world.app.db).await.expect("a row");
    assert!(!user.contains("correct-horse") && user.contains("$argon2id$"), "{user}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn without_https_the_cookie_is_not_bound_to_it(db: PgPool) {
    let world = World::with_public_url(db, "http://mico.example.org").await;
    let answer = post_form(&world, "/register", "", "name=ada&password=correct-horse").await;
    let set = answer.header(header::SET_COOKIE);
    assert!(set.starts_with("callimico=") && !set.contains("Secure"), "{set}");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn the_api_knows_a_session_too(db: PgPool) {
    let world = World::new(db).await;
    let cookie = register(&world, "ada").await;
    let request = Actor::visitor()
        .request("POST", &format!("{TRACK_URL}/participants"))
        .header(header::COOKIE, &cookie)
        .header(header::CONTENT_TYPE, "application/json");
    let answer = world.ask(request.body(r#"{"accept_terms": true}"#.into()).expect("a request")).await;
    assert_eq!(answer.expect(StatusCode::CREATED).json()["participant"], "ada");
    // A valid cookie does not make up for an invalid token.
    let request = Actor::with_token("cmk_0").request("GET", TRACK_URL).header(header::COOKIE, &cookie);
    let answer = world.ask(request.body(Body::empty()).expect("a request")).await;
    answer.problem(StatusCode::UNAUTHORIZED, "not_logged_in");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_session_ends_after_a_week_unused_and_after_a_month_in_any_case(db: PgPool) {
    let world = World::new(db).await;
    let cookie = register(&world, "ada").await;
    world.wait(session::IDLE - Duration::SECOND);
    assert!(is_known(&world, &cookie).await);
    let mut age = session::IDLE - Duration::SECOND;
    while age + Duration::days(6) < session::LIFETIME {
        world.wait(Duration::days(6));
        age += Duration::days(6);
        assert!(is_known(&world, &cookie).await, "ended after {age}");
    }
    world.wait(session::LIFETIME - age);
    assert!(!is_known(&world, &cookie).await, "used every day, it must still end");

    let unused = register(&world, "bob").await;
    world.wait(session::IDLE);
    assert!(!is_known(&world, &unused).await);
    assert_eq!(session::delete_expired(&world.app.db, world.app.clock.now()).await.expect("an answer"), 2);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_log_in_begins_a_new_session_and_ends_the_one_before(db: PgPool) {
    let world = World::new(db).await;
    let first = register(&world, "ada").await;
    let answer = post_form(&world, "/login", &first, "name=ADA&password=correct-horse").await;
    let second = cookie_of(&answer.expect(StatusCode::SEE_OTHER));
    assert_ne!(first, second);
    assert!(!is_known(&world, &first).await && is_known(&world, &second).await);
    // A cookie that was planted is never adopted (session fixation).
    let planted = format!("{COOKIE}={}", "0".repeat(64));
    let answer = post_form(&world, "/login", &planted, "name=ada&password=correct-horse").await;
    assert_ne!(cookie_of(&answer.expect(StatusCode::SEE_OTHER)), planted);
    assert!(!is_known(&world, &planted).await);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_log_out_ends_the_session_and_cannot_be_caused_by_a_link(db: PgPool) {
    let world = World::new(db).await;
    let cookie = register(&world, "ada").await;
    assert_eq!(get(&world, "/logout", &cookie).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(is_known(&world, &cookie).await);
    let answer = post_form(&world, "/logout", &cookie, "").await.expect(StatusCode::SEE_OTHER);
    assert!(answer.header(header::SET_COOKIE).contains("Max-Age=0"), "{answer:?}");
    assert!(!is_known(&world, &cookie).await);
    assert_eq!(world.count("sessions").await, 0);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_session_ends_with_its_account(db: PgPool) {
    let world = World::new(db).await;
    let cookie = register(&world, "ada").await;
    world.sql("delete from users").await;
    assert!(!is_known(&world, &cookie).await);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_another_site_sends_is_refused_whoever_is_logged_in(db: PgPool) {
    let world = World::new(db).await;
    let cookie = register(&world, "ada").await;
    let ada = world.token(world.user_of("ada").await, TokenScope::Submit).await;
    ada.enrol(&world).await.expect(StatusCode::CREATED);
    let submissions = format!("{TRACK_URL}/submissions");
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:8080.evil.example"),
    ] {
        for url in [
            "/login",
            "/register",
            "/logout",
            "/account/tokens",
            "/c/mico/tiny/join",
            "/c/mico/tiny/submit",
            &submissions,
        ] {
            let request = Actor::visitor()
                .request("POST", url)
                .header(header::HOST, "127.0.0.1:8080")
                .header(header::COOKIE, &cookie)
                .header(header::CONTENT_TYPE, "application/zip")
                .header(name, value);
            let answer = world.ask(request.body(Upload::hitting(1).zip().into()).expect("a request")).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{url} with {name}: {value}");
            assert_eq!(answer.json()["code"], "cross_site", "{url} with {name}: {value}");
            assert_eq!(answer.headers.get(header::SET_COOKIE), None);
        }
    }
    world.assert_nothing_kept().await;
    assert!(is_known(&world, &cookie).await);
    // The site's own requests are allowed.
    for (name, value) in [("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8080")] {
        let request = Actor::visitor()
            .request("POST", &submissions)
            .header(header::HOST, "127.0.0.1:8080")
            .header(header::COOKIE, &cookie)
            .header(header::CONTENT_TYPE, "application/zip")
            .header(name, value);
        world.ask(request.body(Upload::hitting(1).zip().into()).expect("a request")).await.expect(StatusCode::CREATED);
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_wrong_name_and_a_wrong_password_get_the_same_answer(db: PgPool) {
    let world = World::new(db).await;
    register(&world, "ada").await;
    world.user("carl", false).await;
    let mut looks = Vec::new();
    // A wrong password; an unknown name; an account without a password; an invalid name; a password
    // that is too short.
    for form in [
        "name=ada&password=wrong-horse",
        "name=eve&password=wrong-horse",
        "name=carl&password=wrong-horse",
        "name=%22%3E&password=wrong-horse",
        "name=ada&password=x",
    ] {
        let answer = post_form(&world, "/login", "", form).await;
        assert_eq!((answer.status, answer.headers.get(header::SET_COOKIE)), (StatusCode::UNPROCESSABLE_ENTITY, None));
        assert!(!answer.text().contains("wrong-horse"), "a password came back");
        let name = form.split(['=', '&']).nth(1).expect("a name").replace("%22%3E", "&#34;&#62;");
        looks.push(answer.text().replace(&format!("value=\"{name}\""), "value=\"[name]\""));
    }
    assert!(looks.iter().all(|look| *look == looks[0]), "{looks:#?}");
    assert!(looks[0].contains("[name]"));
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn guessing_is_limited_by_account_and_by_address_and_forged_addresses_do_not_help(db: PgPool) {
    let limits =
        LimitsConfig { logins_per_minute: std::num::NonZeroU32::new(2).expect("two"), ..LimitsConfig::default() };
    let world = World::with_limits(db, limits).await;
    for _ in 0..2 {
        let answer = post_form(&world, "/login", "", "name=ada&password=x").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let limited = post_form(&world, "/login", "", "name=Ada&password=x").await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(limited.header(header::RETRY_AFTER).parse::<u64>().expect("seconds") <= 60);
    // Other accounts can be tried until the address has made six times as many attempts.
    let mut statuses = Vec::new();
    for guess in 0..10 {
        let request = Actor::visitor()
            .request("POST", "/login")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("x-forwarded-for", format!("198.51.100.{guess}"))
            .header("forwarded", format!("for=198.51.100.{guess}"));
        let form = format!("name=user{guess}&password=x");
        statuses.push(world.ask(request.body(form.into()).expect("a request")).await.status);
    }
    let (free, limited) = statuses.split_at(9);
    assert!(free.iter().all(|status| *status == StatusCode::UNPROCESSABLE_ENTITY), "{statuses:?}");
    assert_eq!(limited, [StatusCode::TOO_MANY_REQUESTS]);
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_log_in_leads_only_to_places_of_this_site(db: PgPool) {
    let limits =
        LimitsConfig { logins_per_minute: std::num::NonZeroU32::new(1000).expect("many"), ..LimitsConfig::default() };
    let world = World::with_limits(db, limits).await;
    register(&world, "ada").await;
    for evil in [
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:a=b",
        "\\\\evil",
        "/ /evil",
    ] {
        let next: String = evil.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = post_form(&world, "/login", "", &format!("name=ada&password=correct-horse&next={next}")).await;
        let location = answer.header(header::LOCATION).to_owned();
        assert!(!location.contains("evil") || location.starts_with("/%"), "{evil} leads to {location}");
        assert!(location.starts_with('/') && !location.starts_with("//"), "{evil} leads to {location}");
        assert_eq!(answer.headers.get_all(header::SET_COOKIE).iter().count(), 1);
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn a_name_is_one_account_however_it_is_written_and_staffs_names_are_nobodys(db: PgPool) {
    let world = World::new(db).await;
    register(&world, "ada").await;
    for form in [
        "name=ADA&password=correct-horse",
        "name=admin&password=correct-horse",
        "name=a&password=correct-horse",
        "name=b%20c&password=correct-horse",
        "name=%D0%B0da&password=correct-horse",
        "name=<b>&password=correct-horse",
        "name=bob&password=short",
        "name=bob&password=correct-horse&email=nowhere",
    ] {
        let answer = post_form(&world, "/register", "", form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
    }
    let long = format!("name=bob&password={}", "x".repeat(1025));
    assert_eq!(post_form(&world, "/register", "", &long).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let huge = format!("name=bob&password={}", "x".repeat(1 << 20));
    assert_eq!(post_form(&world, "/register", "", &huge).await.status.as_u16() / 100, 4);
    for form in
        ["name=bob&password=correct-horse&is_admin=true", "name=bob", "name=bob&name=eve&password=correct-horse"]
    {
        assert!(post_form(&world, "/register", "", form).await.status.is_client_error(), "{form}");
    }
    assert_eq!(world.count("users").await, 1);
    assert_eq!(world.count("users where is_admin").await, 0);
}

/// A server with one route more, for an act that cannot be undone.
struct Irrevocable {
    world: World,
    state: ServerState,
    router: Router,
}

impl Irrevocable {
    async fn new(db: PgPool) -> Self {
        let world = World::new(db).await;
        let limits = LimitsConfig::default();
        let http = HttpConfig { bind: ([127, 0, 0, 1], 8080).into(), public_url: None };
        let rate_limits = RateLimits::new(limits.logins_per_minute);
        let state = ServerState { app: world.app.clone(), site: Site::new(&http), rate_limits };
        let act = |State(app): State<App>, organiser: Organiser| async move {
            organiser.needs_recent_password(app.database_time(&app.db).await?)
        };
        let router = Router::new().route("/c/{competition}/{track}/act", post(act)).with_state(state.clone());
        Self { world, state, router }
    }

    /// What the act answers: 200 and nothing, or the status and the code of the refusal.
    async fn act(&self, name: header::HeaderName, value: &str) -> (u16, &'static str) {
        let request = Actor::visitor().request("POST", "/c/mico/tiny/act").header(name, value);
        let request = request.body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let refusal = response.extensions().get::<ErrorBody>().map_or("", |body| body.code);
        (response.status().as_u16(), refusal)
    }

    /// Gives the password again in a session, as a form of a page does.
    async fn confirm(&self, cookie: &str, password: &str) -> Result<bool, HttpError> {
        let request = Actor::visitor().request("POST", "/").header(header::COOKIE, cookie);
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        let SignedIn(mut login) = SignedIn::from_request_parts(&mut parts, &self.state).await.expect("a session");
        login.confirm_password(&self.state, [192, 0, 2, 1].into(), password).await
    }
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn what_cannot_be_undone_takes_a_password_that_was_given_within_ten_minutes(db: PgPool) {
    let server = Irrevocable::new(db).await;
    let world = &server.world;
    let (olga, ada) = (register(world, "olga").await, register(world, "ada").await);
    world.sql("insert into organisers select c.id, u.id from competitions c, users u where u.name = 'olga'").await;
    assert_eq!(server.act(header::COOKIE, &olga).await, (200, ""));
    assert_eq!(server.act(header::COOKIE, &ada).await, (404, "not_found"));
    assert_eq!(server.act(header::COOKIE, "").await, (401, "not_logged_in"));
    world.sql("update sessions set password_given_at = password_given_at - interval '10 minutes 1 second'").await;
    assert_eq!(server.act(header::COOKIE, &olga).await, (403, "session_needed"));
    assert!(!server.confirm(&olga, "wrong-horse").await.expect("an answer"));
    assert!(!server.confirm(&olga, "short").await.expect("an answer"));
    assert_eq!(server.act(header::COOKIE, &olga).await, (403, "session_needed"));
    assert!(server.confirm(&olga, "correct-horse").await.expect("an answer"));
    assert_eq!(server.act(header::COOKIE, &olga).await, (200, ""));
    // Another session of the same account has its own password to give; a new log-in gives it.
    world.sql("update sessions set password_given_at = password_given_at - interval '1 hour'").await;
    let again = post_form(world, "/login", "", "name=olga&password=correct-horse").await;
    assert_eq!(server.act(header::COOKIE, &olga).await, (403, "session_needed"));
    assert_eq!(server.act(header::COOKIE, &cookie_of(&again)).await, (200, ""));
    // Guessing it here is limited together with guessing it at the log-in.
    let mut limited = 0;
    for _ in 0..20 {
        limited +=
            usize::from(matches!(server.confirm(&olga, "wrong-horse").await, Err(HttpError::LimitReached { .. })));
    }
    assert!(limited > 5, "only {limited} guesses were refused");
}

#[sqlx::test(migrator = "callimico::store::MIGRATIONS")]
async fn no_token_can_do_what_cannot_be_undone(db: PgPool) {
    let server = Irrevocable::new(db).await;
    let world = &server.world;
    world.organiser("olga").await;
    world.account("ada").await;
    for (name, scope, refusal) in [
        ("olga", TokenScope::Organise, (403, "session_needed")),
        ("olga", TokenScope::Submit, (403, "organise_scope_needed")),
        ("olga", TokenScope::Read, (403, "organise_scope_needed")),
        ("ada", TokenScope::Organise, (404, "not_found")),
        ("ada", TokenScope::Read, (404, "not_found")),
    ] {
        let actor = world.token(world.user_of(name).await, scope).await;
        let answer = server.act(header::AUTHORIZATION, &format!("Bearer {}", actor.token())).await;
        assert_eq!(answer, refusal, "{name}, {scope:?}");
    }
}
