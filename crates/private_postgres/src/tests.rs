//! The whole crate against a real Postgres. An owner that gets killed must be a process of its own:
//! this test program is started again to run only [`hold`], with the data directory in [`HELD`].

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgPool};
use tempfile::TempDir;
use tokio::time::sleep;

use super::cluster::Cluster;
use super::paths::Paths;
use super::{Options, PrivatePostgres, PrivatePostgresError, connect, leftovers};

/// The environment variable with the data directory that the other process opens.
const HELD: &str = "CALLIMICO_TEST_HELD_DATA_DIR";

/// A folder that the user of Postgres can enter when the tests run as root.
fn folder() -> TempDir {
    folder_with(0o755)
}

fn folder_with(mode: u32) -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.permissions(fs::Permissions::from_mode(mode));
    builder.tempdir().unwrap()
}

async fn try_open(data_dir: &Path) -> Result<PrivatePostgres, PrivatePostgresError> {
    PrivatePostgres::open(Options { data_dir: data_dir.to_owned(), durable: false, wait_for_owner: Duration::ZERO })
        .await
}

async fn open(data_dir: &Path) -> PrivatePostgres {
    try_open(data_dir).await.unwrap()
}

fn processes(data_dir: &Path) -> usize {
    let name = Paths::prepare(data_dir).unwrap().cluster_name();
    leftovers::count(&name)
}

fn pool(postgres: &PrivatePostgres) -> PgPool {
    PgPoolOptions::new().connect_lazy_with(postgres.connect_options())
}

async fn write(pool: &PgPool) {
    sqlx::query("CREATE TABLE kept (n int)").execute(pool).await.unwrap();
    sqlx::query("INSERT INTO kept VALUES (42)").execute(pool).await.unwrap();
}

async fn read(pool: &PgPool) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("SELECT n FROM kept").fetch_one(pool).await
}

