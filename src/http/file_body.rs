//! The body of an answer that is a run of bytes of a file.
//!
//! Bytes are read when the connection can take them, and no more of them than a piece: a client that reads slowly costs
//! two pieces, however large the file. What the system has in memory already is copied at once; for what has to come
//! from the disk another thread waits.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::objects::Slice;

/// Bytes read at a time: few enough that the copy is still in the processor's cache when the socket takes it.
const PIECE: usize = 64 * 1024;

/// A run of bytes of a file, on its way.
#[derive(Debug)]
pub struct FileBody {
    file: Arc<File>,
    at: u64,
    end: u64,
    /// A piece of memory that the connection has done with.
    spare: Spare,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl From<Slice> for FileBody {
    fn from(slice: Slice) -> Self {
        let Slice { file, range } = slice;
        Self { file: Arc::new(file), at: range.start, end: range.end, spare: Spare::default(), reading: None }
    }
}

type Spare = Arc<Mutex<Option<Vec<u8>>>>;

/// Memory that goes back to the body it came from.
struct Piece {
    bytes: Vec<u8>,
    length: usize,
    home: Spare,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        *home = Some(std::mem::take(&mut self.bytes));
    }
}

impl FileBody {
    fn memory(&self) -> Vec<u8> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.take().unwrap_or_else(|| vec![0; PIECE])
    }

    fn hand_on(&mut self, bytes: Vec<u8>, length: usize) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.at += length as u64;
        let piece = Piece { bytes, length, home: Arc::clone(&self.spare) };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn wanted(&self) -> usize {
        usize::try_from(self.end - self.at).unwrap_or(PIECE).min(PIECE)
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.at >= self.end {
            return Poll::Ready(None);
        }
        let wanted = self.wanted();
        if self.reading.is_none() {
            let mut bytes = self.memory();
            match read_at_once(&self.file, &mut bytes[..wanted], self.at) {
                Some(read) if read > 0 => return self.hand_on(bytes, read),
                _ => {}
            }
            let (file, at) = (Arc::clone(&self.file), self.at);
            self.reading = Some(spawn_blocking(move || {
                std::os::unix::fs::FileExt::read_exact_at(&*file, &mut bytes[..wanted], at)?;
                Ok(bytes)
            }));
        }
        let Some(reading) = &mut self.reading else { return Poll::Pending };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        match read.map_err(io::Error::other).and_then(|read| read) {
            Ok(bytes) => self.hand_on(bytes, wanted),
            Err(error) => {
                // The connection is cut, so that nobody takes what came for the whole.
                tracing::error!(%error, at = self.at, "a file cannot be read to its end");
                self.at = self.end;
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}

/// Reads what is in memory already; `None` where the disk has to be asked, or the system does not tell.
#[cfg(target_os = "linux")]
fn read_at_once(file: &File, bytes: &mut [u8], at: u64) -> Option<usize> {
    use rustix::io::ReadWriteFlags;
    rustix::io::preadv2(file, &mut [io::IoSliceMut::new(bytes)], at, ReadWriteFlags::NOWAIT).ok()
}

#[cfg(not(target_os = "linux"))]
fn read_at_once(_: &File, _: &mut [u8], _: u64) -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::io::Write;

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        file
    }

    #[tokio::test]
    async fn a_run_of_bytes_comes_as_it_lies_in_the_file() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|place| (place % 251) as u8).collect();
        for range in [0..300_000, 0..1, 299_999..300_000, 65_535..65_537, 7..7, 1..200_000] {
            let (start, end) =
                (usize::try_from(range.start).expect("small"), usize::try_from(range.end).expect("small"));
            let body = FileBody::from(Slice { file: file_of(&bytes), range });
            assert_eq!(body.size_hint().exact(), Some((end - start) as u64));
            let read = body.collect().await.expect("a whole body").to_bytes();
            assert_eq!(read, &bytes[start..end]);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_shorter_than_was_said_breaks_the_answer_off() {
        let body = FileBody::from(Slice { file: file_of(b"short"), range: 0..10 });
        assert!(body.collect().await.is_err());
    }

    #[tokio::test]
    async fn nobody_reading_means_nothing_read() {
        let mut body = FileBody::from(Slice { file: file_of(&vec![7; 4 * PIECE]), range: 0..4 * PIECE as u64 });
        let first = body.frame().await.expect("a frame").expect("bytes").into_data().expect("data");
        assert_eq!((first.len(), body.at), (PIECE, PIECE as u64));
        // The memory comes back and is used again.
        drop(first);
        assert!(body.spare.lock().expect("not poisoned").is_some());
        body.frame().await.expect("a frame").expect("bytes");
        assert!(body.spare.lock().expect("not poisoned").is_some());
    }
}
