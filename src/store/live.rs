//! Wake-ups between processes, through Postgres' LISTEN and NOTIFY.
//!
//! A signal is a hint that something changed, never the change itself: whoever hears it looks in the database,
//! and whoever misses it finds out by a slow poll.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use super::StoreError;
use crate::domain::ids::{SubmissionId, TrackId};

const CHANNEL: &str = "callimico";

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// There is a job to claim.
    Job,
    /// A track's board has changed; its new version.
    Board(TrackId, i64),
    /// A track's benchmark board has changed; its new version.
    Benchmark(TrackId, i64),
    /// A submission has changed its state.
    Submission(SubmissionId),
    /// Signals may have been missed: look at everything.
    Resync,
}

impl Signal {
    fn payload(self) -> String {
        match self {
            Self::Job => "job".to_owned(),
            Self::Board(track, version) => format!("board {track} {version}"),
            Self::Benchmark(track, version) => format!("benchmark {track} {version}"),
            Self::Submission(submission) => format!("submission {submission}"),
            Self::Resync => "resync".to_owned(),
        }
    }
}

impl FromStr for Signal {
    type Err = ();

    fn from_str(payload: &str) -> Result<Self, ()> {
        match payload.split_once(' ') {
            None if payload == "job" => Ok(Self::Job),
            None if payload == "resync" => Ok(Self::Resync),
            Some(("board", rest)) => {
                let (track, version) = rest.split_once(' ').ok_or(())?;
                Ok(Self::Board(track.parse().map_err(|_| ())?, version.parse().map_err(|_| ())?))
            }
            Some(("benchmark", rest)) => {
                let (track, version) = rest.split_once(' ').ok_or(())?;
                Ok(Self::Benchmark(track.parse().map_err(|_| ())?, version.parse().map_err(|_| ())?))
            }
            Some(("submission", id)) => id.parse().map(Self::Submission).map_err(|_| ()),
            _ => Err(()),
        }
    }
}

/// Sends a signal when the caller's transaction commits, and never if it does not.
pub async fn notify(db: &mut PgConnection, signal: Signal) -> Result<(), StoreError> {
    sqlx::query!("select pg_notify($1, $2)", CHANNEL, signal.payload()).execute(db).await?;
    Ok(())
}

/// The signals of all processes, heard by this one.
#[derive(Debug, Clone)]
pub struct Live {
    sender: broadcast::Sender<Signal>,
    listening: AbortHandle,
}

impl Live {
    /// Begins to listen, until [`Live::stop`] or the end of the process; reconnects by itself.
    pub fn start(pool: PgPool) -> Self {
        let (sender, _) = broadcast::channel(1024);
        let hears = sender.clone();
        let listening = tokio::spawn(async move {
            loop {
                if let Err(error) = listen(&pool, &hears).await {
                    if pool.is_closed() {
                        return;
                    }
                    tracing::warn!(%error, "lost the wake-up connection to the database; trying again");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        });
        Self { sender, listening: listening.abort_handle() }
    }

    /// Stops listening and gives the connection back. The listener can miss that its pool is closed, and would
    /// keep it from closing.
    pub fn stop(&self) {
        self.listening.abort();
    }

    /// A receiver of all signals from now on. One that lags behind gets `Lagged` and must look for itself.
    pub fn subscribe(&self) -> broadcast::Receiver<Signal> {
        self.sender.subscribe()
    }
}

async fn listen(pool: &PgPool, sender: &broadcast::Sender<Signal>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    // Nobody listening in this process is no error.
    let _ = sender.send(Signal::Resync);
    loop {
        // `None`: the connection was lost and made again, and what was sent between is gone.
        let signal = match listener.try_recv().await? {
            None => Signal::Resync,
            Some(notification) => match notification.payload().parse() {
                Ok(signal) => signal,
                Err(()) => continue,
            },
        };
        let _ = sender.send(signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_survives_the_wire() {
        for signal in [
            Signal::Job,
            Signal::Resync,
            Signal::Board(TrackId::generate(), 7),
            Signal::Benchmark(TrackId::generate(), 7),
            Signal::Submission(SubmissionId::generate()),
        ] {
            assert_eq!(signal.payload().parse(), Ok(signal));
        }
        assert_eq!("board nonsense".parse::<Signal>(), Err(()));
    }
}
