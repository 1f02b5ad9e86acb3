//! Objects in an S3 bucket, or in a service with the same API.

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

/// How long one request may take, except those that carry parts of large files.
const REQUEST_TIME: Duration = Duration::from_secs(60);
/// How long a presigned URL is valid: long enough to follow a redirect with a clock that is
/// slightly wrong.
const SIGNED_FOR: Duration = Duration::from_secs(300);

/// A bucket, and the prefix of the objects' names there.
#[derive(Debug, Clone)]
pub(super) struct S3 {
    client: Arc<AmazonS3>,
    /// Without `/` at either end; may be empty.
    prefix: String,
    location: String,
}

impl S3 {
    /// Takes `s3://bucket/prefix` and the environment's `AWS_` variables. Sends no request yet.
    pub(super) fn open(setting: &str) -> Result<Self, String> {
        let path = setting.strip_prefix("s3://").unwrap_or(setting);
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        if bucket.is_empty() {
            return Err("it names no bucket: write s3://BUCKET/PREFIX".to_owned());
        }
        let prefix = prefix.trim_matches('/').to_owned();
        Path::parse(&prefix).map_err(|error| error.to_string())?;
        // If another provider was installed already, it does as well.
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

    /// The name of an object in the bucket.
    pub(super) fn path(&self, name: impl Display) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    pub(super) async fn owner(&self) -> io::Result<Option<String>> {
        let bytes = self.read_at(&self.path(INSTANCE)).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// If two processes do this at once, the second finds the object there, which is fine: its
    /// content is compared afterwards.
    pub(super) async fn set_owner(&self, text: String) -> io::Result<()> {
        let path = self.path(INSTANCE);
        let once = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match within(self.client.put_opts(&path, text.clone().into(), once)).await? {
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(()),
            // Not every service with S3's API supports conditional requests.
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

    /// All objects whose names begin with `below/`.
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

    /// Sends one small request, which succeeds if the bucket exists and the credentials are
    /// accepted.
    pub(super) async fn is_there(&self) -> io::Result<()> {
        match within(self.client.head(&self.path(INSTANCE))).await? {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(to_io(error)),
        }
    }

    /// Writes bytes under a random name, reads them back and removes them.
    pub(super) async fn probe(&self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let path = self.path(format!("probe/{}", uuid::Uuid::new_v4()));
        within(self.client.put(&path, bytes.into())).await?.map_err(to_io)?;
        let read = self.read_at(&path).await?;
        self.remove_at(&path).await?;
        read.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The size of an object in bytes; `None` if there is none.
    pub(super) async fn size(&self, key: &ObjectKey) -> io::Result<Option<u64>> {
        match within(self.client.head(&self.path(key))).await? {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(to_io(error)),
        }
    }

    /// A stream of a range of bytes of an object.
    pub(super) async fn stream(
        &self,
        key: &ObjectKey,
        range: std::ops::Range<u64>,
    ) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<>> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let answer = within(self.client.get_opts(&self.path(key), options)).await?.map_err(to_io)?;
        Ok(answer.into_stream().map(|chunk| chunk.map_err(to_io)))
    }

    /// An address from which anybody who has it can fetch the object for a few minutes.
    pub(super) async fn signed_url(&self, method: Method, key: &ObjectKey) -> io::Result<String> {
        // Browsers must not display it as a page, whatever type the bucket would guess from the
        // name.
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
        // An explicit http:// address is intended.
        builder = builder.with_allow_http(true);
    }
    let retry = RetryConfig { max_retries: 5, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() };
    // A large file may take hours; small requests have `REQUEST_TIME`.
    let options = ClientOptions::new().with_timeout_disabled().with_connect_timeout(Duration::from_secs(5));
    let allow_http = builder.get_config_value(&AmazonS3ConfigKey::Client(object_store::ClientConfigKey::AllowHttp));
    let options = options.with_allow_http(allow_http.as_deref() == Some("true"));
    builder.with_retry(retry).with_client_options(options)
}

async fn within<T>(request: impl Future<Output = T>) -> io::Result<T> {
    let outcome = tokio::time::timeout(REQUEST_TIME, request).await;
    outcome.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the object store did not answer in time"))
}

/// Converts to an I/O error. Its text names the bucket and the request, never the secret key.
pub(super) fn to_io(error: Error) -> io::Error {
    let kind = match &error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
