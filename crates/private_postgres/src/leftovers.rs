//! Processes of a server that outlived its owner. They are recognised by the cluster name, which
//! Postgres shows in the command line of each of its processes and which is derived from the data
//! directory. A process id in a file could belong to another process by now.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::PrivatePostgresError as Error;

/// The steps of ending a server, and how long each may take: the server alone is asked to close its
/// connections and write a checkpoint, then all processes are told to exit at once (the next start
/// recovers), then the kernel ends them.
const STEPS: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(10)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];
const POLL: Duration = Duration::from_millis(5);

/// Ends every process of the named cluster, and returns when none is left.
pub(super) fn stop(cluster_name: &str) -> Result<(), Error> {
    for (signal, limit) in STEPS {
        let running = processes(cluster_name);
        if running.is_empty() {
            return Ok(());
        }
        tracing::info!(?signal, processes = running.len(), "ending a Postgres whose owner is gone");
        let server_alone = signal == Signal::SIGINT && running.iter().any(|p| p.is_server);
        for process in running.iter().filter(|p| p.is_server || !server_alone) {
            // It may have ended by itself in between.
            let _ = kill(process.pid, signal);
        }
        let began = Instant::now();
        while began.elapsed() < limit {
            if processes(cluster_name).is_empty() {
                return Ok(());
            }
            thread::sleep(POLL);
        }
    }
    let left = processes(cluster_name);
    if left.is_empty() {
        return Ok(());
    }
    let pids: Vec<String> = left.iter().map(|p| p.pid.to_string()).collect();
    Err(Error::StillRunning { pids: pids.join(", ") })
}

/// How many processes of the named cluster run.
#[cfg(test)]
pub(super) fn count(cluster_name: &str) -> usize {
    processes(cluster_name).len()
}

#[derive(Debug, PartialEq, Eq)]
struct Process {
    pid: Pid,
    /// The server itself, not one of its child processes.
    is_server: bool,
}

fn processes(cluster_name: &str) -> Vec<Process> {
    let found = command_lines().into_iter();
    found.filter_map(|(pid, line)| recognise(pid, &line, cluster_name)).collect()
}

/// The server's line is `PROGRAM -D … cluster_name=NAME …`, that of the others `postgres: NAME:
/// what it does`. The watchdog's shell has the server's arguments too, but its line begins with
/// `/bin/sh`.
fn recognise(pid: i32, line: &str, cluster_name: &str) -> Option<Process> {
    let pid = Pid::from_raw(pid);
    if line.starts_with(&format!("postgres: {cluster_name}: ")) {
        let is_server = false;
        return Some(Process { pid, is_server });
    }
    let server = format!("cluster_name={cluster_name}");
    let is_server = line.split([' ', '\0']).any(|word| word == server);
    (is_server && !line.starts_with("/bin/sh")).then_some(Process { pid, is_server })
}

/// Process ids with their command lines; on Linux, words are separated by zero bytes.
#[cfg(target_os = "linux")]
fn command_lines() -> Vec<(i32, String)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            Some((pid, String::from_utf8_lossy(&line).into_owned()))
        })
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn command_lines() -> Vec<(i32, String)> {
    let listed = std::process::Command::new("ps").args(["-axww", "-o", "pid=,command="]).output();
    let text = listed.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| {
            let (pid, line) = line.trim_start().split_once(' ')?;
            Some((pid.parse().ok()?, line.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "callimico-0123456789ab";

    fn is_server(line: &str) -> Option<bool> {
        recognise(7, line, NAME).map(|process| process.is_server)
    }

    #[test]
    fn the_server_and_its_children_are_recognised() {
        let server = "/usr/lib/postgresql/15/bin/postgres\0-D\0/data dir\0-c\0cluster_name=callimico-0123456789ab\0";
        assert_eq!(is_server(server), Some(true));
        let child = "postgres: callimico-0123456789ab: checkpointer ";
        assert_eq!(is_server(child), Some(false));
    }

    #[test]
    fn other_clusters_and_the_watchdog_are_left_alone() {
        for line in [
            "postgres: callimico-ba9876543210: checkpointer ",
            "postgres: 15/main: walwriter ",
            "/usr/bin/postgres\0-c\0cluster_name=callimico-0123456789abc\0",
            "/bin/sh\0-c\0script\0postgres\0-c\0cluster_name=callimico-0123456789ab\0",
            "grep\0callimico-0123456789ab\0",
            "",
        ] {
            assert_eq!(is_server(line), None, "{line}");
        }
    }

    #[test]
    fn a_cluster_without_processes_is_stopped_already() {
        stop(&format!("callimico-{}", uuid::Uuid::new_v4())).unwrap();
    }
}
