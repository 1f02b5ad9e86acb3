//! What handlers and workers share: the database, the objects, the clock, the configuration.

mod object_ownership;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::{OnceCell, Semaphore};

use crate::board::Boards;
use crate::clock::Clock;
use crate::config::{LimitsConfig, StorageConfig};
use crate::objects::Objects;
use crate::secret::Passwords;
use crate::store::live::Live;
use crate::store::{self, StoreError};
use crate::upload_slots::UploadSlots;
use private_postgres::{Options, PrivatePostgres};

pub use object_ownership::ObjectOwnershipError;

/// The running program. Cheap to clone: everything inside is shared.
#[derive(Debug, Clone)]
pub struct App {
    /// The database.
    pub db: PgPool,
    /// Uploads.
    pub objects: Objects,
    /// The time.
    pub clock: Clock,
    /// Wake-ups between processes.
    pub live: Live,
    /// The boards of all tracks.
    pub boards: Boards,
    /// Password hashing, a few at a time.
    pub passwords: Passwords,
    /// How many uploads are checked at a time: bounds the memory they take.
    pub check_slots: Arc<Semaphore>,
    /// How many uploads of one participant are taken in at a time.
    pub upload_slots: UploadSlots,
    /// Limits that hold for every track.
    pub limits: LimitsConfig,
    link_key: Arc<OnceCell<Vec<u8>>>,
}

impl App {
    /// Puts the parts together.
    pub fn new(db: PgPool, objects: Objects, clock: Clock, limits: LimitsConfig) -> Self {
        Self {
            live: Live::start(db.clone()),
            boards: Boards::new(db.clone()),
            db,
            objects,
            clock,
            passwords: Passwords::new(2),
            check_slots: Arc::new(Semaphore::new(4)),
            upload_slots: UploadSlots::default(),
            limits,
            link_key: Arc::default(),
        }
    }

    /// The key that signs the addresses of downloads, the same for all processes of the instance.
    ///
    /// # Errors
    /// The database cannot answer.
    pub async fn link_key(&self) -> Result<&[u8], StoreError> {
        self.link_key.get_or_try_init(|| store::instance::link_key(&self.db)).await.map(Vec::as_slice)
    }
}

impl App {
    /// The same by another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self { clock, ..self.clone() }
    }

    /// The database's time, by which everything is decided: deadlines, attempts, the order of the log. In tests the fixed
    /// clock's.
    ///
    /// # Errors
    /// The database cannot answer.
    pub async fn database_time(&self, db: impl sqlx::PgExecutor<'_>) -> Result<time::OffsetDateTime, StoreError> {
        if let Clock::Fixed(_) = self.clock {
            return Ok(self.clock.now());
        }
        let now = store::health::now(db).await?;
        self.clock.follow(now);
        Ok(now)
    }
}

/// How long connections may take to end in good order.
const CLOSE_TIME: Duration = Duration::from_secs(3);

/// The database of this run: the one that was named, or a private Postgres.
#[derive(Debug)]
pub struct Database {
    /// Connections to it.
    pub pool: PgPool,
    /// Its address, for a program that is started with it.
    pub url: String,
    private: Option<PrivatePostgres>,
}

impl Database {
    /// Connects to the named database or starts the private one.
    ///
    /// `wait_for_owner` is how long to wait for another process that runs the private Postgres to end
    /// before sharing it.
    ///
    /// # Errors
    /// The database cannot be reached, or no private one can be started; the message says what to do.
    pub async fn open(storage: &StorageConfig, wait_for_owner: Duration) -> anyhow::Result<Self> {
        let (options, url, private) = if let Some(url) = &storage.database_url {
            let options: PgConnectOptions =
                url.parse().context("DATABASE_URL is no Postgres address (postgres://user:password@host/database)")?;
            (options, url.clone(), None)
        } else {
            let options = Options { data_dir: storage.data_dir.clone(), durable: true, wait_for_owner };
            let private = PrivatePostgres::open(options).await?;
            (private.connect_options(), private.database_url(), Some(private))
        };
        let pool = PgPoolOptions::new()
            .max_connections(24)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options.application_name("callimico"))
            .await
            .context("cannot connect to the database")?;
        Ok(Self { pool, url, private })
    }

    /// Applies the migrations that are missing.
    ///
    /// # Errors
    /// A migration fails, or the database was made by a newer version of the program.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        store::MIGRATIONS.run(&self.pool).await.context("cannot bring the database up to date")
    }

    /// Ends the connections, and the private Postgres where this process runs it.
    pub async fn close(self) {
        // Past the time they end with the process.
        let _ = tokio::time::timeout(CLOSE_TIME, self.pool.close()).await;
        if let Some(private) = self.private {
            private.close().await;
        }
    }
}
