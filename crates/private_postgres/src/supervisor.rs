//! The thread that keeps the server running while this process owns it, and that waits to inherit
//! it while another process does.
//!
//! It is a thread, not a task, because the server must outlive the runtime that opened it (in the
//! tests, one cluster serves many runtimes).

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::cluster::Cluster;
use super::error::PrivatePostgresError;
use super::lock::OwnerLock;
use super::paths::Paths;

/// How often the thread checks its server, or the lock.
const POLL: Duration = Duration::from_millis(25);
/// How long it pauses after a server died or did not start, so that a server that cannot run is not
/// restarted in a tight loop.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause grows with each start that fails, up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// An order to stop, with the channel that reports when it is done.
type Stop = oneshot::Sender<()>;

/// The handle of the thread. Dropping it orders a stop without waiting.
#[derive(Debug)]
pub(super) struct Supervisor {
    orders: Sender<Stop>,
}

impl Supervisor {
    /// Starts the server under `lock` and keeps it running; returns once it is ready.
    pub(super) async fn own(paths: Paths, durable: bool, lock: OwnerLock) -> Result<Self, PrivatePostgresError> {
        let (started, outcome) = oneshot::channel();
        let supervisor = Self::spawn(paths, durable, move |monitor| {
            match Cluster::start(&monitor.paths, monitor.durable) {
                Ok(cluster) => {
                    // If `open` was cancelled, nobody receives this, and the first thing that `run`
                    // sees is the order to stop.
                    let _ = started.send(Ok(()));
                    monitor.run(Some((lock, cluster)));
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            }
        })?;
        outcome.await.unwrap_or_else(|_| Err(thread_ended()))?;
        Ok(supervisor)
    }

    /// Waits in the background for the owner to end.
    pub(super) fn wait(paths: Paths, durable: bool) -> Result<Self, PrivatePostgresError> {
        Self::spawn(paths, durable, |monitor| monitor.run(None))
    }

    /// Orders a stop and waits until a server of this process is down.
    pub(super) async fn stop(self) {
        let (done, wait) = oneshot::channel();
        if self.orders.send(done).is_ok() {
            // An error means that the thread has ended, and its server with it.
            let _ = wait.await;
        }
    }

    fn spawn(
        paths: Paths,
        durable: bool,
        work: impl FnOnce(Monitor) + Send + 'static,
    ) -> Result<Self, PrivatePostgresError> {
        let (orders, received) = channel();
        let monitor = Monitor { paths, durable, orders: received, failures: 0 };
        thread::Builder::new()
            .name("private-postgres".into())
            .spawn(move || work(monitor))
            .map_err(|source| PrivatePostgresError::Spawn { what: "the thread that keeps Postgres".into(), source })?;
        Ok(Self { orders })
    }
}

fn thread_ended() -> PrivatePostgresError {
    PrivatePostgresError::Spawn {
        what: "Postgres".into(),
        source: std::io::Error::other("the thread that keeps it ended"),
    }
}

/// The state of the thread.
struct Monitor {
    paths: Paths,
    durable: bool,
    orders: Receiver<Stop>,
    /// Failed starts since the last successful one.
    failures: u32,
}

/// Why a pause ended.
enum Wake {
    /// The time was over.
    Time,
    /// The handle was closed, or dropped.
    Stop(Option<Stop>),
}

impl Monitor {
    /// Watches the server, or waits to inherit it, until the order to stop.
    fn run(mut self, mut owned: Option<(OwnerLock, Cluster)>) {
        let stop = loop {
            let pause = self.check(&mut owned);
            if let Wake::Stop(stop) = self.pause(pause) {
                break stop;
            }
        };
        if let Some((lock, cluster)) = owned {
            cluster.stop();
            // Only now may another process start it.
            drop(lock);
        }
        if let Some(done) = stop {
            // The caller may have stopped waiting.
            let _ = done.send(());
        }
    }

    /// Checks the server, or the lock, once; returns when to check again.
    fn check(&mut self, owned: &mut Option<(OwnerLock, Cluster)>) -> Duration {
        if let Some((_, cluster)) = owned {
            if !cluster.has_ended() {
                return POLL;
            }
            tracing::warn!(log = %self.paths.log_file().display(), "Postgres ended by itself and is started again");
            *owned = None;
            return PAUSE;
        }
        match self.inherit() {
            Ok(inherited) => {
                *owned = inherited;
                self.failures = 0;
                POLL
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "could not start Postgres again");
                self.failures += 1;
                LONGEST_PAUSE.min(PAUSE * self.failures)
            }
        }
    }

    /// Starts the server if its owner is gone and this process is the first to notice.
    fn inherit(&self) -> Result<Option<(OwnerLock, Cluster)>, PrivatePostgresError> {
        let path = self.paths.lock_file();
        let Some(lock) = OwnerLock::try_acquire(&path)? else {
            return Ok(None);
        };
        tracing::info!("the process that ran Postgres has ended; starting it again");
        let cluster = Cluster::start(&self.paths, self.durable)?;
        Ok(Some((lock, cluster)))
    }

    fn pause(&self, time: Duration) -> Wake {
        match self.orders.recv_timeout(time) {
            Ok(stop) => Wake::Stop(Some(stop)),
            Err(RecvTimeoutError::Timeout) => Wake::Time,
            Err(RecvTimeoutError::Disconnected) => Wake::Stop(None),
        }
    }
}
