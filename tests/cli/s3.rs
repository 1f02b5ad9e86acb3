//! Objects in S3: two servers and two workers that share nothing but the database and a bucket.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use reqwest::header::LOCATION;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use sha2::{Digest, Sha256};
use sqlx::Connection;

use crate::release::Postgres;
use crate::support::{
    Client, MODELS, Running, SCENARIOS, callimico, folder, free_address, perfect_zip, stderr, stdout, text, write_track,
};

const KEY: &str = "callimico-tests";
const SECRET: &str = "nobody-knows-this";
const OBJECTS: &str = "s3://bucket/some/prefix";
/// A model size in bytes that makes an archive larger than one part of an upload.
const LARGE: usize = 12 << 20;

/// Serves the folders in `root` as buckets until the test process ends.
fn serve_s3(root: &Path) -> SocketAddr {
    fs::create_dir_all(root.join("bucket")).expect("a bucket");
    let files = FileSystem::new(root).expect("a file system");
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let service = service.clone();
                tokio::spawn(async move {
                    // A client may disconnect at any time.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    });
    address
}

/// One of several machines: its own data directory, and the shared database and bucket.
struct Machine<'a> {
    s3: SocketAddr,
    database: &'a str,
    data: String,
}

impl<'a> Machine<'a> {
    fn new(folder: &Path, name: &str, s3: SocketAddr, database: &'a str) -> Self {
        Self { s3, database, data: text(&folder.join(name)).to_owned() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = callimico();
        command
            .args(args)
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.s3))
            .env("CALLIMICO_OBJECTS", OBJECTS)
            .env("CALLIMICO_DATA_DIR", &self.data)
            .env("DATABASE_URL", self.database);
        command
    }

    /// Runs the program and checks that it succeeded; returns its stdout.
    fn done(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("the program runs");
        assert!(output.status.success(), "{args:?}: {}{}", stdout(&output), stderr(&output));
        stdout(&output)
    }
}

/// A signed address with one digit of its signature changed.
fn tampered(url: &str) -> String {
    let (before, signature) = url.split_once("X-Amz-Signature=").expect("a signed address");
    let other = if signature.starts_with('0') { '1' } else { '0' };
    format!("{before}X-Amz-Signature={other}{}", &signature[1..])
}

fn sha256(bytes: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    hex::encode(hash)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_and_two_workers_share_a_bucket() {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = folder();
    let s3 = serve_s3(&folder.path().join("s3"));
    let postgres = Postgres::start(&folder.path().join("postgres"));
    let machine = |name: &str| Machine::new(folder.path(), name, s3, &postgres.url);

    let track = write_track(folder.path());
    for (number, scenario) in (0u8..).zip(SCENARIOS) {
        for (split, models) in MODELS {
            for model in models {
                let size = if split == "final" { LARGE } else { 1000 };
                let path = track.join(scenario).join(split).join(model).join("model.onnx");
                fs::write(path, vec![number + 1; size]).expect("written");
            }
        }
    }
    let organiser = machine("organiser");
    organiser.done(&["import", text(&track), "--competition", "c"]);
    organiser.done(&["track", "open", "c/tiny"]);
    organiser.done(&["user", "create", "ada", "--email", "ada@example.org"]);
    let token = organiser.done(&["user", "token", "ada"]);

    let addresses = [free_address(), free_address()];
    let mut running = Vec::new();
    for (name, address) in ["server_0", "server_1"].into_iter().zip(&addresses) {
        let args = ["serve", "--bind", address.as_str(), "--workers", "0"];
        running.push(Running::spawn(&mut machine(name).command(&args)));
    }
    for name in ["worker_0", "worker_1"] {
        running.push(Running::spawn(&mut machine(name).command(&["worker", "--workers", "1"])));
    }
    let clients = addresses.each_ref().map(|address| Client::new(address, &token));
    for client in &clients {
        client.wait_until_ready().await;
    }

    clients[0].enrol().await.expect("enrolled");
    let (status, receipt) = clients[0].submit(perfect_zip()).await.expect("an answer");
    assert_eq!(status, 201, "{receipt}");
    let id = receipt["id"].as_str().expect("an id");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "{id} was not scored in time");
        let submission = clients[1].get(&format!("/submissions/{id}?wait=10")).await.expect("an answer");
        assert!(submission["state"] != "failed" && submission["code"].is_null(), "{submission}");
        if submission["state"] == "scored" {
            break;
        }
    }
    for client in &clients {
        let board = client.get("/competitions/c/tracks/tiny/leaderboard").await.expect("an answer");
        assert_eq!(board["entries"].as_array().map(Vec::len), Some(1), "{board}");
        assert_eq!(board["entries"][0]["submissions"], 1, "{board}");
    }

    let redirect = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().no_proxy().redirect(redirect).timeout(Duration::from_secs(60));
    let http = http.build().expect("a client");
    let mut seen = Vec::new();
    let mut any_url = String::new();
    for client in &clients {
        let list = client.get("/competitions/c/tracks/tiny/files").await.expect("an answer");
        let files = list["files"].as_array().expect("a list").clone();
        // The archives of two scenarios and three splits, the bundle, and the hashes.
        assert_eq!(files.len(), 8, "{list}");
        let mut hashes = Vec::new();
        for file in &files {
            let url = file["url"].as_str().expect("an address");
            let (_, path) = url.split_once("/api/").expect("an address of the API");
            for address in &addresses {
                let answer = http.get(format!("http://{address}/api/{path}")).send().await.expect("an answer");
                assert_eq!(answer.status(), 307, "{url}");
                let there = answer.headers()[LOCATION].to_str().expect("text").to_owned();
                assert!(there.starts_with(&format!("http://{s3}/bucket/some/prefix/releases/")), "{there}");
                let answer = http.get(&there).send().await.expect("an answer");
                assert_eq!(answer.status(), 200, "{there}");
                let bytes = answer.bytes().await.expect("bytes");
                assert_eq!(file["sha256"], sha256(&bytes), "{url}");
                assert_eq!(file["size"], bytes.len(), "{url}");
                let refused = http.get(tampered(&there)).send().await.expect("an answer");
                assert_eq!(refused.status(), 403, "{there}");
            }
            hashes.push((file["name"].clone(), file["sha256"].clone()));
            any_url = url.to_owned();
        }
        seen.push(hashes);
    }
    assert_eq!(seen[0], seen[1], "the servers tell of other files");

    let mut db = sqlx::PgConnection::connect(&postgres.url).await.expect("connected");
    let withdrawn = "update participants set status = 'withdrawn'";
    let withdrawn = sqlx::raw_sql(withdrawn).execute(&mut db).await.expect("updated");
    assert_eq!(withdrawn.rows_affected(), 1);
    let (_, path) = any_url.split_once("/api/").expect("an address of the API");
    for address in &addresses {
        let answer = http.get(format!("http://{address}/api/{path}")).send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{path}");
    }

    let found = organiser.done(&["doctor"]);
    assert!(found.contains(&format!("ok   objects: {OBJECTS} ")), "{found}");
    let mut locked_out = organiser.command(&["doctor"]);
    let refused = locked_out.env("AWS_SECRET_ACCESS_KEY", "a-guess").output().expect("the program runs");
    assert_eq!(refused.status.code(), Some(1), "{}{}", stdout(&refused), stderr(&refused));
    assert!(stdout(&refused).contains("FAIL objects"), "{}", stdout(&refused));
    let told = format!("{}{}", stdout(&refused), stderr(&refused));
    assert!(!told.contains("a-guess") && !told.contains(SECRET), "it tells the secret: {told}");
    drop(running);
}
