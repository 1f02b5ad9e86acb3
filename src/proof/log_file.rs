//! log.ndjson: first the chain of hashes, then what the events are.

use scoring::log::{ChainError, LogHash, lines};
use thiserror::Error;

use crate::domain::log_event::{LogEventError, Logged};

/// Why lines are not a track's log.
#[derive(Debug, Error)]
pub enum LogFileError {
    /// The hashes do not follow from each other.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// There is no event.
    #[error("the log has no event")]
    Empty,
    /// A line is no event that this program knows.
    #[error("line {line}: {error}")]
    Event {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        error: LogEventError,
    },
    /// An event is missing, or stands in the wrong place.
    #[error("line {line} has the event {found}, where the event {expected} belongs")]
    Seq {
        /// Which line, from 1.
        line: u64,
        /// The number that belongs there.
        expected: u64,
        /// The number in the line.
        found: u64,
    },
    /// An event is older than the one before it.
    #[error("the event {seq} is older than the one before it")]
    Time {
        /// Its number.
        seq: u64,
    },
}

/// Reads the whole log of a track: every event with its hash, in order.
///
/// # Errors
/// A broken chain, an event that is unknown, missing or out of order, or no event.
pub fn read_log(bytes: &[u8]) -> Result<Vec<(LogHash, Logged)>, LogFileError> {
    let chain = lines(bytes, None).collect::<Result<Vec<_>, _>>()?;
    let mut events: Vec<(LogHash, Logged)> = Vec::with_capacity(chain.len());
    for (number, line) in (1..).zip(chain) {
        let event = Logged::from_bytes(line.event).map_err(|error| LogFileError::Event { line: number, error })?;
        if event.seq != number {
            return Err(LogFileError::Seq { line: number, expected: number, found: event.seq });
        }
        if events.last().is_some_and(|(_, before)| before.at > event.at) {
            return Err(LogFileError::Time { seq: event.seq });
        }
        events.push((line.hash, event));
    }
    if events.is_empty() { Err(LogFileError::Empty) } else { Ok(events) }
}
