//! HTTP: one client, what is asked of a server, and what its answers mean. The token goes to the server alone, never to
//! the addresses it hands out. Nothing is tried twice here.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, RANGE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;

use super::{ClientError, Login, Patience, RemoteFile, Server, Token, TrackName, listing};

/// No list and no error is longer, in bytes.
const LONGEST_ANSWER: usize = 64 << 20;

/// A server, asked in somebody's name.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    server: Server,
    token: Token,
    patience: Patience,
}

/// Why one request did not do it.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Trying again may help, after a while that the server may have said.
    Passing { why: String, wish: Option<Duration> },
    /// Trying again does not help.
    Lasting(ClientError),
}

/// What comes of asking for the bytes of a file.
#[derive(Debug)]
pub(super) enum Bytes {
    /// They come, from this byte on.
    From(u64, Response),
    /// The address does not hold any more, for this reason.
    Stale(String),
}

/// An error as the server tells it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ProblemDocument {
    title: String,
    detail: String,
}

impl Api {
    /// Asks `login`'s server.
    ///
    /// # Errors
    /// The system has no certificates to trust.
    pub fn new(login: Login, patience: Patience) -> Result<Self, ClientError> {
        let Login { server, token } = login;
        let client = Client::builder()
            .user_agent(concat!("callimico/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(patience.connect)
            .read_timeout(patience.silence)
            // A signed address is nobody else's business.
            .referer(false);
        // No proxy reaches what runs on this machine.
        let client = if server.is_here() { client.no_proxy() } else { client };
        match client.build() {
            Ok(client) => Ok(Self { client, server, token, patience }),
            Err(error) => Err(ClientError::Answer { server: server.to_string(), problem: reason(error) }),
        }
    }

    /// The server that is asked.
    pub fn server(&self) -> &Server {
        &self.server
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// Finds out whether there is a server, and whether it takes the token.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is tried twice.
    pub async fn check(&self) -> Result<(), ClientError> {
        let answer = self.ask(&["api", "v1", "competitions"], "it knows no competitions").await;
        match answer {
            Ok(bytes) if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok() => Ok(()),
            Ok(_) => Err(self.odd("its answer is no JSON")),
            Err(Trouble::Lasting(ClientError::Unknown(problem))) => Err(self.odd(&problem)),
            Err(Trouble::Lasting(error)) => Err(error),
            Err(Trouble::Passing { why, .. }) => Err(ClientError::Unreachable { server: self.server.to_string(), why }),
        }
    }

    /// The files of a track, each with an address for a while.
    pub(super) async fn files(&self, track: &TrackName) -> Result<Vec<RemoteFile>, Trouble> {
        let path = ["api", "v1", "competitions", &track.competition, "tracks", &track.track, "files"];
        let unknown = format!("{} has no files of a track {track}", self.server);
        let bytes = self.ask(&path, &unknown).await?;
        listing::read(&bytes, &self.server).map_err(Trouble::Lasting)
    }

    /// The bytes of a file from `from` on, or from an earlier one.
    pub(super) async fn bytes(&self, url: &Url, from: u64) -> Result<Bytes, Trouble> {
        // What a proxy packs would have other bytes.
        let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let response = request.send().await.map_err(passing)?;
        let status = response.status();
        match status {
            StatusCode::OK => Ok(Bytes::From(0, response)),
            StatusCode::PARTIAL_CONTENT => match first_byte(response.headers()) {
                Some(first) if first == from => Ok(Bytes::From(from, response)),
                _ => Err(Trouble::Passing { why: "other bytes came than were asked for".into(), wish: None }),
            },
            // S3 says 400 for some signatures that ran out; the others are as docs/API.md has them.
            StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::GONE
            | StatusCode::RANGE_NOT_SATISFIABLE => Ok(Bytes::Stale(format!("its address answers {status}"))),
            _ if may_pass(status) => Err(busy(&response)),
            _ => Err(Trouble::Lasting(self.odd(&format!("a file's address answers {status}")))),
        }
    }

    async fn ask(&self, path: &[&str], unknown: &str) -> Result<Vec<u8>, Trouble> {
        let request = self.client.get(self.server.join(path)).bearer_auth(self.token.as_str());
        let response = request.send().await.map_err(passing)?;
        // On the way to another host the token was left behind, so no answer from there is worth anything.
        if !self.server.has_origin_of(response.url()) {
            let other = response.url().origin().ascii_serialization();
            return Err(Trouble::Lasting(self.odd(&format!("it sends on to {other}; if that is right, log in there"))));
        }
        let status = response.status();
        if may_pass(status) {
            return Err(busy(&response));
        }
        let bytes = self.whole(response).await?;
        if status.is_success() {
            return Ok(bytes);
        }
        let problem: ProblemDocument = serde_json::from_slice(&bytes).unwrap_or_default();
        let said = [problem.detail, problem.title, status.to_string()].into_iter().find(|text| !text.is_empty());
        let said: String = said.unwrap_or_default().chars().filter(|c| !c.is_control()).take(500).collect();
        Err(Trouble::Lasting(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ClientError::NotAllowed(said),
            StatusCode::NOT_FOUND => ClientError::Unknown(format!("{unknown} ({said})")),
            _ => self.odd(&said),
        }))
    }

    async fn whole(&self, mut response: Response) -> Result<Vec<u8>, Trouble> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(passing)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST_ANSWER {
                return Err(Trouble::Lasting(self.odd("its answer has no end")));
            }
        }
        Ok(bytes)
    }

    fn odd(&self, problem: &str) -> ClientError {
        ClientError::Answer { server: self.server.to_string(), problem: problem.to_owned() }
    }
}

fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

fn busy(response: &Response) -> Trouble {
    let wish = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    // It may be a date as well; those who say one are asked again after the usual delay.
    let wish = wish.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    Trouble::Passing { why: format!("the answer was {}", response.status()), wish }
}

fn passing(error: reqwest::Error) -> Trouble {
    Trouble::Passing { why: reason(error), wish: None }
}

/// Why a request failed, without the address: it may be signed.
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
