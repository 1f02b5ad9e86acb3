//! The HTTP requests to a server, and what its answers mean. The token is sent to the server alone,
//! never to the addresses it hands out. Nothing is retried here.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, RANGE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;

use super::{ClientError, Login, RemoteFile, RetryPolicy, Server, Token, TrackName, listing};

/// The longest list or error that is read, in bytes.
const LONGEST_ANSWER: usize = 64 << 20;

/// A server's API, used with one person's token.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    server: Server,
    token: Token,
    policy: RetryPolicy,
}

/// Why one request failed.
#[derive(Debug)]
pub(super) enum RequestError {
    /// Trying again may help. `retry_after` is how long the server asks to wait, if it does.
    Transient { why: String, retry_after: Option<Duration> },
    /// Trying again does not help.
    Permanent(ClientError),
}

/// The answer to a request for the bytes of a file.
#[derive(Debug)]
pub(super) enum FileAnswer {
    /// The bytes, from this one on.
    Bytes(u64, Response),
    /// The address does not work any more, for this reason.
    Expired(String),
}

/// An error as the server describes it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ProblemDocument {
    title: String,
    detail: String,
}

impl Api {
    /// Prepares requests to the login's server; sends none.
    ///
    /// # Errors
    /// The system has no certificates to trust.
    pub fn new(login: Login, policy: RetryPolicy) -> Result<Self, ClientError> {
        let Login { server, token } = login;
        let client = Client::builder()
            .user_agent(concat!("callimico/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(policy.connect_timeout)
            .read_timeout(policy.read_timeout)
            // A signed address must not be passed on.
            .referer(false);
        // A proxy could not reach a server on this machine.
        let client = if server.is_local() { client.no_proxy() } else { client };
        match client.build() {
            Ok(client) => Ok(Self { client, server, token, policy }),
            Err(error) => Err(ClientError::Answer { server: server.to_string(), problem: reason(error) }),
        }
    }

    /// The server that requests go to.
    pub fn server(&self) -> &Server {
        &self.server
    }

    pub(super) fn policy(&self) -> RetryPolicy {
        self.policy
    }

    /// Checks with one request that there is a server and that it accepts the token.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn check(&self) -> Result<(), ClientError> {
        let answer = self.ask(&["api", "v1", "competitions"], "it knows no competitions").await;
        match answer {
            Ok(bytes) if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok() => Ok(()),
            Ok(_) => Err(self.unexpected("its answer is no JSON")),
            Err(RequestError::Permanent(ClientError::Unknown(problem))) => Err(self.unexpected(&problem)),
            Err(RequestError::Permanent(error)) => Err(error),
            Err(RequestError::Transient { why, .. }) => {
                Err(ClientError::Unreachable { server: self.server.to_string(), why })
            }
        }
    }

    /// The files of a track, each with an address that works for a limited time.
    pub(super) async fn files(&self, track: &TrackName) -> Result<Vec<RemoteFile>, RequestError> {
        let path = ["api", "v1", "competitions", &track.competition, "tracks", &track.track, "files"];
        let unknown = format!("{} has no files of a track {track}", self.server);
        let bytes = self.ask(&path, &unknown).await?;
        listing::read(&bytes, &self.server).map_err(RequestError::Permanent)
    }

    /// Asks for the bytes of a file from `from` on. The answer may begin earlier.
    pub(super) async fn bytes(&self, url: &Url, from: u64) -> Result<FileAnswer, RequestError> {
        // A compressed answer would have other bytes.
        let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let response = request.send().await.map_err(transient)?;
        let status = response.status();
        match status {
            StatusCode::OK => Ok(FileAnswer::Bytes(0, response)),
            StatusCode::PARTIAL_CONTENT => match first_byte(response.headers()) {
                Some(first) if first == from => Ok(FileAnswer::Bytes(from, response)),
                _ => Err(RequestError::Transient {
                    why: "other bytes came than were asked for".into(),
                    retry_after: None,
                }),
            },
            // S3 answers 400 to some expired signatures; the others are from docs/API.md.
            StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::GONE
            | StatusCode::RANGE_NOT_SATISFIABLE => Ok(FileAnswer::Expired(format!("its address answers {status}"))),
            _ if is_transient(status) => Err(busy(&response)),
            _ => Err(RequestError::Permanent(self.unexpected(&format!("a file's address answers {status}")))),
        }
    }

    async fn ask(&self, path: &[&str], unknown: &str) -> Result<Vec<u8>, RequestError> {
        let request = self.client.get(self.server.join(path)).bearer_auth(self.token.as_str());
        let response = request.send().await.map_err(transient)?;
        // A redirect to another host drops the token, so its answer says nothing about the login.
        if !self.server.has_same_origin(response.url()) {
            let other = response.url().origin().ascii_serialization();
            return Err(RequestError::Permanent(
                self.unexpected(&format!("it sends on to {other}; if that is right, log in there")),
            ));
        }
        let status = response.status();
        if is_transient(status) {
            return Err(busy(&response));
        }
        let bytes = self.read_body(response).await?;
        if status.is_success() {
            return Ok(bytes);
        }
        let problem: ProblemDocument = serde_json::from_slice(&bytes).unwrap_or_default();
        let said = [problem.detail, problem.title, status.to_string()].into_iter().find(|text| !text.is_empty());
        let said: String = said.unwrap_or_default().chars().filter(|c| !c.is_control()).take(500).collect();
        Err(RequestError::Permanent(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ClientError::NotAllowed(said),
            StatusCode::NOT_FOUND => ClientError::Unknown(format!("{unknown} ({said})")),
            _ => self.unexpected(&said),
        }))
    }

    async fn read_body(&self, mut response: Response) -> Result<Vec<u8>, RequestError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transient)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST_ANSWER {
                return Err(RequestError::Permanent(self.unexpected("its answer has no end")));
            }
        }
        Ok(bytes)
    }

    fn unexpected(&self, problem: &str) -> ClientError {
        ClientError::Answer { server: self.server.to_string(), problem: problem.to_owned() }
    }
}

fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

fn busy(response: &Response) -> RequestError {
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    // It may also be a date; then the usual delay applies.
    let retry_after = retry_after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    RequestError::Transient { why: format!("the answer was {}", response.status()), retry_after }
}

fn transient(error: reqwest::Error) -> RequestError {
    RequestError::Transient { why: reason(error), retry_after: None }
}

/// Why a request failed, without the address, which may be signed.
pub(super) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// The first byte of `Content-Range: bytes FIRST-LAST/SIZE`.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim().strip_prefix("bytes")?;
    range.split_once('-')?.0.trim().parse().ok()
}
