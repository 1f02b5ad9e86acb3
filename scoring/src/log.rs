//! The chain of a track's log: what the hash of an event is, and the lines in
//! which a log is published.
//!
//! ```text
//! hash = SHA-256(hash of the event before || bytes of the event)
//! ```
//!
//! The first event has 32 zero bytes before it. A published line is
//! `<hash, 64 hexadecimal digits> <bytes of the event>` and a line feed; the
//! bytes between the blank and the line feed are what is hashed. What an event
//! means is nothing to this module: it sees bytes.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::hexadecimal::{self, text_of_32_bytes};

/// The hash of an event, which stands for everything up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogHash([u8; 32]);

text_of_32_bytes!(LogHash);

impl LogHash {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for LogHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for LogHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal::write(&self.0, f)
    }
}

/// The hash of an event: SHA-256 of the hash before (32 zero bytes for the
/// first event) and the event's bytes as they are stored.
#[must_use]
pub fn chain(previous: Option<LogHash>, event: &[u8]) -> LogHash {
    let mut hash = Sha256::new();
    hash.update(previous.map_or([0; 32], |previous| previous.0));
    hash.update(event);
    LogHash(hash.finalize().into())
}

/// A place in a log, as receipts and published heads give it: `SEQ:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPlace {
    /// The number of the event, from 1.
    pub seq: u64,
    /// Its hash.
    pub hash: LogHash,
}

impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for LogPlace {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (seq, hash) = text.split_once(':').ok_or(NotAPlace)?;
        let seq = if seq.bytes().all(|byte| byte.is_ascii_digit()) { seq.parse().ok() } else { None };
        let place = Self { seq: seq.ok_or(NotAPlace)?, hash: hash.parse().map_err(|_| NotAPlace)? };
        if place.seq == 0 { Err(NotAPlace) } else { Ok(place) }
    }
}

/// The text is no place in a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected SEQ:HASH, the number of an event from 1 and 64 hexadecimal digits in small letters")]
pub struct NotAPlace;

/// An event with its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// The hash that stands in the line.
    pub hash: LogHash,
    /// The bytes that are hashed.
    pub event: &'a [u8],
}

impl LogLine<'_> {
    /// The line as it is published, with its line feed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.hash.to_string().as_bytes(), b" ", self.event, b"\n"].concat()
    }
}

/// Reads the lines of a log, or of a part of it, and follows the chain. The
/// hash before the first line is `previous`; `None` where it is the log's first.
///
/// Ends after the first error. The lines that come out are in the chain.
pub fn lines(bytes: &[u8], previous: Option<LogHash>) -> impl Iterator<Item = Result<LogLine<'_>, ChainError>> {
    let (mut rest, mut number, mut previous) = (bytes, 0, previous);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        number += 1;
        let (line, after) = match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => (Some(&rest[..end]), &rest[end + 1..]),
            None => (None, &rest[..0]),
        };
        rest = after;
        let read = line.ok_or(ChainError::NoLineFeed { line: number }).and_then(|line| read_line(line, number));
        let found = read.and_then(|line| {
            let expected = chain(previous, line.event);
            previous = Some(expected);
            if expected == line.hash {
                Ok(line)
            } else {
                Err(ChainError::Hash { line: number, expected, found: line.hash })
            }
        });
        if found.is_err() {
            rest = &rest[..0];
        }
        Some(found)
    })
}

fn read_line(line: &[u8], number: u64) -> Result<LogLine<'_>, ChainError> {
    let (hash, event) = line.split_at_checked(64).ok_or(ChainError::Form { line: number })?;
    let hash = str::from_utf8(hash).ok().and_then(|hash| hash.parse().ok());
    match (hash, event.strip_prefix(b" ")) {
        (Some(hash), Some(event)) => Ok(LogLine { hash, event }),
        _ => Err(ChainError::Form { line: number }),
    }
}

/// Why lines are no log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The last line has no end, so something is cut off.
    #[error("line {line} has no line feed at its end: the log is cut off")]
    NoLineFeed {
        /// Which line, from 1.
        line: u64,
    },
    /// The line does not begin with a hash and a blank.
    #[error("line {line} does not begin with 64 hexadecimal digits in small letters and a blank")]
    Form {
        /// Which line, from 1.
        line: u64,
    },
    /// The hash is another than that of the event and the hash before.
    #[error("line {line} has the hash {found}, where its event after the lines before it has {expected}")]
    Hash {
        /// Which line, from 1.
        line: u64,
        /// The hash of the bytes.
        expected: LogHash,
        /// The hash in the line.
        found: LogHash,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with Python: `hashlib.sha256(previous + event)`.
    const FIRST: &str = "ff44e121014845ba9f060b9dd529b57e3706d9dcbf47ce18d6a7e50bea6c7e46";
    const SECOND: &str = "d989977286f310a93de4be7eb9aa920e4411c5e002607031b10f147c8039c3b1";
    const EVENTS: [&[u8]; 2] = [br#"{"seq":1}"#, br#"{"seq":2}"#];

    fn log() -> Vec<u8> {
        format!("{FIRST} {{\"seq\":1}}\n{SECOND} {{\"seq\":2}}\n").into_bytes()
    }

    #[test]
    fn hashes_are_those_of_another_program() {
        let first = chain(None, EVENTS[0]);
        assert_eq!(first.to_string(), FIRST);
        assert_eq!(chain(Some(first), EVENTS[1]).to_string(), SECOND);
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let bytes = log();
        let read: Vec<_> = lines(&bytes, None).collect::<Result<_, _>>().expect("a good log");
        assert_eq!(read.iter().map(|line| line.event).collect::<Vec<_>>(), EVENTS);
        assert_eq!(read.iter().flat_map(LogLine::to_bytes).collect::<Vec<_>>(), bytes);
    }

    #[test]
    fn a_part_of_a_log_is_read_after_the_hash_before_it() {
        let bytes = log();
        let second = &bytes[bytes.len() / 2..];
        assert!(lines(second, Some(FIRST.parse().expect("a hash"))).all(|line| line.is_ok()));
        let error = lines(second, None).next().expect("a line").expect_err("it is not the first");
        assert!(matches!(error, ChainError::Hash { line: 1, .. }));
    }

    #[test]
    fn any_changed_byte_breaks_the_chain() {
        let good = log();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            assert!(lines(&bytes, None).any(|line| line.is_err()), "byte {at}");
        }
    }

    #[test]
    fn a_line_without_its_end_is_an_error() {
        let bytes = log();
        let read: Vec<_> = lines(&bytes[..bytes.len() - 1], None).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[1], Err(ChainError::NoLineFeed { line: 2 }));
    }

    #[test]
    fn what_is_no_line_is_an_error_and_the_end() {
        let upper = log().to_ascii_uppercase();
        for bytes in [&b"\n\n"[..], b"abc {}\n", &upper, &log()[1..]] {
            let read: Vec<_> = lines(bytes, None).collect();
            assert_eq!(read, [Err(ChainError::Form { line: 1 })]);
        }
    }

    #[test]
    fn places_survive_being_written_and_nothing_else_is_one() {
        let text = format!("12:{FIRST}");
        assert_eq!(text.parse::<LogPlace>().expect("a place").to_string(), text);
        for bad in ["", "12", ":", "12:abc", &format!("0:{FIRST}"), &format!("+1:{FIRST}"), &format!("1:{FIRST} ")] {
            assert_eq!(bad.parse::<LogPlace>(), Err(NotAPlace), "{bad}");
        }
    }
}
