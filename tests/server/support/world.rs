//! The server under test: the app with a fixed clock, a database and a folder of its own, and a
//! small open track.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use callimico::app::App;
use callimico::clock::Clock;
use callimico::config::{HttpConfig, LimitsConfig};
use callimico::domain::phase::GRACE;
use callimico::domain::slug::TrackPath;
use callimico::http::rate_limit::RateLimits;
use callimico::http::server::{ServerState, Site};
use callimico::importer::ImportError;
use callimico::importer::apply::{self, FinalLabels, Mode, Request as Import, SaidOfRanking};
use callimico::importer::plan::Plan;
use callimico::objects::Objects;
use callimico::service::lifecycle::{self, By, LabelsAtReveal, OpeningLabels};
use callimico::store::track::{self, Track};
use callimico::worker::{self, Step};
use callimico::{domain, routes};
use http_body_util::BodyExt;
use sqlx::{AssertSqlSafe, PgPool};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;
use tower::ServiceExt;

use super::answer::Answer;
use super::track::TrackFiles;

/// The time at which every test begins.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-23 12:00 UTC);
/// The track's path.
pub(crate) const TRACK: &str = "mico/tiny";
/// The track's URL in the API.
pub(crate) const TRACK_URL: &str = "/api/v1/competitions/mico/tracks/tiny";

/// The complete server without its socket.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) router: Router,
    folder: TempDir,
}

/// How a world differs from the usual one.
#[derive(Default)]
pub(crate) struct Setting {
    files: TrackFiles,
    limits: LimitsConfig,
    public_url: Option<String>,
    opening: OpeningLabels,
}

impl World {
    /// With an open track that has MICO's settings.
    pub(crate) async fn new(db: PgPool) -> Self {
        Self::with(Setting::default(), db).await
    }

    /// With this `track.yaml`.
    pub(crate) async fn with_yaml(db: PgPool, yaml: &str) -> Self {
        Self::with(Setting { files: TrackFiles::with_yaml(yaml), ..Setting::default() }, db).await
    }

    /// With these limits.
    pub(crate) async fn with_limits(db: PgPool, limits: LimitsConfig) -> Self {
        Self::with(Setting { limits, ..Setting::default() }, db).await
    }

    /// With this public URL.
    pub(crate) async fn with_public_url(db: PgPool, url: &str) -> Self {
        Self::with(Setting { public_url: Some(url.to_owned()), ..Setting::default() }, db).await
    }

    /// With these files.
    pub(crate) async fn with_files(db: PgPool, files: TrackFiles) -> Self {
        Self::with(Setting { files, ..Setting::default() }, db).await
    }

    /// With these files, opened with this word on the labels of the final split.
    pub(crate) async fn opened_with(db: PgPool, files: TrackFiles, opening: OpeningLabels) -> Self {
        Self::with(Setting { files, opening, ..Setting::default() }, db).await
    }

    /// With a track that is still being prepared.
    pub(crate) async fn draft(db: PgPool, files: &TrackFiles) -> Self {
        let world = Self::on(db, LimitsConfig::default(), None);
        world.app.claim_objects().await.expect("a folder that nobody else has");
        world.import(files).await;
        world
    }

    async fn with(setting: Setting, db: PgPool) -> Self {
        let world = Self::on(db, setting.limits, setting.public_url);
        world.app.claim_objects().await.expect("a folder that nobody else has");
        world.import(&setting.files).await;
        let path: TrackPath = TRACK.parse().expect("a track's path");
        let taken = lifecycle::open(&world.app, &path, setting.opening, By::default()).await.expect("a draft");
        assert!(!taken.already);
        world
    }

    /// On this database, without importing the track.
    pub(crate) fn on(db: PgPool, limits: LimitsConfig, public_url: Option<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let objects = Objects::open("file:", folder.path()).expect("a place for objects");
        let app = App::new(db, objects, Clock::fixed(NOW), limits);
        let http = HttpConfig { bind: SocketAddr::from(([127, 0, 0, 1], 8080)), public_url };
        let state = ServerState {
            app: app.clone(),
            site: Site::new(&http),
            rate_limits: RateLimits::new(limits.logins_per_minute),
        };
        let router = routes::all(state).expect("routes");
        Self { app, router, folder }
    }

    /// The app of a second process on the same database and files.
    pub(crate) fn second_app(&self) -> App {
        App::new(self.app.db.clone(), self.app.objects.clone(), self.app.clock.clone(), self.app.limits)
    }

    /// Imports the track from a directory with these files; it must succeed.
    pub(crate) async fn import(&self, files: &TrackFiles) -> Plan {
        self.try_import(files).await.expect("an import")
    }

    /// Imports the track with a word on its final labels; it may be refused.
    pub(crate) async fn import_final(&self, files: &TrackFiles, labels: FinalLabels) -> Result<Plan, ImportError> {
        let root = tempfile::tempdir().expect("a folder");
        files.write(root.path());
        let request = Import {
            track: Self::path(),
            title: None,
            ranking: SaidOfRanking::default(),
            mode: Mode::Apply,
            final_labels: labels,
        };
        apply::track_directory(&self.app, root.path(), &request).await
    }

