//! Clients that open connections and send little (Slowloris) delay the site but do not take it
//! down.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Client, Running, callimico_with_files, folder, free_address, text};

/// More connections than the files that the server may open.
const FLOOD: usize = 400;
const FILES: u32 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn the_site_answers_again_after_a_flood_of_half_heads_and_cuts_a_slow_body() {
    let folder = folder();
    let data = folder.path().join("data");
    let address = free_address();
    let args = ["serve", "--data-dir", text(&data), "--bind", &address, "--workers", "1"];
    let _server = Running::spawn(callimico_with_files(FILES).args(args));
    Client::new(&address, "").wait_until_ready().await;

    let slow = tokio::spawn(log_in_slowly(address.clone()));
    // It has its connection before the flood begins.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let flood: Vec<TcpStream> = (0..FLOOD).map(|_| half_head(&address)).collect();
    let begun = Instant::now();
    assert!(!is_alive(&address).await, "the flood left room: the test shows nothing");
    while !is_alive(&address).await {
        assert!(begun.elapsed() < Duration::from_secs(15), "the site does not answer any more");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop(flood);

    let (answer, took) = slow.await.expect("a client");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

fn half_head(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the system takes the connection");
    // The server may have closed the connection before this is written.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: ");
    stream
}

async fn is_alive(address: &str) -> bool {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let once = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().expect("a client");
    once.get(format!("http://{address}/healthz")).send().await.is_ok_and(|answer| answer.status().is_success())
}

/// Sends a form of a thousand bytes at one byte per second; returns what was answered before the
/// connection was closed, and after how long.
async fn log_in_slowly(address: String) -> (String, Duration) {
    let begun = Instant::now();
    let mut stream = tokio::net::TcpStream::connect(&address).await.expect("connected");
    let head = "POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                content-length: 1000\r\n\r\nname=";
    stream.write_all(head.as_bytes()).await.expect("written");
    let (mut from, mut to) = stream.split();
    let mut answer = Vec::new();
    let trickle = async {
        while to.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        // The connection may end in a reset, because a byte was still in transit.
        _ = from.read_to_end(&mut answer) => {}
        () = trickle => {}
        () = tokio::time::sleep(Duration::from_secs(22)) => {}
    }
    (String::from_utf8_lossy(&answer).into_owned(), begun.elapsed())
}
