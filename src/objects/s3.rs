//! Objects in an S3 bucket, or in what speaks as S3 does.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{
    ClientOptions, Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    PutPayload, RetryConfig,
};
use reqwest::Method;

use super::key::{self, INSTANCE, ORPHANED, ObjectKey, RELEASES, UPLOADS};
use crate::domain::ids::{FileId, SubmissionId};

/// How long one request may take, but those that carry parts of large files.
const REQUEST_TIME: Duration = Duration::from_secs(60);
/// How long a presigned URL leads somewhere: long enough to follow a redirect with a clock that is a little off.
const SIGNED_FOR: Duration = Duration::from_secs(300);

/// A bucket and what the names of our objects begin with there.
#[derive(Debug, Clone)]
pub(super) struct S3 {
    client: Arc<AmazonS3>,
    /// Without `/` at either end; may be empty.
    prefix: String,
    location: String,
}

impl S3 {
    /// From `s3://bucket/prefix` and the environment's `AWS_` variables. Nothing is asked of the bucket yet.
    pub(super) fn open(setting: &str) -> Result<Self, String> {
        let place = setting.strip_prefix("s3://").unwrap_or(setting);
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() {
            return Err("it names no bucket: write s3://BUCKET/PREFIX".to_owned());
        }
        let prefix = prefix.trim_matches('/').to_owned();
        Path::parse(&prefix).map_err(|error| error.to_string())?;
        // Where somebody else chose one already, that one is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = builder(bucket).build().map_err(|error| error.to_string())?;
        Ok(Self { client: Arc::new(client), prefix, location: setting.trim_end_matches('/').to_owned() })
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// The client, for the requests of a draft.
    pub(super) fn client(&self) -> Arc<AmazonS3> {
        Arc::clone(&self.client)
    }

    /// Where an object lies.
    pub(super) fn path(&self, name: impl Display) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    pub(super) async fn owner(&self) -> io::Result<Option<String>> {
        let bytes = self.read_at(&self.path(INSTANCE)).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Whoever comes second finds the object there, which is fine: what it says is compared afterwards.
    pub(super) async fn set_owner(&self, text: String) -> io::Result<()> {
        let path = self.path(INSTANCE);
        let once = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match within(self.client.put_opts(&path, text.clone().into(), once)).await? {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(()),
            // Not all that speak as S3 does know conditions.
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                within(self.client.put(&path, text.into())).await?.map(drop).map_err(to_io)
            }
            outcome => outcome.map(drop).map_err(to_io),
        }
    }

    pub(super) async fn put(&self, key: &ObjectKey, bytes: Vec<u8>) -> io::Result<()> {
        within(self.client.put(&self.path(key), PutPayload::from(bytes))).await?.map(drop).map_err(to_io)
    }

    pub(super) async fn read(&self, key: &ObjectKey) -> io::Result<Option<Vec<u8>>> {
        self.read_at(&self.path(key)).await
    }

    async fn read_at(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let read = within(async { self.client.get(path).await?.bytes().await }).await?;
        match read {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(to_io(error)),
        }
    }

    pub(super) async fn remove(&self, key: &ObjectKey) -> io::Result<()> {
        self.remove_at(&self.path(key)).await
    }

    async fn remove_at(&self, path: &Path) -> io::Result<()> {
        match within(self.client.delete(path)).await? {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(to_io(error)),
        }
    }

    pub(super) async fn remove_release(&self, id: FileId) -> io::Result<()> {
        for object in self.list(&format!("{RELEASES}/{id}")).await? {
            self.remove_at(&object.location).await?;
        }
        Ok(())
    }

    /// All objects below a name.
    async fn list(&self, below: &str) -> io::Result<Vec<ObjectMeta>> {
        self.client.list(Some(&self.path(below))).try_collect().await.map_err(to_io)
    }

    pub(super) async fn uploads(&self, wanted: impl Fn(SystemTime) -> bool) -> io::Result<Vec<SubmissionId>> {
        let objects = self.list(UPLOADS).await?.into_iter().filter(|object| wanted(object.last_modified.into()));
        Ok(objects.filter_map(|object| key::upload_of(object.location.filename()?)).collect())
    }

    pub(super) async fn releases(&self, wanted: impl Fn(SystemTime) -> bool) -> io::Result<Vec<FileId>> {
        let below = self.path(RELEASES);
        let objects = self.list(RELEASES).await?.into_iter().filter(|object| wanted(object.last_modified.into()));
        let id = |object: ObjectMeta| object.location.prefix_match(&below)?.next()?.as_ref().parse().ok();
        Ok(objects.filter_map(id).collect())
    }

    pub(super) async fn set_aside(&self, id: SubmissionId) -> io::Result<()> {
        let from = self.path(ObjectKey::Upload(id));
        match within(self.client.copy(&from, &self.path(key::aside(id)))).await? {
            Ok(()) => self.remove_at(&from).await,
            Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(to_io(error)),
        }
    }

    pub(super) async fn remove_set_aside(&self, age: Duration) -> io::Result<usize> {
        let is_old = super::folder::is_older_than(age);
        let mut removed = 0;
        for object in self.list(ORPHANED).await?.into_iter().filter(|object| is_old(object.last_modified.into())) {
            self.remove_at(&object.location).await?;
            removed += 1;
        }
        Ok(removed)
    }

    /// One small question, which the bucket answers if it is there and ours to ask.
    pub(super) async fn is_there(&self) -> io::Result<()> {
        match within(self.client.head(&self.path(INSTANCE))).await? {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(to_io(error)),
        }
    }

    /// Writes bytes under a name of their own, reads them back and removes them.
    pub(super) async fn probe(&self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let path = self.path(format!("probe/{}", uuid::Uuid::new_v4()));
        within(self.client.put(&path, bytes.into())).await?.map_err(to_io)?;
        let read = self.read_at(&path).await?;
        self.remove_at(&path).await?;
        read.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Bytes of an object; `None` where there is none.
    pub(super) async fn size(&self, key: &ObjectKey) -> io::Result<Option<u64>> {
        match within(self.client.head(&self.path(key))).await? {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(to_io(error)),
        }
    }

    /// Some bytes of an object, as they come.
    pub(super) async fn stream(
        &self,
        key: &ObjectKey,
        range: std::ops::Range<u64>,
    ) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<>> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let answer = within(self.client.get_opts(&self.path(key), options)).await?.map_err(to_io)?;
        Ok(answer.into_stream().map(|chunk| chunk.map_err(to_io)))
    }

    /// An address that gives the object to whoever has it, for a few minutes.
    pub(super) async fn signed_url(&self, method: Method, key: &ObjectKey) -> io::Result<String> {
        // Nothing is drawn as a page, whatever the bucket thinks a name means.
        let options = SignedUrlOptions::new().with_query([
            ("response-content-disposition", "attachment"),
            ("response-content-type", "application/octet-stream"),
        ]);
        let signed = self.client.signed_url_opts(method, &self.path(key), SIGNED_FOR, &options).await;
        Ok(signed.map_err(to_io)?.to_string())
    }
}

fn builder(bucket: &str) -> AmazonS3Builder {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
        .into_iter()
        .find_map(|key| builder.get_config_value(&key));
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        // Whoever writes http:// means it.
        builder = builder.with_allow_http(true);
    }
    let retry = RetryConfig { max_retries: 5, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() };
    // A large file may take hours; what is small has `REQUEST_TIME`.
    let options = ClientOptions::new().with_timeout_disabled().with_connect_timeout(Duration::from_secs(5));
    let allow_http = builder.get_config_value(&AmazonS3ConfigKey::Client(object_store::ClientConfigKey::AllowHttp));
    let options = options.with_allow_http(allow_http.as_deref() == Some("true"));
    builder.with_retry(retry).with_client_options(options)
}

async fn within<T>(request: impl Future<Output = T>) -> io::Result<T> {
    let outcome = tokio::time::timeout(REQUEST_TIME, request).await;
    outcome.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the object store did not answer in time"))
}

/// The error as the rest of the house knows errors. Its text names bucket and request, never a key.
pub(super) fn to_io(error: Error) -> io::Error {
    let kind = match &error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