    /// Imports the track from a directory with these files; it may be refused.
    pub(crate) async fn try_import(&self, files: &TrackFiles) -> Result<Plan, ImportError> {
        self.import_with(files, SaidOfRanking::default()).await
    }

    /// The same with what the command line says of ranking.
    pub(crate) async fn import_with(&self, files: &TrackFiles, ranking: SaidOfRanking) -> Result<Plan, ImportError> {
        let root = tempfile::tempdir().expect("a folder");
        files.write(root.path());
        let path: TrackPath = TRACK.parse().expect("a track's path");
        let request = Import {
            track: path,
            title: Some("Tiny".to_owned()),
            ranking,
            mode: Mode::Apply,
            final_labels: FinalLabels::default(),
        };
        apply::track_directory(&self.app, root.path(), &request).await
    }

    /// The track as it is in the database.
    pub(crate) async fn track(&self) -> Track {
        let path: TrackPath = TRACK.parse().expect("a track's path");
        track::by_path(&self.app.db, &path).await.expect("the database answers").expect("the track")
    }

    /// Sends a request; the body of the response may not be complete yet.
    pub(crate) async fn open(&self, mut request: Request<Body>) -> Response<Body> {
        let peer = SocketAddr::from(([192, 0, 2, 1], 4711));
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await.expect("the router answers everything")
    }

    /// Sends a request and reads the answer to its end.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.open(request).await.into_parts();
        let body = body.collect().await.expect("a whole answer").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Lets a worker process all jobs that are due.
    pub(crate) async fn drain(&self) -> Vec<Step> {
        worker::drain(&self.app).await.expect("a queue that answers")
    }

    /// The track's path.
    pub(crate) fn path() -> TrackPath {
        TRACK.parse().expect("a track's path")
    }

    /// Closes the track now.
    pub(crate) async fn close(&self) {
        let taken = lifecycle::close(&self.app, &Self::path(), By::default()).await.expect("an open track");
        assert!(!taken.already, "it was closed already");
    }

    /// Closes the track and waits until its entries are frozen.
    pub(crate) async fn freeze(&self) {
        self.close().await;
        self.wait(GRACE);
        self.take_due_steps().await;
        assert!(self.track().await.ending.entries_frozen_at.is_some(), "the entries wait for something");
    }

    /// Does what every server does by itself every two seconds.
    pub(crate) async fn take_due_steps(&self) {
        worker::take_due_steps(&self.app).await.expect("steps");
    }

    /// Begins the final scores; answers how many of how many are there.
    pub(crate) async fn preview(&self) -> (i64, i64) {
        let counts = lifecycle::preview(&self.app, &Self::path(), By::default()).await.expect("a frozen track");
        (counts.ready, counts.of)
    }

    /// Closes the track, freezes its entries and lets workers score them on the final split.
    pub(crate) async fn score_final(&self) {
        self.freeze().await;
        self.preview().await;
        self.drain().await;
    }

    /// Makes the final ranking public.
    pub(crate) async fn reveal(&self, labels: LabelsAtReveal) {
        let revealed = lifecycle::reveal(&self.app, &Self::path(), labels, By::default()).await;
        assert!(!revealed.expect("all final scores").already, "it was revealed already");
    }

    /// Advances the clock.
    pub(crate) fn wait(&self, by: time::Duration) {
        self.app.clock.advance(by);
    }

    /// Executes SQL that no part of the program would.
    pub(crate) async fn sql(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.app.db).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// The name of the constraint by which the database refuses a statement.
    pub(crate) async fn refused_by(&self, statement: &'static str) -> String {
        let refused = sqlx::raw_sql(statement).execute(&self.app.db).await;
        let error = refused.expect_err("the database refuses it");
        let constraint = error.as_database_error().and_then(sqlx::error::DatabaseError::constraint);
        constraint.unwrap_or_else(|| panic!("{statement}: {error}")).to_owned()
    }

    /// One number out of the database.
    pub(crate) async fn count(&self, from: &str) -> i64 {
        let query = format!("select count(*) from {from}");
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&self.app.db).await.expect("a count")
    }

    /// The folder of stored uploads.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.folder.path().join("objects/uploads")
    }

    /// The folder of uploads in progress.
    pub(crate) fn staged(&self) -> PathBuf {
        self.folder.path().join("objects/staged")
    }

    /// The numbers of stored uploads and of files of uploads in progress.
    pub(crate) fn files(&self) -> (usize, usize) {
        let count = |folder: PathBuf| std::fs::read_dir(folder).expect("a folder").count();
        (count(self.uploads()), count(self.staged()))
    }

    /// Asserts that an upload left nothing: no row, no job, no file.
    pub(crate) async fn assert_nothing_kept(&self) {
        assert_eq!(self.count("submissions").await, 0, "a row was kept");
        assert_eq!(self.count("jobs").await, 0, "a job was kept");
        assert_eq!(self.files(), (0, 0), "bytes were kept");
    }

    /// Parses a submission's id.
    pub(crate) fn id(text: &str) -> domain::ids::SubmissionId {
        text.parse().expect("a submission's id")
    }
}

/// Why an organiser does something.
pub(crate) fn reason(text: &str) -> domain::reason::Reason {
    text.parse().expect("a reason")
}
