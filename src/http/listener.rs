//! Accepts connections and limits what each may cost: how many are open, how long a request's head
//! may take, how long a connection may be idle. It speaks HTTP/1.1 and passes every request to the
//! router; it knows no URL.
//!
//! Without these limits a client that opens connections and sends little would use up the process's
//! file descriptors, and the site would stop answering.

use std::convert::Infallible;
use std::io;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown, Watcher};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// How long the body of a request may take, except an upload's, which has its own limit. Other
/// bodies have at most 64 KiB.
pub const BODY_TIME: Duration = Duration::from_secs(15);
/// How long the head of a request may take, counted from the start of the connection or from the
/// answer before it, so it limits idle connections too.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The most bytes of a request's head, and the most that are buffered of a body.
const BUFFER: usize = 64 * 1024;
/// The most open connections, however many files the process may open.
const MAX_CONNECTIONS: u64 = 8192;
/// File descriptors reserved for everything else: database connections, uploads and archives, the
/// log.
const RESERVED_FILES: u64 = 200;
/// How long to wait after a connection could not be accepted; also how often the log says that no
/// more are accepted.
const PAUSE: Duration = Duration::from_secs(1);
/// The answer to a connection beyond the limit.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The limits on clients.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many connections may be open at once.
    connections: usize,
    /// How long a request's head may take, including the idle time before it.
    head_time: Duration,
    /// How long requests may continue after the server is told to stop.
    grace: Duration,
}

impl Limits {
    /// Raises the process's limit of open files to its hard limit, and reserves some of them for
    /// other uses.
    pub fn of_process(grace: Duration) -> Self {
        let connections = match raise_file_limit() {
            Ok(files) => connections_within(files),
            Err(error) => {
                tracing::warn!(%error, "the limit of open files is unknown: taking few connections");
                connections_within(0)
            }
        };
        Self { connections, head_time: HEAD_TIME, grace }
    }
}

/// Raises the soft limit of open files to the hard one; returns the limit that applies then.
fn raise_file_limit() -> nix::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => Ok(hard),
        Err(error) => {
            tracing::warn!(%error, soft, hard, "the limit of open files cannot be raised");
            Ok(soft)
        }
    }
}

/// How many connections to allow in a process that may open this many files. If there are few, a
/// quarter of them.
fn connections_within(files: u64) -> usize {
    let connections = files.saturating_sub(RESERVED_FILES).max(files / 4).clamp(1, MAX_CONNECTIONS);
    usize::try_from(connections).unwrap_or(usize::MAX)
}

/// Serves until `stop` ends. Then no more connections are accepted, requests under way get the
/// grace period to end, and what is left is closed, as event streams never end by themselves.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_time).max_buf_size(BUFFER);
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    let accepting = async {
        let mut warned = None;
        loop {
            let (stream, peer) = accept(&listener).await;
            while open.try_join_next().is_some() {}
            if open.len() < limits.connections {
                open.spawn(connection(http.clone(), stream, peer, router.clone(), graceful.watcher()));
            } else {
                refuse(stream);
                if warned.is_none_or(|at: Instant| at.elapsed() > PAUSE) {
                    tracing::warn!(connections = limits.connections, "no more connections are taken");
                    warned = Some(Instant::now());
                }
            }
        }
    };
    tokio::select! {
        () = stop => {}
        () = accepting => {}
    }
    drop(listener);
    // Connections that are open after the grace period are closed.
    let _ = tokio::time::timeout(limits.grace, graceful.shutdown()).await;
    open.shutdown().await;
}

