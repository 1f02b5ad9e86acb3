//! `callimico doctor`: checks what the server and the baseline need, one line each.

use std::time::Duration;

use anyhow::Context;

use super::Failure;
use crate::app::Database;
use crate::clock::Clock;
use crate::config::StorageConfig;
use crate::objects::Objects;
use lira::{Device, DeviceChoice, Library, RuntimeError};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, serde::Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    detail: String,
}

pub(super) async fn run(storage: &StorageConfig, args: &Args) -> Result<(), Failure> {
    let mut findings = vec![finding("objects", objects(storage).await)];
    match Database::open(storage, Duration::ZERO).await {
        Ok(database) => {
            findings.push(finding("database", describe(&database).await));
            findings.push(finding("migrations", migrations(&database).await));
            findings.push(finding("clock", clock(&database).await));
            database.close().await;
        }
        Err(error) => findings.push(finding("database", Err(error))),
    }
    findings.push(finding("onnxruntime", onnxruntime()));
    if args.json {
        let text = serde_json::to_string_pretty(&findings).context("cannot write the findings")?;
        super::output::line!("{text}");
    } else {
        for finding in &findings {
            super::output::line!("{} {}: {}", if finding.ok { "ok  " } else { "FAIL" }, finding.check, finding.detail);
        }
    }
    if findings.iter().all(|finding| finding.ok) {
        Ok(())
    } else {
        Err(Failure::Ours(anyhow::anyhow!("a check failed")))
    }
}

fn finding(check: &'static str, outcome: anyhow::Result<String>) -> Finding {
    match outcome {
        Ok(detail) => Finding { check, ok: true, detail },
        Err(error) => Finding { check, ok: false, detail: format!("{error:#}") },
    }
}

async fn objects(storage: &StorageConfig) -> anyhow::Result<String> {
    let objects = Objects::open(&storage.objects, &storage.data_dir)?;
    objects.probe().await.context("a test file cannot be written and read back")?;
    Ok(format!("{} stores files and returns them", storage.objects))
}

async fn describe(database: &Database) -> anyhow::Result<String> {
    let version = crate::store::health::version(&database.pool).await?;
    Ok(format!("PostgreSQL {version}"))
}

async fn migrations(database: &Database) -> anyhow::Result<String> {
    let missing = crate::store::health::missing_migrations(&database.pool).await?;
    if missing == 0 {
        Ok("all applied".to_owned())
    } else {
        anyhow::bail!("{missing} are not applied: run `callimico migrate`, or `callimico serve` without --no-migrate")
    }
}

/// Deadlines follow this machine's clock and leases the database's, so the two should agree.
async fn clock(database: &Database) -> anyhow::Result<String> {
    let database_now = crate::store::health::now(&database.pool).await?;
    let difference = (Clock::system().now() - database_now).abs();
    if difference < time::Duration::seconds(5) {
        Ok(format!("within {:.1} s of the database's", difference.as_seconds_f64().max(0.1)))
    } else {
        anyhow::bail!("{:.0} s off the database's: synchronise both with a time server", difference.as_seconds_f64())
    }
}

/// The server does not need ONNX Runtime, so its absence is not a failure.
fn onnxruntime() -> anyhow::Result<String> {
    let library = match Library::load() {
        Err(error @ RuntimeError::NotFound) => {
            return Ok(format!("not found; only `callimico lira` and the demo need it. {error}"));
        }
        loaded => loaded?,
    };
    let mut text = format!("{} in {}, which has the CPU", library.version(), library.path().display());
    if library.providers().contains(&Device::Cuda) {
        text += match library.with_device(DeviceChoice::Cuda, false) {
            Ok(_) => " and CUDA, where a GPU answers",
            Err(_) => " and CUDA, where no GPU answers (`callimico lira --device cuda` says why)",
        };
    }
    Ok(text)
}
