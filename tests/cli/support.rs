//! Support for the tests: the program, a small track on disk, and a running server.

use std::fs;
use std::io::{Cursor, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_callimico");

/// The number of challenge points of each target model of [`write_track`].
pub(crate) const POINTS: usize = 10;
/// Its scenarios and the models of each split.
pub(crate) const SCENARIOS: [&str; 2] = ["tiny_hi", "tiny_lo"];
pub(crate) const MODELS: [(&str, &[&str]); 3] =
    [("train", &["model_0"]), ("dev", &["model_1", "model_2"]), ("final", &["model_3", "model_4"])];

/// 1,797 handwritten digits of 64 pixels from 0 to 16.
pub(crate) const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/digits.npz");

/// A temporary folder. If the tests run as root, Postgres runs as a user of its own, which must be
/// able to traverse the folder.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
    folder
}

/// The program, without the settings in the environment of whoever runs the tests.
pub(crate) fn callimico() -> Command {
    away_from_environment(Command::new(PROGRAM))
}

/// The program with a limit on the files that it, and each process it starts, may open.
pub(crate) fn callimico_with_files(files: u32) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -n {files} && exec \"$0\" \"$@\"")).arg(PROGRAM);
    away_from_environment(command)
}

fn away_from_environment(mut command: Command) -> Command {
    command.stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if could_change_a_result(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether a variable is a setting of the program, of S3 or of a proxy. The cache folder stays: the tests' Postgres and
/// ONNX Runtime may have been unpacked there.
fn could_change_a_result(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_setting = name.starts_with("CALLIMICO_") && name != "CALLIMICO_CACHE_DIR";
    is_setting || name.starts_with("AWS_") || name.ends_with("_PROXY") || name == "DATABASE_URL" || name == "RUST_LOG"
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    callimico().args(args).output().expect("the program runs")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs the program, which must succeed; returns its stdout.
pub(crate) fn done(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// The solution of every model: the points at even indices are members.
fn solution() -> String {
    (0..POINTS).map(|point| if point % 2 == 0 { "1" } else { "0" }).collect::<Vec<_>>().join(",")
}

/// A track directory `tiny` in `folder`.
pub(crate) fn write_track(folder: &Path) -> PathBuf {
    let track = folder.join("tiny");
    for scenario in SCENARIOS {
        for (split, models) in MODELS {
            for model in models {
                let path = track.join(scenario).join(split).join(model);
                fs::create_dir_all(&path).expect("a folder");
                fs::write(path.join("solution.csv"), solution()).expect("written");
            }
        }
    }
    fs::write(track.join("track.yaml"), "title: Tiny\nlimits: {per_day: 1000, total: 1000}\n").expect("written");
    track
}

/// A submission with the confidences `confidence(point)`; `edit` may change a file's text or leave
/// the file out.
pub(crate) fn zip(confidence: impl Fn(usize) -> f64, edit: impl Fn(&str, String) -> Option<String>) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for scenario in SCENARIOS {
        for (split, models) in &MODELS[1..] {
            for model in *models {
                let path = format!("tiny/{scenario}/{split}/{model}/prediction.csv");
                let values: Vec<String> = (0..POINTS).map(|point| confidence(point).to_string()).collect();
                if let Some(text) = edit(&path, values.join(",")) {
                    archive.start_file(&path, zip::write::SimpleFileOptions::default()).expect("an entry");
                    archive.write_all(text.as_bytes()).expect("written");
                }
            }
        }
    }
    archive.finish().expect("an archive").into_inner()
}

/// A submission that is right about every point.
pub(crate) fn perfect_zip() -> Vec<u8> {
    zip(|point| if point % 2 == 0 { 0.9 } else { 0.1 }, |_, text| Some(text))
}

/// An address that nothing listens on.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

/// A running process of the program, killed with -9 when it is dropped.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(callimico().args(args))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self { child: command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts") }
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("it ended");
    }

    /// Interrupts it with SIGINT, as Ctrl-C does; returns its exit status.
    pub(crate) fn interrupt(mut self) -> std::process::ExitStatus {
        interrupt(self.child.id());
        self.child.wait().expect("it ended")
    }
}

/// Sends SIGINT to a process, as Ctrl-C does.
pub(crate) fn interrupt(process: u32) {
    let pid = nix::unistd::Pid::from_raw(process.cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("a signal");
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of the API.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    pub(crate) fn new(address: &str, token: &str) -> Self {
        // rustls needs a default provider. If another test has installed one already, it is the
        // same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build();
        let http = http.expect("a client");
        Self { http, base: format!("http://{address}/api/v1"), token: token.trim().to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.base));
        // Without a token: as a visitor.
        let request = if self.token.is_empty() { request } else { request.bearer_auth(&self.token) };
        request.send().await?.json().await
    }

    pub(crate) async fn enrol(&self) -> reqwest::Result<Value> {
        let url = format!("{}/competitions/c/tracks/tiny/participants", self.base);
        let body = serde_json::json!({"accept_terms": true});
        self.http.post(url).bearer_auth(&self.token).json(&body).send().await?.json().await
    }

    /// Uploads a zip; returns the status and the body of the answer.
    pub(crate) async fn submit(&self, archive: Vec<u8>) -> reqwest::Result<(u16, Value)> {
        let url = format!("{}/competitions/c/tracks/tiny/submissions", self.base);
        let request = self.http.post(url).bearer_auth(&self.token).header("content-type", "application/zip");
        let answer = request.body(archive).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// The public answer to a GET request, as it came.
    pub(crate) async fn bytes(&self, path: &str) -> reqwest::Result<Vec<u8>> {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await?;
        Ok(answer.error_for_status()?.bytes().await?.to_vec())
    }

    /// Uploads a zip in pieces, the last of which is sent when `late` is done.
    pub(crate) async fn submit_slowly(
        &self,
        archive: Vec<u8>,
        late: impl Future<Output = ()> + Send + 'static,
    ) -> reqwest::Result<(u16, Value)> {
        use futures_util::StreamExt;
        let (first, last) = archive.split_at(archive.len() / 2);
        let (first, last) = (first.to_vec(), last.to_vec());
        let rest = async move {
            late.await;
            last
        };
        let pieces = futures_util::stream::iter([first]).chain(futures_util::stream::once(rest));
        let body = reqwest::Body::wrap_stream(pieces.map(Ok::<_, std::io::Error>));
        let url = format!("{}/competitions/c/tracks/tiny/submissions", self.base);
        let request = self.http.post(url).bearer_auth(&self.token).header("content-type", "application/zip");
        let answer = request.body(body).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// Waits until the server is ready.
    pub(crate) async fn wait_until_ready(&self) {
        let url = self.base.replace("/api/v1", "/readyz");
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server at {url} did not become ready");
    }
}

/// An organiser with a session of the pages, as acts need that cannot be undone.
#[derive(Clone)]
pub(crate) struct SignedIn {
    http: reqwest::Client,
    cookie: String,
}

impl SignedIn {
    /// With the secret of a session, at a server on a loopback address.
    pub(crate) fn with_session(secret: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60));
        let http = http.redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { http, cookie: format!("__Host-callimico={secret}") }
    }

    /// Signs in with name and password.
    pub(crate) async fn new(address: &str, name: &str, password: &str) -> Self {
        let mut this = Self::with_session("");
        let form = this.http.post(format!("http://{address}/login")).header("origin", format!("http://{address}"));
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        let answer = form.body(format!("name={name}&password={password}&next=/")).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 303, "signing in");
        let cookie = answer.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok()).expect("a cookie");
        this.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        this
    }

    /// Posts JSON to a call of the API.
    pub(crate) async fn post(&self, address: &str, path: &str, body: &Value) -> reqwest::Result<(u16, Value)> {
        let request = self.http.post(format!("http://{address}/api/v1{path}")).header("cookie", &self.cookie);
        let answer = request.header("origin", format!("http://{address}")).json(body).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }
}

/// The address of the private Postgres of a data folder.
pub(crate) fn database_url(data: &str) -> String {
    done(&["postgres", "--data-dir", data, "--", "sh", "-c", "printf %s \"$DATABASE_URL\""])
}

/// The path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
