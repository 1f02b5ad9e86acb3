//! Bytes on their way out: a file's, or an address where S3 gives them.

use std::io;
use std::ops::Range;

use axum::body::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::Method;

use super::{ObjectKey, Objects, Place};

/// Where the bytes of an object come from.
pub enum Outgoing {
    /// A file of this machine, to be read.
    File(Slice),
    /// Another server, as they come.
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

/// Some bytes of a file.
#[derive(Debug)]
pub struct Slice {
    /// The file.
    pub file: std::fs::File,
    /// Which bytes of it.
    pub range: Range<u64>,
}

impl Objects {
    /// How large an object is; `None` where there is none.
    ///
    /// # Errors
    /// The place does not answer.
    pub async fn size(&self, key: &ObjectKey) -> io::Result<Option<u64>> {
        match &self.place {
            Place::Disk(disk) => match tokio::fs::metadata(disk.path(key)).await {
                Ok(metadata) => Ok(Some(metadata.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Place::S3(s3) => s3.size(key).await,
        }
    }

    /// Bytes of an object. Nothing is read before somebody wants it.
    ///
    /// # Errors
    /// There is no such object, or the place does not answer.
    pub async fn outgoing(&self, key: &ObjectKey, range: Range<u64>) -> io::Result<Outgoing> {
        match &self.place {
            Place::Disk(disk) => {
                let file = tokio::fs::File::open(disk.path(key)).await?.into_std().await;
                Ok(Outgoing::File(Slice { file, range }))
            }
            Place::S3(s3) => Ok(Outgoing::Stream(s3.stream(key, range).await?.boxed())),
        }
    }

    /// An address that gives the object for a few minutes to whoever has it; `None` where objects lie on disk.
    ///
    /// # Errors
    /// There are no credentials to sign with.
    pub async fn signed_url(&self, method: Method, key: &ObjectKey) -> io::Result<Option<String>> {
        match &self.place {
            Place::Disk(_) => Ok(None),
            Place::S3(s3) => s3.signed_url(method, key).await.map(Some),
        }
    }
}
