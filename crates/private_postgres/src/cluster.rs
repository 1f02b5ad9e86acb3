//! Creates, starts and stops the cluster. Only the holder of the owner's lock may call this, so
//! nothing else touches the files.
//!
//! The server is never left behind. It runs under a small shell script, the watchdog, that waits on
//! a pipe whose other end only this process has open. When the pipe closes, because
//! [`Cluster::stop`] closed it or because this process was killed, the watchdog shuts the server
//! down. Both are in a process group of their own, so that Ctrl-C in the terminal does not reach
//! them.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::error::PrivatePostgresError as Error;
use super::find::{Binaries, Search, parse_major};
use super::paths::{Paths, remove_tree};
use super::run_as::RunAs;
use super::{NAME, PORT, leftovers};

/// `$1` is the signal to send when the pipe closes, `$2` its target (empty: the program; 0: the
/// whole process group); the rest is the program. The shell ends when the program does, with its
/// status. The signal is sent repeatedly because the first may come before the server handles
/// signals.
const WATCHDOG: &str = r#"
signal=$1 target=$2
shift 2
exec 3<&0
"$@" 3<&- </dev/null &
child=$!
{ read -r _ <&3; while kill -s "$signal" "${target:-$child}"; do sleep 0.2; done; } 2>/dev/null &
watcher=$!
wait "$child"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"#;

/// A start truncates the log if it is larger than this, in bytes.
const LOG_BYTES: u64 = 10 * 1024 * 1024;
/// How much of the log's end an error quotes, in bytes.
const TAIL_BYTES: u64 = 2000;
/// How long a start may take; recovery after a crash is part of it.
const START_DEADLINE: Duration = Duration::from_mins(10);
/// How long a shutdown may take before the server is forced to end.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// A server that this process started.
#[derive(Debug)]
pub(super) struct Cluster {
    paths: Paths,
    server: WatchedProcess,
}

impl Cluster {
    /// Creates the cluster if there is none, and starts its server.
    pub(super) fn start(paths: &Paths, durable: bool) -> Result<Self, Error> {
        leftovers::stop(&paths.cluster_name())?;
        let run_as = paths.create()?;
        paths.refuse_connections();
        let start = Start { home: paths.home(), paths, durable, run_as };
        let binaries = start.binaries()?;
        let log = Log::open(paths.log_file())?;
        let data = start.data();
        if !data.exists() {
            start.initialise(&binaries, &log)?;
        }
        // No process of this cluster is left, so this file is stale. The process id in it may
        // belong to another process by now, which Postgres would take for a running server.
        match fs::remove_file(data.join("postmaster.pid")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::file("remove", data.join("postmaster.pid"))(error));
            }
            _ => {}
        }
        let mut cluster =
            Self { paths: paths.clone(), server: start.spawn(&start.server(&binaries), "INT", "", &log)? };
        if cluster.becomes_ready(&data) {
            tracing::debug!(version = binaries.major, home = %start.home.display(), "Postgres is ready");
            return Ok(cluster);
        }
        cluster.stop();
        Err(Error::Start { tail: log.tail(), log: log.path })
    }

    /// Whether the server has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        self.server.has_ended()
    }

    /// Shuts the server down and waits for its end.
    pub(super) fn stop(mut self) {
        self.server.close_pipe();
        let began = Instant::now();
        while !self.server.has_ended() {
            if began.elapsed() > STOP_DEADLINE {
                if let Err(error) = leftovers::stop(&self.paths.cluster_name()) {
                    tracing::error!(error = &error as &dyn std::error::Error, "could not stop Postgres");
                }
                break;
            }
            thread::sleep(POLL);
        }
        self.paths.refuse_connections();
    }

    fn becomes_ready(&mut self, data: &Path) -> bool {
        let began = Instant::now();
        while !self.server.has_ended() && began.elapsed() < START_DEADLINE {
            let status = fs::read_to_string(data.join("postmaster.pid"));
            if status.is_ok_and(|text| says_ready(&text)) {
                return true;
            }
            thread::sleep(POLL);
        }
        false
    }
}

/// The server writes its state into the eighth line of `postmaster.pid`.
fn says_ready(postmaster_pid: &str) -> bool {
    let status = postmaster_pid.lines().nth(7);
    status.is_some_and(|line| line.trim() == "ready")
}

/// What one start needs.
struct Start<'a> {
    paths: &'a Paths,
    home: PathBuf,
    durable: bool,
    run_as: Option<RunAs>,
}

