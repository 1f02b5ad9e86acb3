//! Users of the server: somebody with a token, or a visitor without one.

use axum::body::Body;
use axum::http::{Request, header, request};
use callimico::domain::account::{TokenScope, UserName};
use callimico::domain::ids::UserId;
use callimico::secret;
use callimico::service::accounts;
use callimico::store::token::NewToken;
use callimico::store::user::NewUser;
use callimico::store::{token, user};
use serde_json::Value;

use super::answer::Answer;
use super::world::{TRACK_URL, World};

/// Somebody who sends requests to the server.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    token: Option<String>,
    cookie: Option<String>,
}

impl Actor {
    /// Somebody without an account.
    pub(crate) fn visitor() -> Self {
        Self { token: None, cookie: None }
    }

    /// Somebody with this token, which may be invalid or even empty.
    pub(crate) fn with_token(token: &str) -> Self {
        Self { token: Some(token.to_owned()), cookie: None }
    }

    /// The value of the token.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().expect("a token")
    }

    /// A request by this actor.
    pub(crate) fn request(&self, method: &str, url: &str) -> request::Builder {
        let request = Request::builder().method(method).uri(url);
        match (&self.token, &self.cookie) {
            (Some(token), _) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            (None, Some(cookie)) => request.header(header::COOKIE, format!("__Host-callimico={cookie}")),
            (None, None) => request,
        }
    }

    /// Sends a GET request.
    pub(crate) async fn get(&self, world: &World, url: &str) -> Answer {
        world.ask(self.request("GET", url).body(Body::empty()).expect("a request")).await
    }

    /// Posts JSON, sent exactly as given.
    pub(crate) async fn post_json(&self, world: &World, url: &str, json: impl Into<Body>) -> Answer {
        let request = self.request("POST", url).header(header::CONTENT_TYPE, "application/json");
        world.ask(request.body(json.into()).expect("a request")).await
    }

    /// Accepts the track's terms.
    pub(crate) async fn enrol(&self, world: &World) -> Answer {
        self.post_json(world, &format!("{TRACK_URL}/participants"), r#"{"accept_terms": true}"#).await
    }

    /// A request that submits a zip; headers can be added.
    pub(crate) fn submission(&self) -> request::Builder {
        let url = format!("{TRACK_URL}/submissions");
        self.request("POST", &url).header(header::CONTENT_TYPE, "application/zip")
    }

    /// Submits a zip.
    pub(crate) async fn submit(&self, world: &World, zip: impl Into<Body>) -> Answer {
        world.ask(self.submission().body(zip.into()).expect("a request")).await
    }

    /// Submits a zip under an idempotency key.
    pub(crate) async fn submit_under(&self, world: &World, key: &str, zip: impl Into<Body>) -> Answer {
        world.ask(self.submission().header("idempotency-key", key).body(zip.into()).expect("a request")).await
    }

    /// Submits a form.
    pub(crate) async fn submit_form(&self, world: &World, form: Vec<u8>) -> Answer {
        let url = format!("{TRACK_URL}/submissions");
        let request = self.request("POST", &url).header(header::CONTENT_TYPE, super::Form::CONTENT_TYPE);
        world.ask(request.body(form.into()).expect("a request")).await
    }

    /// Submits a zip that must be accepted, and returns the submission's id.
    pub(crate) async fn submitted(&self, world: &World, zip: Vec<u8>) -> String {
        let receipt = self.submit(world, zip).await.expect(axum::http::StatusCode::CREATED).json();
        receipt["id"].as_str().expect("an id").to_owned()
    }

    /// Gets a submission, which must be visible.
    pub(crate) async fn looks_at(&self, world: &World, submission: &str) -> Value {
        self.get(world, &format!("/api/v1/submissions/{submission}")).await.expect(axum::http::StatusCode::OK).json()
    }
}

impl World {
    /// Somebody with an account and a token that may submit, but not enrolled in any track.
    pub(crate) async fn account(&self, name: &str) -> Actor {
        let user = self.user(name, false).await;
        self.token(user, TokenScope::Submit).await
    }

    /// Somebody enrolled in the track.
    pub(crate) async fn participant(&self, name: &str) -> Actor {
        let actor = self.account(name).await;
        let answer = actor.enrol(self).await;
        assert_eq!(answer.status, axum::http::StatusCode::CREATED, "{answer:?}");
        actor
    }

    /// Staff of the competition, with a token that may organise.
    pub(crate) async fn organiser(&self, name: &str) -> Actor {
        let user = self.user(name, false).await;
        sqlx::query("insert into organisers select id, $1 from competitions")
            .bind(user.as_uuid())
            .execute(&self.app.db)
            .await
            .expect("an organiser");
        self.token(user, TokenScope::Organise).await
    }

    /// Somebody with an account who has just signed in with a browser.
    pub(crate) async fn signed_in(&self, name: &str) -> Actor {
        let user = self.user_of(name).await;
        let cookie = accounts::begin_session(&self.app, user, None).await.expect("a session");
        Actor { token: None, cookie: Some(cookie) }
    }

    /// An account without a password.
    pub(crate) async fn user(&self, name: &str, is_admin: bool) -> UserId {
        let name: UserName = name.parse().expect("a name");
        let created_at = self.app.clock.now();
        let new = NewUser { name: &name, email: None, password_hash: None, is_admin, created_at };
        user::create(&self.app.db, new).await.expect("an account")
    }

    /// The account with this name.
    pub(crate) async fn user_of(&self, name: &str) -> UserId {
        let name: UserName = name.parse().expect("a name");
        user::by_name(&self.app.db, &name).await.expect("the database answers").expect("an account").id
    }

    /// A new token for an account.
    pub(crate) async fn token(&self, user: UserId, scope: TokenScope) -> Actor {
        let secret = secret::generate(secret::TOKEN_PREFIX).expect("randomness");
        let new = NewToken {
            user,
            label: "test",
            scope,
            secret_hash: &secret::hash(&secret),
            hint: &secret[..8],
            created_at: self.app.clock.now(),
        };
        token::create(&self.app.db, new).await.expect("a token");
        Actor { token: Some(secret), cookie: None }
    }
}
