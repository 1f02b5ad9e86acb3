//! Reading objects: bytes from a file, or an address where S3 serves them.

use std::io;
use std::ops::Range;

use axum::body::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::Method;

use super::{Backend, ObjectKey, Objects};

/// The bytes of an object, ready to be sent.
pub enum Outgoing {
    /// A part of a file on this machine.
    File(Slice),
    /// A stream from S3.
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

/// A range of bytes of a file.
#[derive(Debug)]
pub struct Slice {
    /// The file.
    pub file: std::fs::File,
    /// The range.
    pub range: Range<u64>,
}

impl Objects {
    /// The size of an object in bytes; `None` if there is none.
    ///
    /// # Errors
    /// The disk or S3 fails.
    pub async fn size(&self, key: &ObjectKey) -> io::Result<Option<u64>> {
        match &self.backend {
            Backend::Disk(disk) => match tokio::fs::metadata(disk.path(key)).await {
                Ok(metadata) => Ok(Some(metadata.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Backend::S3(s3) => s3.size(key).await,
        }
    }

    /// A range of bytes of an object. They are read only as they are consumed.
    ///
    /// # Errors
    /// There is no such object, or the disk or S3 fails.
    pub async fn outgoing(&self, key: &ObjectKey, range: Range<u64>) -> io::Result<Outgoing> {
        match &self.backend {
            Backend::Disk(disk) => {
                let file = tokio::fs::File::open(disk.path(key)).await?.into_std().await;
                Ok(Outgoing::File(Slice { file, range }))
            }
            Backend::S3(s3) => Ok(Outgoing::Stream(s3.stream(key, range).await?.boxed())),
        }
    }

    /// An address from which anybody who has it can fetch the object for a few minutes; `None` if
    /// objects are on disk.
    ///
    /// # Errors
    /// There are no credentials to sign with.
    pub async fn signed_url(&self, method: Method, key: &ObjectKey) -> io::Result<Option<String>> {
        match &self.backend {
            Backend::Disk(_) => Ok(None),
            Backend::S3(s3) => s3.signed_url(method, key).await.map(Some),
        }
    }
}