impl Start<'_> {
    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn binaries(&self) -> Result<Binaries, Error> {
        let data = self.data();
        let version = if data.exists() {
            let file = data.join("PG_VERSION");
            let text = fs::read_to_string(&file).map_err(Error::file("read", &file))?;
            parse_major(&text).map(|major| (major, data.as_path()))
        } else {
            None
        };
        Search::from_environment().find(version, self.run_as.as_ref())
    }

    /// Creates the cluster under a temporary name and renames it when it is complete. What an
    /// interrupted start left is removed. The name is new each time, because an interrupted
    /// `initdb` may still be writing.
    fn initialise(&self, binaries: &Binaries, log: &Log) -> Result<(), Error> {
        for entry in fs::read_dir(&self.home).map_err(Error::file("read", &self.home))? {
            let entry = entry.map_err(Error::file("read", &self.home))?;
            if entry.file_name().to_string_lossy().starts_with("data.new") {
                remove_tree(&entry.path())?;
            }
        }
        let new = self.home.join(format!("data.new-{}", Uuid::new_v4()));
        let mut initdb = vec![binaries.program("initdb").into_os_string()];
        initdb.extend(["--auth=trust", "--encoding=UTF8", "--no-locale"].map(Into::into));
        initdb.extend(["--username", NAME, "--pgdata"].map(Into::into));
        initdb.push(new.clone().into());
        if !self.durable {
            initdb.push("--no-sync".into());
        }
        let mut process = self.spawn(&initdb, "KILL", "0", log)?;
        if !process.succeeds() {
            remove_tree(&new)?;
            return Err(Error::Initdb { home: self.home.clone(), output: log.tail() });
        }
        fs::rename(&new, self.data()).map_err(Error::file("rename", &new))?;
        let home = File::open(&self.home).map_err(Error::file("open", &self.home))?;
        home.sync_all().map_err(Error::file("write", &self.home))
    }

    fn server(&self, binaries: &Binaries) -> Vec<OsString> {
        let mut line = vec![binaries.program("postgres").into_os_string()];
        line.extend(["-D".into(), self.data().into(), "-k".into()]);
        line.push(self.paths.socket_dir().into());
        let mut set = |name: &str, value: &str| {
            line.extend(["-c".into(), format!("{name}={value}").into()]);
        };
        set("cluster_name", &self.paths.cluster_name());
        set("listen_addresses", "");
        set("port", &PORT.to_string());
        set("unix_socket_permissions", "0700");
        set("max_connections", "200");
        set("shared_buffers", "64MB");
        set("jit", "off");
        set("timezone", "UTC");
        set("log_timezone", "UTC");
        set("log_destination", "stderr");
        set("logging_collector", "off");
        if !self.durable {
            for name in ["fsync", "synchronous_commit", "full_page_writes"] {
                set(name, "off");
            }
        }
        line
    }

    fn spawn(&self, program: &[OsString], signal: &str, target: &str, log: &Log) -> Result<WatchedProcess, Error> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", WATCHDOG, "callimico-postgres", signal, target])
            .args(program)
            .current_dir(&self.home)
            .stdin(Stdio::piped())
            .stdout(log.handle()?)
            .stderr(log.handle()?)
            .process_group(0)
            .env("LC_ALL", "C");
        // PGPORT, PGDATA and the like would override the arguments above.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some(user) = &self.run_as {
            user.apply(&mut command);
        }
        let mut watchdog = command.spawn().map_err(|source| Error::Spawn {
            what: match &self.run_as {
                Some(user) => format!("Postgres as user {}", user.name()),
                None => "Postgres".into(),
            },
            source,
        })?;
        let pipe = watchdog.stdin.take();
        Ok(WatchedProcess { watchdog, pipe })
    }
}

/// A program under its watchdog. Dropping it closes the pipe, so the watchdog ends the program.
#[derive(Debug)]
struct WatchedProcess {
    watchdog: Child,
    pipe: Option<ChildStdin>,
}

impl WatchedProcess {
    /// Closes the pipe, so that the watchdog ends the program.
    fn close_pipe(&mut self) {
        self.pipe = None;
    }

    fn has_ended(&mut self) -> bool {
        // If the system does not know the child, it is gone.
        self.watchdog.try_wait().map_or(true, |status| status.is_some())
    }

    /// Waits for the program to end. The pipe stays open meanwhile: `Child::wait` cannot close it,
    /// as it was taken out of the child.
    fn succeeds(&mut self) -> bool {
        self.watchdog.wait().is_ok_and(|status| status.success())
    }
}

/// The file that receives the output of `initdb` and the server.
struct Log {
    path: PathBuf,
    file: File,
    began: u64,
}

impl Log {
    fn open(path: PathBuf) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        let options = options.create(true).append(true).read(true).mode(0o600);
        let opened = options.open(&path).and_then(|file| {
            if file.metadata()?.len() > LOG_BYTES {
                file.set_len(0)?;
            }
            let began = file.metadata()?.len();
            Ok((file, began))
        });
        let (file, began) = opened.map_err(Error::file("open", &path))?;
        Ok(Self { path, file, began })
    }

    fn handle(&self) -> Result<File, Error> {
        let handle = self.file.try_clone();
        handle.map_err(Error::file("open", &self.path))
    }

    /// The end of the output since the log was opened, on one line, for an error to quote. If the
    /// log cannot be read, it says so instead of failing.
    fn tail(&self) -> String {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            let end = file.metadata()?.len();
            let from = self.began.max(end.saturating_sub(TAIL_BYTES));
            file.seek(SeekFrom::Start(from))?;
            file.read_to_end(&mut bytes)
        });
        if read.is_err() {
            return "(cannot be read)".into();
        }
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        lines[lines.len().saturating_sub(5)..].join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_the_eighth_line_says_so() {
        let start = "812\n/d/postgres/data\n1790000000\n5432\n/d/postgres\n\n  5432001         2\n";
        assert!(says_ready(&format!("{start}ready   \n")));
        assert!(!says_ready(&format!("{start}starting\n")));
        assert!(!says_ready(start));
        assert!(!says_ready(""));
    }

    #[test]
    fn a_log_that_grew_too_large_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("postgres.log");
        fs::write(&path, vec![b'x'; 100]).unwrap();
        assert_eq!(Log::open(path.clone()).unwrap().began, 100);
        File::create(&path).unwrap().set_len(LOG_BYTES + 1).unwrap();
        assert_eq!(Log::open(path.clone()).unwrap().began, 0);
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }

    #[test]
    fn the_tail_of_a_log_is_what_was_said_since_it_was_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("postgres.log");
        fs::write(&path, "of yesterday\n").unwrap();
        let log = Log::open(path.clone()).unwrap();
        fs::write(&path, "of yesterday\none\n\ntwo\n").unwrap();
        assert_eq!(log.tail(), "one; two");
    }
}
