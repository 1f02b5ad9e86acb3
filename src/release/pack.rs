//! Writes the files of a release. One thread reads, one hashes, and the draft stores the result, so
//! that the slowest of disk, hash and network sets the pace. Memory holds a few blocks.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use sha2::Digest;
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::ReleaseError;
use super::inventory::{self, Content, Item, Planned, Source};
use crate::domain::sha256::Sha256;
use crate::objects::Draft;
use crate::store::release::PackedFile;

/// Bytes in one block.
const BLOCK: usize = 1 << 20;
/// Blocks that wait between two threads.
const QUEUE: usize = 4;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Packed {
    pub(super) size: u64,
    pub(super) sha256: Sha256,
    pub(super) files: Vec<PackedFile>,
}

/// Writes a file of the release into a draft and gives it its key. `on_bytes` is called with the
/// number of bytes of each block that was hashed.
pub(super) async fn pack(
    planned: &Planned,
    mut draft: Draft,
    stop: &Arc<AtomicBool>,
    on_bytes: &mut (dyn FnMut(u64) + Send),
) -> Result<Packed, ReleaseError> {
    let (blocks, mut to_hash) = mpsc::channel::<Bytes>(QUEUE);
    let (hashed, mut to_write) = mpsc::channel::<Bytes>(QUEUE);
    let (content, stop) = (planned.content.clone(), Arc::clone(stop));
    let reading = spawn_blocking(move || {
        let mut blocks = Blocks { blocks, filling: Vec::with_capacity(BLOCK), written: 0 };
        let files = write_content(&content, &mut blocks, &stop)?;
        // If the receiver is gone, it has an error of its own, which is returned below.
        let _ = blocks.flush();
        Ok::<_, ReleaseError>(files)
    });
    let hashing = spawn_blocking(move || {
        let (mut hash, mut size) = (sha2::Sha256::new(), 0);
        while let Some(block) = to_hash.blocking_recv() {
            hash.update(&block);
            size += block.len() as u64;
            if hashed.blocking_send(block).is_err() {
                break;
            }
        }
        (size, <Sha256>::from(hash))
    });
    let mut taken = Ok(());
    while let Some(block) = to_write.recv().await {
        on_bytes(block.len() as u64);
        taken = draft.write(block).await;
        if taken.is_err() {
            break;
        }
    }
    drop(to_write);
    let read = reading.await.map_err(|error| ReleaseError::Objects(io::Error::other(error)))?;
    let (size, sha256) = hashing.await.map_err(|error| ReleaseError::Objects(io::Error::other(error)))?;
    taken.map_err(ReleaseError::Objects)?;
    let files = read?;
    draft.finish().await.map_err(ReleaseError::Objects)?;
    Ok(Packed { size, sha256, files })
}

fn write_content(content: &Content, blocks: &mut Blocks, stop: &AtomicBool) -> Result<Vec<PackedFile>, ReleaseError> {
    match content {
        Content::Verbatim(item) => {
            copy(item, blocks, stop)?;
            Ok(Vec::new())
        }
        Content::Archive(folder, items) => {
            let mut archive = Builder::new(blocks);
            let mut files = Vec::with_capacity(items.len());
            for item in items {
                let path = format!("{folder}/{}", item.path);
                // Only the header: the content is written below, where it is counted and hashed.
                archive.append_data(&mut header(item.size), path, io::empty()).map_err(receiver_gone)?;
                let blocks = archive.get_mut();
                let begins = blocks.written;
                let sha256 = copy(item, blocks, stop)?;
                let padding = item.size.next_multiple_of(512) - item.size;
                blocks.write_all(&[0; 512][..usize::try_from(padding).unwrap_or(0)]).map_err(receiver_gone)?;
                files.push(PackedFile { path: item.path.clone(), begins, size: item.size, sha256 });
            }
            archive.finish().map_err(receiver_gone)?;
            Ok(files)
        }
    }
}

/// A header in which only name and size vary, so that the same files make the same archive.
fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Copies a file's bytes; returns their SHA-256. The file must still have the size and modification
/// time that were found before.
fn copy(item: &Item, blocks: &mut Blocks, stop: &AtomicBool) -> Result<Sha256, ReleaseError> {
    let mut hash = sha2::Sha256::new();
    match &item.source {
        Source::Made(bytes) => {
            hash.update(bytes);
            blocks.write_all(bytes).map_err(receiver_gone)?;
        }
        Source::File(path, modified) => {
            let unreadable = |error| ReleaseError::Unreadable(path.clone(), error);
            let mut file = File::open(path).map_err(unreadable)?;
            let mut left = item.size;
            let mut buffer = vec![0; BLOCK];
            while left > 0 {
                if stop.load(Ordering::Relaxed) {
                    return Err(ReleaseError::Stopped);
                }
                let wanted = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
                let read = file.read(&mut buffer[..wanted]).map_err(unreadable)?;
                if read == 0 {
                    return Err(ReleaseError::Changed(path.clone()));
                }
                hash.update(&buffer[..read]);
                blocks.write_all(&buffer[..read]).map_err(receiver_gone)?;
                left -= read as u64;
            }
            check_unchanged(&file, path, item.size, *modified)?;
        }
    }
    Ok(hash.into())
}

fn check_unchanged(file: &File, path: &Path, size: u64, modified: i128) -> Result<(), ReleaseError> {
    let found = file.metadata().map_err(|error| ReleaseError::Unreadable(path.to_owned(), error))?;
    if found.len() == size && inventory::modified(&found, path)? == modified {
        Ok(())
    } else {
        Err(ReleaseError::Changed(path.to_owned()))
    }
}

/// The error when the receiver of the blocks is gone; its own error says why.
fn receiver_gone(error: io::Error) -> ReleaseError {
    ReleaseError::Objects(error)
}

/// Sends the bytes written to it on in blocks.
struct Blocks {
    blocks: mpsc::Sender<Bytes>,
    filling: Vec<u8>,
    /// Bytes written so far.
    written: u64,
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.filling.len());
        self.filling.extend_from_slice(&bytes[..taken]);
        self.written += taken as u64;
        if self.filling.len() == BLOCK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.filling.is_empty() {
            return Ok(());
        }
        let block = std::mem::replace(&mut self.filling, Vec::with_capacity(BLOCK));
        self.blocks.blocking_send(block.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
