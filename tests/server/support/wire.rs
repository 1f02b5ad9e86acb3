//! A plain socket to a real server, for what no HTTP client would send, or not in that order.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::actor::Actor;
use super::world::{TRACK_URL, World};

/// The test server behind a real socket.
pub(crate) struct Server {
    address: SocketAddr,
}

/// The head of a request that submits a zip, with additional header lines, up to and including the
/// empty line.
pub(crate) fn head(actor: &Actor, more: &[&str]) -> String {
    let lines: String = more.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "POST {TRACK_URL}/submissions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nContent-Type: application/zip\r\n{lines}\r\n",
        actor.token(),
    )
}

impl Server {
    /// Starts serving, until the test ends.
    pub(crate) async fn start(world: &World) -> Self {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let service = world.router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address }
    }

    /// A connection.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Writes all of `bytes`, however long the server takes to read them, and only then reads the
    /// answer.
    pub(crate) async fn say(&self, bytes: &[u8]) -> (StatusCode, String) {
        let mut connection = self.connect().await;
        connection.write_all(bytes).await.expect("the server reads to the end");
        answer(&mut connection).await
    }
}

/// Reads an answer to its end; returns its status and its full text.
pub(crate) async fn answer(connection: &mut TcpStream) -> (StatusCode, String) {
    let mut bytes = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), connection.read_to_end(&mut bytes))
        .await
        .expect("an answer in time")
        .expect("a connection that is not cut");
    let text = String::from_utf8(bytes).expect("an answer in UTF-8");
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {text}")), text)
}
