//! A server in the same process for the tests, and the tests of the login check.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;

/// The only token that the server accepts.
pub(super) const TOKEN: &str = "cmk_right";

/// A file on the server.
#[derive(Clone, Debug)]
pub(super) struct TestFile {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl TestFile {
    pub(super) fn new(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), bytes }
    }

    pub(super) fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }
}

/// A request that the server received.
#[derive(Clone, Debug)]
pub(super) struct TestRequest {
    pub(super) path: String,
    pub(super) from: Option<u64>,
    pub(super) authorization: Option<String>,
}

impl TestRequest {
    pub(super) fn is_for_bytes(&self) -> bool {
        self.path.starts_with("/bytes/")
    }
}

type Fault = Box<dyn Fn(&TestServer, &TestRequest) -> Option<Response> + Send + Sync>;

/// The server: its files, the requests it received, and what it does wrong on purpose.
pub(super) struct TestServer {
    pub(super) address: SocketAddr,
    pub(super) held: Mutex<Vec<TestFile>>,
    asked: Mutex<Vec<TestRequest>>,
    fault: Fault,
}

impl TestServer {
    /// A server that works as it should.
    pub(super) async fn start(held: Vec<TestFile>) -> Arc<Self> {
        Self::with_fault(held, |_, _| None).await
    }

    /// A server that gives the answer of `fault` where there is one, and otherwise works as it
    /// should.
    pub(super) async fn with_fault(
        held: Vec<TestFile>,
        fault: impl Fn(&Self, &TestRequest) -> Option<Response> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server =
            Arc::new(Self { address, held: Mutex::new(held), asked: Mutex::default(), fault: Box::new(fault) });
        let answering = Arc::clone(&server);
        let router = axum::Router::new().fallback(move |request: Request| {
            let server = Arc::clone(&answering);
            async move { server.answer(&request) }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// A client of this server whose delays are short.
    pub(super) fn api(&self) -> Api {
        self.api_with(TOKEN, Duration::from_secs(5))
    }

    pub(super) fn api_with(&self, token: &str, read_timeout: Duration) -> Api {
        // The program does this at its start.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = format!("http://{}", self.address).parse().expect("a server");
        let policy = RetryPolicy {
            read_timeout,
            first_delay: Duration::from_millis(1),
            max_delay: Duration::from_millis(4),
            ..RetryPolicy::default()
        };
        Api::new(Login { server, token: token.parse().expect("a token") }, policy).expect("an API")
    }

    /// The requests so far.
    pub(super) fn asked(&self) -> Vec<TestRequest> {
        self.asked.lock().expect("no poison").clone()
    }

    /// The requests for bytes so far.
    pub(super) fn asked_for_bytes(&self) -> Vec<TestRequest> {
        self.asked().into_iter().filter(TestRequest::is_for_bytes).collect()
    }

    fn answer(&self, request: &Request) -> Response {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let from = header(RANGE).and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let authorization = header(AUTHORIZATION).map(str::to_owned);
        let asked = TestRequest { path: request.uri().path().to_owned(), from, authorization };
        self.asked.lock().expect("no poison").push(asked.clone());
        (self.fault)(self, &asked).unwrap_or_else(|| self.right_answer(&asked))
    }

    pub(super) fn right_answer(&self, asked: &TestRequest) -> Response {
        if asked.is_for_bytes() {
            return match self.bytes_of(asked) {
                Some(bytes) => ranged(&bytes, asked.from, None),
                None => problem(404, "there is nothing here"),
            };
        }
        if asked.authorization.as_deref() != Some(&format!("Bearer {TOKEN}")) {
            return problem(401, "this token is not valid");
        }
        match asked.path.as_str() {
            "/api/v1/competitions" => axum::Json(json!([])).into_response(),
            "/api/v1/competitions/mico/tracks/cifar10/files" => self.list(),
            _ => problem(404, "there is no such track"),
        }
    }

    fn list(&self) -> Response {
        let file = |held: &TestFile| {
            let sha256 = held.sha256();
            let url = format!("http://{}/bytes/{sha256}", self.address);
            json!({"name": held.name, "size": held.bytes.len(), "sha256": sha256, "scenario": null, "url": url})
        };
        let files: Vec<_> = self.held.lock().expect("no poison").iter().map(file).collect();
        axum::Json(json!({"track": "mico/cifar10", "files": files, "expires_at": "soon"})).into_response()
    }

    /// The content that a request's address stands for, as long as the server has it.
    pub(super) fn bytes_of(&self, asked: &TestRequest) -> Option<Vec<u8>> {
        let held = self.held.lock().expect("no poison");
        held.iter().find(|held| asked.path == format!("/bytes/{}", held.sha256())).map(|held| held.bytes.clone())
    }
}

/// The bytes from `from` on as a correct server sends them, but broken off after `cut` bytes.
pub(super) fn ranged(bytes: &[u8], from: Option<u64>, cut: Option<usize>) -> Response {
    let total = bytes.len();
    let first = usize::try_from(from.unwrap_or(0)).expect("small");
    if from.is_some() && first >= total {
        return problem(416, "there is nothing behind the end");
    }
    let rest = bytes[first..].to_vec();
    let mut response = Response::builder().header(CONTENT_LENGTH, rest.len());
    if from.is_some() {
        let range = format!("bytes {first}-{}/{total}", total - 1);
        response = response.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, range);
    }
    let Some(cut) = cut.filter(|&cut| cut < rest.len()) else {
        return response.body(Body::from(rest)).expect("a response");
    };
    let sent = futures_util::stream::iter([Ok(Bytes::from(rest[..cut].to_vec()))]);
    let torn = futures_util::stream::once(async {
        // By then the bytes before the break have been sent.
        tokio::time::sleep(Duration::from_millis(2)).await;
        Err(io::Error::other("cut"))
    });
    response.body(Body::from_stream(sent.chain(torn))).expect("a response")
}

/// An error as the server describes it.
pub(super) fn problem(status: u16, detail: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, axum::Json(json!({"title": "No", "status": status.as_u16(), "code": "no", "detail": detail})))
        .into_response()
}

/// Numbers that are the same in each run.
pub(super) fn noise(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    }
}