/// Accepts the next connection. If the system has no file descriptors left, it waits until there
/// are some.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client closed the connection before it was accepted.
            Err(error) if is_of_client(error.kind()) => {}
            Err(error) => {
                tracing::error!(%error, "cannot take connections");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_client(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(kind, ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers that the server is full. If connections were left waiting instead, the system's queue
/// would decide who is served, and when.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        // If it cannot be sent, the client sees the connection closed.
        let _ = stream.write(FULL);
    }
}

/// Serves one connection until either side closes it or its time is over.
async fn connection(http: http1::Builder, stream: TcpStream, peer: SocketAddr, router: Router, watcher: Watcher) {
    let service = service_fn(move |request| answer(router.clone(), peer, request));
    let connection = http.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watch(watcher, connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn watch<C: GracefulConnection>(watcher: Watcher, connection: C) -> C::Output {
    watcher.watch(connection).await
}

async fn answer(router: Router, peer: SocketAddr, mut request: Request<Incoming>) -> Result<Response, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    const LIMITS: Limits =
        Limits { connections: 2, head_time: Duration::from_millis(300), grace: Duration::from_millis(300) };
    const ASK: &[u8] = b"GET /peer HTTP/1.1\r\nhost: x\r\n\r\n";

    struct Site {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        ended: JoinHandle<()>,
    }

    async fn site(limits: Limits) -> Site {
        let endless = || async {
            let first = futures_util::stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"first"))]);
            Body::from_stream(futures_util::StreamExt::chain(first, futures_util::stream::pending()))
        };
        let router = Router::new()
            .route("/peer", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }))
            .route("/endless", get(endless))
            .route(
                "/slow",
                get(|| async {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    "at last"
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(async move {
            serve(listener, router, limits, async {
                stopped.await.expect("told to stop");
            })
            .await;
        });
        Site { address, stop, ended }
    }

    async fn say(site: &Site, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(site.address).await.expect("connected");
        stream.write_all(bytes).await.expect("written");
        stream
    }

    /// Reads until the server closes the connection.
    async fn everything(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes)).await;
        // A connection that the server closes may end in a reset.
        let _ = read.expect("it ends");
        String::from_utf8(bytes).expect("text")
    }

    /// Reads the first bytes.
    async fn something(stream: &mut TcpStream) -> String {
        let mut bytes = [0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut bytes)).await;
        let length = read.expect("in time").expect("read");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[tokio::test]
    async fn a_handler_learns_who_asks_and_an_idle_connection_is_closed() {
        let site = site(LIMITS).await;
        let mut stream = say(&site, ASK).await;
        let own = stream.local_addr().expect("an address").to_string();
        let begun = Instant::now();
        let answer = everything(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&own), "{answer}");
        assert!(begun.elapsed() >= LIMITS.head_time, "it was kept alive for a while");
    }

    #[tokio::test]
    async fn half_heads_and_silence_are_cut_and_make_room_for_others() {
        let site = site(LIMITS).await;
        let mut half = say(&site, &ASK[..20]).await;
        let mut silent = say(&site, b"").await;
        // Both allowed connections are open.
        let refused = everything(&mut say(&site, b"").await).await;
        assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
        assert_eq!(everything(&mut half).await, "");
        assert_eq!(everything(&mut silent).await, "");
        let answer = something(&mut say(&site, ASK).await).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    #[tokio::test]
    async fn a_trickle_does_not_lengthen_the_time_for_a_head() {
        let site = site(LIMITS).await;
        let mut stream = say(&site, &ASK[..20]).await;
        let begun = Instant::now();
        while stream.write_all(b"x").await.is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(5), "it is still open");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    #[tokio::test]
    async fn at_the_end_requests_under_way_are_answered_and_streams_are_cut() {
        let site = site(LIMITS).await;
        let mut slow = say(&site, b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut endless = say(&site, b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let begins = something(&mut endless).await;
        assert!(begins.starts_with("HTTP/1.1 200"), "{begins}");
        let begun = Instant::now();
        site.stop.send(()).expect("it runs");
        assert!(everything(&mut slow).await.ends_with("at last"));
        everything(&mut endless).await;
        site.ended.await.expect("it ended");
        assert!(begun.elapsed() >= LIMITS.grace, "the stream had its grace");
        assert!(TcpStream::connect(site.address).await.is_err(), "nobody listens any more");
    }

    #[tokio::test]
    async fn the_end_does_not_wait_where_nothing_is_under_way() {
        let site = site(Limits { grace: Duration::from_secs(60), ..LIMITS }).await;
        let mut idle = say(&site, ASK).await;
        something(&mut idle).await;
        site.stop.send(()).expect("it runs");
        let ended = tokio::time::timeout(Duration::from_secs(5), site.ended).await;
        ended.expect("in time").expect("it ended");
    }

    #[test]
    fn connections_leave_files_for_other_uses() {
        assert_eq!(connections_within(300), 100);
        assert_eq!(connections_within(1024), 824);
        assert_eq!(connections_within(1 << 20), 8192);
        assert_eq!(connections_within(100), 25);
        assert_eq!(connections_within(0), 1);
    }
}
