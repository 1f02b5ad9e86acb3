//! Every migration is tested on a database that has rows: one script fills it before the migration,
//! another checks it afterwards.
//!
//! A new migration brings `migrations/VERSION.before.sql`, which fills the tables as they were, and
//! `migrations/VERSION.after.sql`, whose `assert`s say what must have become of the rows. Without them
//! this test fails.

use std::fs;
use std::path::PathBuf;

use callimico::store::MIGRATIONS;
use sqlx::{AssertSqlSafe, PgPool};

/// The last migration that is not tried: the first fixture fills the schema that it left.
const FIRST_SCHEMA: i64 = 20_261_124_090_000;

fn fixture(version: i64, when: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/server/migrations/{version}.{when}.sql"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn run(db: &PgPool, version: i64, when: &str) {
    let sql = fixture(version, when);
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.unwrap_or_else(|error| panic!("{version}, {when}: {error}"));
}

#[sqlx::test(migrations = false)]
async fn no_migration_loses_or_bends_a_row(db: PgPool) {
    MIGRATIONS.run_to(FIRST_SCHEMA, &db).await.expect("the first schema");
    let mut tried = 0;
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > FIRST_SCHEMA) {
        run(&db, migration.version, "before").await;
        MIGRATIONS
            .run_to(migration.version, &db)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", migration.version));
        run(&db, migration.version, "after").await;
        tried += 1;
    }
    assert!(tried >= 3, "only {tried} migrations were tried");
}