/// Retries until it succeeds, for at most `limit`.
async fn read_within(pool: &PgPool, limit: Duration) -> i32 {
    let began = Instant::now();
    loop {
        match read(pool).await {
            Ok(n) => return n,
            Err(error) => assert!(began.elapsed() < limit, "still failing: {error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits, long enough for a slow machine, until a condition holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what} does not come true");
        sleep(Duration::from_millis(5)).await;
    }
}

fn spawn_holder(data_dir: &Path) -> Child {
    let test = concat!(module_path!(), "::hold");
    let test = test.split_once("::").unwrap().1;
    Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(HELD, data_dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
#[ignore = "is the other process of the tests below"]
async fn hold() {
    let data_dir = env::var_os(HELD).unwrap();
    let _held = open(Path::new(&data_dir)).await;
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn what_was_written_is_there_after_a_close_and_a_new_open() {
    let dir = folder();
    let first = open(dir.path()).await;
    let connections = pool(&first);
    write(&connections).await;
    connections.close().await;
    first.close().await;
    assert_eq!(processes(dir.path()), 0);
    let second = open(dir.path()).await;
    assert_eq!(read(&pool(&second)).await.unwrap(), 42);
    second.close().await;
}

#[tokio::test]
async fn two_that_open_a_new_directory_at_once_share_one_server() {
    let dir = folder();
    let (one, two) = tokio::join!(open(dir.path()), open(dir.path()));
    write(&pool(&one)).await;
    assert_eq!(read(&pool(&two)).await.unwrap(), 42);
    one.close().await;
    two.close().await;
    assert_eq!(processes(dir.path()), 0);
}

#[tokio::test]
async fn the_url_leads_to_the_same_database() {
    let dir = folder();
    let postgres = open(dir.path()).await;
    let options = postgres.database_url().parse().unwrap();
    let connection = connect(&options).await.unwrap();
    connection.close().await.unwrap();
    postgres.close().await;
}

#[tokio::test]
async fn an_attached_process_takes_over_when_the_owner_closes() {
    let dir = folder();
    let owner = open(dir.path()).await;
    let heir = open(dir.path()).await;
    let connections = pool(&heir);
    write(&connections).await;
    owner.close().await;
    assert_eq!(read_within(&connections, Duration::from_secs(10)).await, 42);
    heir.close().await;
    assert_eq!(processes(dir.path()), 0);
}

#[tokio::test]
async fn an_attached_process_takes_over_when_the_owner_is_killed() {
    let dir = folder();
    let owner = spawn_holder(dir.path());
    // The log shows that the other process has the lock.
    let log = dir.path().join("postgres.log");
    until("a log", || log.exists()).await;
    let heir = open(dir.path()).await;
    let connections = pool(&heir);
    write(&connections).await;
    kill(owner);
    assert_eq!(read_within(&connections, Duration::from_secs(10)).await, 42);
    heir.close().await;
}

#[tokio::test]
async fn a_killed_owner_leaves_no_process_behind() {
    let dir = folder();
    let owner = spawn_holder(dir.path());
    until("a server", || processes(dir.path()) > 0).await;
    kill(owner);
    until("the server's end", || processes(dir.path()) == 0).await;
}

#[tokio::test]
async fn a_first_start_killed_at_any_moment_does_not_spoil_the_next() {
    for moment in [1, 60, 200, 400, 700] {
        let dir = folder();
        let owner = spawn_holder(dir.path());
        sleep(Duration::from_millis(moment)).await;
        kill(owner);
        let postgres = open(dir.path()).await;
        write(&pool(&postgres)).await;
        postgres.close().await;
    }
}

#[tokio::test]
async fn a_server_that_dies_is_started_again() {
    let dir = folder();
    let postgres = open(dir.path()).await;
    let connections = pool(&postgres);
    write(&connections).await;
    let name = Paths::prepare(dir.path()).unwrap().cluster_name();
    leftovers::stop(&name).unwrap();
    assert_eq!(read_within(&connections, Duration::from_secs(10)).await, 42);
    postgres.close().await;
}

#[tokio::test]
async fn a_server_without_an_owner_is_replaced() {
    let dir = folder();
    let paths = Paths::prepare(dir.path()).unwrap();
    // Keeps the pipe open, as if the watchdog had failed.
    std::mem::forget(Cluster::start(&paths, false).unwrap());
    let postgres = open(dir.path()).await;
    write(&pool(&postgres)).await;
    postgres.close().await;
    assert_eq!(processes(dir.path()), 0);
}

#[tokio::test]
async fn a_stale_process_id_of_somebody_else_does_not_stop_the_start() {
    let dir = folder();
    open(dir.path()).await.close().await;
    let paths = Paths::prepare(dir.path()).unwrap();
    let home = paths.home();
    let text = format!("{}\n{}/data\n1\n5432\n", std::process::id(), home.display());
    fs::write(home.join("data/postmaster.pid"), &text).unwrap();
    fs::write(paths.socket_dir().join(".s.PGSQL.5432.lock"), &text).unwrap();
    open(dir.path()).await.close().await;
}

#[tokio::test]
async fn a_cluster_of_a_version_that_is_not_installed_is_refused() {
    let dir = folder();
    open(dir.path()).await.close().await;
    let home = Paths::prepare(dir.path()).unwrap().home();
    fs::write(home.join("data/PG_VERSION"), "8\n").unwrap();
    let error = try_open(dir.path()).await.unwrap_err();
    assert!(matches!(error, PrivatePostgresError::Version { cluster: 8, .. }), "{error}");
}

#[tokio::test]
async fn a_data_directory_may_have_spaces_and_a_long_path() {
    let dir = folder();
    for name in ["with spaces, and commas".to_owned(), "long".repeat(40)] {
        let data_dir = dir.path().join(name);
        let postgres = open(&data_dir).await;
        let attached = open(&data_dir).await;
        write(&pool(&postgres)).await;
        assert_eq!(read(&pool(&attached)).await.unwrap(), 42);
        attached.close().await;
        postgres.close().await;
        let socket = Paths::prepare(&data_dir).unwrap().socket_dir();
        assert!(socket.as_os_str().len() < 90);
        fs::remove_dir_all(socket).unwrap();
    }
}

#[tokio::test]
async fn as_root_a_database_goes_elsewhere_if_its_user_cannot_reach_the_directory() {
    let dir = folder_with(0o700);
    let postgres = open(dir.path()).await;
    write(&pool(&postgres)).await;
    let attached = open(dir.path()).await;
    assert_eq!(read(&pool(&attached)).await.unwrap(), 42);
    attached.close().await;
    postgres.close().await;
    let inside = dir.path().join("postgres");
    let moved = inside.is_symlink();
    assert_eq!(moved, nix::unistd::geteuid().is_root());
    if moved {
        let home = fs::canonicalize(&inside).unwrap();
        assert!(home.starts_with("/var/lib/callimico"));
        fs::remove_dir_all(home).unwrap();
        let error = try_open(dir.path()).await.unwrap_err();
        assert!(matches!(error, PrivatePostgresError::HomeLost { .. }));
    }
}
