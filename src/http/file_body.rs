//! A response body that is a range of a file's bytes.
//!
//! Bytes are read when the connection can take them, one block at a time, so a client that reads
//! slowly costs two blocks of memory, however large the file. Bytes that the system has in memory
//! are copied at once; bytes that must come from disk are read by a blocking thread.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::objects::Slice;

/// Bytes read at a time: few enough to be still in the processor's cache when they are copied to
/// the socket.
const BLOCK: usize = 64 * 1024;

/// A range of a file's bytes that is being sent.
#[derive(Debug)]
pub struct FileBody {
    file: Arc<File>,
    at: u64,
    end: u64,
    /// A buffer that the connection has finished with.
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

/// A buffer that returns to the body it came from when the connection has sent it.
struct ReusedBuffer {
    bytes: Vec<u8>,
    length: usize,
    owner: Spare,
}

impl AsRef<[u8]> for ReusedBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for ReusedBuffer {
    fn drop(&mut self) {
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        *owner = Some(std::mem::take(&mut self.bytes));
    }
}

impl FileBody {
    fn buffer(&self) -> Vec<u8> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.take().unwrap_or_else(|| vec![0; BLOCK])
    }

    fn send(&mut self, bytes: Vec<u8>, length: usize) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.at += length as u64;
        let buffer = ReusedBuffer { bytes, length, owner: Arc::clone(&self.spare) };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(buffer)))))
    }

    fn next_length(&self) -> usize {
        usize::try_from(self.end - self.at).unwrap_or(BLOCK).min(BLOCK)
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
        let length = self.next_length();
        if self.reading.is_none() {
            let mut bytes = self.buffer();
            match read_at_once(&self.file, &mut bytes[..length], self.at) {
                Some(read) if read > 0 => return self.send(bytes, read),
                _ => {}
            }
            let (file, at) = (Arc::clone(&self.file), self.at);
            self.reading = Some(spawn_blocking(move || {
                std::os::unix::fs::FileExt::read_exact_at(&*file, &mut bytes[..length], at)?;
                Ok(bytes)
            }));
        }
        let Some(reading) = &mut self.reading else { return Poll::Pending };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        match read.map_err(io::Error::other).and_then(|read| read) {
            Ok(bytes) => self.send(bytes, length),
            Err(error) => {
                // The error closes the connection, so that the client notices that bytes are
                // missing.
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

/// Reads bytes that the system has in memory; `None` if they must come from disk, or if the system
/// cannot say.
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
        let mut body = FileBody::from(Slice { file: file_of(&vec![7; 4 * BLOCK]), range: 0..4 * BLOCK as u64 });
        let first = body.frame().await.expect("a frame").expect("bytes").into_data().expect("data");
        assert_eq!((first.len(), body.at), (BLOCK, BLOCK as u64));
        // The buffer comes back and is used again.
        drop(first);
        assert!(body.spare.lock().expect("not poisoned").is_some());
        body.frame().await.expect("a frame").expect("bytes");
        assert!(body.spare.lock().expect("not poisoned").is_some());
    }
}