/// Bytes that are the same in each run and do not repeat.
pub(super) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut next = noise(seed);
    (0..length).map(|_| next() as u8).collect()
}

#[tokio::test]
async fn a_login_is_checked_by_asking_the_server() {
    let server = TestServer::start(Vec::new()).await;
    server.api().check().await.expect("a right token");
    let read_timeout = Duration::from_secs(5);
    let error = server.api_with("cmk_wrong", read_timeout).check().await.expect_err("a wrong token");
    assert!(matches!(&error, ClientError::NotAllowed(said) if said == "this token is not valid"), "{error}");
    assert!(!format!("{error:?}").contains("cmk_"));

    let page = TestServer::with_fault(Vec::new(), |_, _| Some("<html>welcome</html>".into_response())).await;
    assert!(matches!(page.api().check().await, Err(ClientError::Answer { .. })), "a page is no API");
    let nothing = TestServer::with_fault(Vec::new(), |_, _| Some(StatusCode::NOT_FOUND.into_response())).await;
    assert!(matches!(nothing.api().check().await, Err(ClientError::Answer { .. })));
    let ill = TestServer::with_fault(Vec::new(), |_, _| Some(problem(503, "later"))).await;
    assert!(matches!(ill.api().check().await, Err(ClientError::Unreachable { .. })));
    assert_eq!(ill.asked().len(), 1);
}

#[tokio::test]
async fn a_redirect_to_another_port_does_not_carry_the_token() {
    let other = TestServer::start(Vec::new()).await;
    let target = format!("http://{}/api/v1/competitions", other.address);
    let server = TestServer::with_fault(Vec::new(), move |_, _| {
        Some((StatusCode::TEMPORARY_REDIRECT, [("location", target.clone())]).into_response())
    })
    .await;
    let error = server.api().check().await.expect_err("nothing to trust");
    assert!(error.to_string().contains(&other.address.to_string()), "{error}");
    assert_eq!(server.asked()[0].authorization.as_deref(), Some("Bearer cmk_right"));
    let seen = other.asked();
    assert_eq!((seen.len(), seen[0].authorization.as_deref()), (1, None));
}
