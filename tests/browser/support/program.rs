//! The program, and a running server with one track.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::track::write_track;

/// The paths of the track's pages and of its part of the JSON API.
const TRACK: &str = "/c/zoo/toy";
const API: &str = "/api/v1/competitions/zoo/tracks/toy";

/// A process of the program. Dropping it ends it.
struct Running(Child);

impl Running {
    fn start(args: &[&str]) -> Self {
        Self(callimico(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM first: a server that shuts down cleanly also stops its Postgres.
        let pid = nix::unistd::Pid::from_raw(self.0.id().cast_signed());
        let asked = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(15);
        while asked.is_ok() && Instant::now() < deadline {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The path of the private Postgres. For root it is a link to a folder outside the data directory.
struct Database(PathBuf);

impl Drop for Database {
    fn drop(&mut self) {
        if let Ok(place) = fs::read_link(&self.0) {
            // What is left over only takes disk space.
            let _ = fs::remove_dir_all(place);
        }
    }
}

/// A server with the open track `zoo/toy`. Dropping it also deletes its database.
pub(crate) struct Server {
    // Fields are dropped in this order: first the processes, then what they work on.
    worker: Option<Running>,
    _server: Running,
    _database: Database,
    folder: TempDir,
    address: String,
    http: reqwest::Client,
}

impl Server {
    /// A server with scoring workers.
    pub(crate) async fn start() -> Self {
        Self::start_with(2).await
    }

    /// A server without scoring workers until [`Server::begin_scoring`].
    pub(crate) async fn start_without_workers() -> Self {
        Self::start_with(0).await
    }

    async fn start_with(workers: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // If the tests run as root, Postgres runs as a user of its own, which must be able to
        // traverse it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        let address = free_address();
        let data = folder.path().join("data");
        let workers = workers.to_string();
        let serve = ["serve", "--data-dir", text(&data), "--bind", &address, "--workers", &workers];
        let server = Running::start(&serve);
        // rustls needs a default provider. If one is installed already, it is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build();
        let http = http.expect("a client");
        let database = Database(data.join("postgres"));
        let this = Self { worker: None, _server: server, _database: database, folder, address, http };
        this.wait_until_ready().await;
        let track = write_track(this.folder());
        this.run(&["import", text(&track), "--competition", "zoo"]);
        this.run(&["track", "open", "zoo/toy"]);
        this
    }

    async fn wait_until_ready(&self) {
        let url = self.url("/readyz");
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        panic!("the server at {url} did not become ready");
    }

    /// A folder for the tests' files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The URL of one of the track's pages, as in `/submit`.
    pub(crate) fn track(&self, page: &str) -> String {
        self.url(&format!("{TRACK}{page}"))
    }

    /// Starts a worker beside the server.
    pub(crate) fn begin_scoring(&mut self) {
        let data = self.folder().join("data");
        self.worker = Some(Running::start(&["worker", "--data-dir", text(&data)]));
    }

    /// Runs a command on the server's data and returns its stdout.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let data = self.folder().join("data");
        let output = callimico(args).args(["--data-dir", text(&data)]).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Makes an account that takes part in the track; returns its token.
    pub(crate) async fn participant(&self, name: &str) -> String {
        self.run(&["user", "create", name, "--email", &format!("{name}@example.org")]);
        let token = self.run(&["user", "token", name]);
        let body = json!({"accept_terms": true});
        let call = self.http.post(self.url(&format!("{API}/participants"))).bearer_auth(&token).json(&body);
        let answer = call.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{name} cannot join: {}", answer.status());
        token
    }

    /// Submits a zip through the JSON API; returns the submission's id.
    pub(crate) async fn submit(&self, token: &str, archive: Vec<u8>) -> String {
        let call = self.http.post(self.url(&format!("{API}/submissions"))).bearer_auth(token);
        let answer = call.header("content-type", "application/zip").body(archive).send().await.expect("an answer");
        let receipt: Value = answer.json().await.expect("JSON");
        receipt["id"].as_str().unwrap_or_else(|| panic!("not taken: {receipt}")).to_owned()
    }

    /// Submits a zip and waits until it is scored.
    pub(crate) async fn submit_and_wait(&self, token: &str, archive: Vec<u8>) -> String {
        let id = self.submit(token, archive).await;
        let url = self.url(&format!("/api/v1/submissions/{id}?wait=30"));
        let answer = self.http.get(url).bearer_auth(token).send().await.expect("an answer");
        let submission: Value = answer.json().await.expect("JSON");
        assert_eq!(submission["state"], "scored", "{submission}");
        id
    }

    /// Whether this session cookie gives access to the account page.
    pub(crate) async fn lets_in(&self, name: &str, value: &str) -> bool {
        let call = self.http.get(self.url("/account")).header("cookie", format!("{name}={value}"));
        let answer = call.send().await.expect("an answer");
        answer.url().path() == "/account" && answer.status().is_success()
    }
}

/// The program, without the settings in the environment of whoever runs the tests.
fn callimico(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callimico"));
    command.args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        // The cache folder stays: the tests' Postgres may have been unpacked there.
        let is_setting = text.starts_with("CALLIMICO_") && text != "CALLIMICO_CACHE_DIR";
        if is_setting || text == "DATABASE_URL" || text == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

/// An address that nothing listens on.
pub(super) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
