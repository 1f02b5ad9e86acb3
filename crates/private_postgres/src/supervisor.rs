//! The thread that keeps the server running while this process owns it, and
//! that waits to inherit it while another process does.
//!
//! A thread and not a task: the server must outlive the runtime that opened it
//! (one cluster serves many runtimes in the tests).

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::cluster::Cluster;
use super::error::PrivatePostgresError;
use super::lock::OwnerLock;
use super::place::Place;

/// How often the thread looks at its server, or at the lock.
const LOOK: Duration = Duration::from_millis(25);
/// How long it pauses after a server died or would not start, so that a server
/// that cannot live is not restarted without end at full speed.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause grows with each start that fails, up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// An order to stop, with where to say that it is done.
type Stop = oneshot::Sender<()>;

/// The handle of the thread. Dropping it orders a stop and does not wait.
#[derive(Debug)]
pub(super) struct Supervisor {
    orders: Sender<Stop>,
}

impl Supervisor {
    /// Starts the server under `lock` and keeps it; returns once it is ready.
    pub(super) async fn own(place: Place, durable: bool, lock: OwnerLock) -> Result<Self, PrivatePostgresError> {
        let (tell, told) = oneshot::channel();
        let supervisor = Self::spawn(place, durable, move |keeper| {
            match Cluster::start(&keeper.place, keeper.durable) {
                Ok(cluster) => {
                    // Nobody listens any more if `open` was cancelled; then the
                    // order to stop is what `keep` sees first.
                    let _ = tell.send(Ok(()));
                    keeper.keep(Some((lock, cluster)));
                }
                Err(error) => {
                    let _ = tell.send(Err(error));
                }
            }
        })?;
        told.await.unwrap_or_else(|_| Err(thread_ended()))?;
        Ok(supervisor)
    }

    /// Waits in the background for the owner to end.
    pub(super) fn wait(place: Place, durable: bool) -> Result<Self, PrivatePostgresError> {
        Self::spawn(place, durable, |keeper| keeper.keep(None))
    }

    /// Orders a stop and waits until a server of this process is down.
    pub(super) async fn stop(self) {
        let (done, wait) = oneshot::channel();
        if self.orders.send(done).is_ok() {
            // An error means that the thread is gone, and its server with it.
            let _ = wait.await;
        }
    }

    fn spawn(
        place: Place,
        durable: bool,
        work: impl FnOnce(Keeper) + Send + 'static,
    ) -> Result<Self, PrivatePostgresError> {
        let (orders, received) = channel();
        let keeper = Keeper { place, durable, orders: received, failures: 0 };
        thread::Builder::new()
            .name("private-postgres".into())
            .spawn(move || work(keeper))
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

/// What the thread works with.
struct Keeper {
    place: Place,
    durable: bool,
    orders: Receiver<Stop>,
    /// Starts that failed since the last one that did not.
    failures: u32,
}

/// Why a wait ended.
enum Woken {
    /// The time is over.
    Time,
    /// The handle was closed, or dropped.
    Stop(Option<Stop>),
}

impl Keeper {
    /// Until told to stop: watch the server, or wait to inherit it.
    fn keep(mut self, mut owned: Option<(OwnerLock, Cluster)>) {
        let stop = loop {
            let pause = self.look(&mut owned);
            if let Woken::Stop(stop) = self.pause(pause) {
                break stop;
            }
        };
        if let Some((lock, cluster)) = owned {
            cluster.stop();
            // Only now may somebody else start it.
            drop(lock);
        }
        if let Some(done) = stop {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
    }

    /// One look at the server, or at the lock; says when to look again.
    fn look(&mut self, owned: &mut Option<(OwnerLock, Cluster)>) -> Duration {
        if let Some((_, cluster)) = owned {
            if !cluster.has_ended() {
                return LOOK;
            }
            tracing::warn!(log = %self.place.log_file().display(), "Postgres ended by itself and is started again");
            *owned = None;
            return PAUSE;
        }
        match self.inherit() {
            Ok(inherited) => {
                *owned = inherited;
                self.failures = 0;
                LOOK
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "could not start Postgres again");
                self.failures += 1;
                LONGEST_PAUSE.min(PAUSE * self.failures)
            }
        }
    }

    /// The server, if its owner is gone and this process is the first to see it.
    fn inherit(&self) -> Result<Option<(OwnerLock, Cluster)>, PrivatePostgresError> {
        let path = self.place.lock_file();
        let Some(lock) = OwnerLock::try_acquire(&path)? else {
            return Ok(None);
        };
        tracing::info!("the process that ran Postgres has ended; starting it again");
        let cluster = Cluster::start(&self.place, self.durable)?;
        Ok(Some((lock, cluster)))
    }

    fn pause(&self, time: Duration) -> Woken {
        match self.orders.recv_timeout(time) {
            Ok(stop) => Woken::Stop(Some(stop)),
            Err(RecvTimeoutError::Timeout) => Woken::Time,
            Err(RecvTimeoutError::Disconnected) => Woken::Stop(None),
        }
    }
}
