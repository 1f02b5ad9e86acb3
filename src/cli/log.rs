//! `callimico log`: prints a track's log, or checks its chain and receipts for events of it.

use std::io::{self, Write};

use scoring::log::{LogHash, LogPlace};
use serde_json::{Value, json};

use super::{Failure, Session, progress};
use crate::app::App;
use crate::config::StorageConfig;
use crate::domain::log_event::Logged;
use crate::domain::slug::TrackPath;
use crate::proof;
use crate::store;
use crate::store::log::Line;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// competition/track
    track: TrackPath,
    /// Check the chain instead of printing the events, and print its head
    #[arg(long)]
    verify: bool,
    /// A place in the log that somebody kept, such as a receipt's, which must be there; may be given several times
    #[arg(long, value_name = "SEQ:HASH", requires = "verify")]
    receipt: Vec<LogPlace>,
    /// Print a JSON object an event, or the outcome of the check as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    let session = Session::open(storage).await?;
    let outcome = read(&session.app, &args.track).await;
    let lines = session.close(outcome).await?;
    let printed = if args.verify { verify(&args, &lines) } else { print(&args, &lines).map(|()| true) };
    match printed {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::CheckFailed),
        // Whoever closed the pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Ours(anyhow::Error::new(error).context("cannot write the log"))),
    }
}

/// All events of the track.
async fn read(app: &App, path: &TrackPath) -> Result<Vec<Line>, Failure> {
    let track = store::track::by_path(&app.db, path).await?;
    let track = track.ok_or_else(|| Failure::input(format!("there is no track {path}")))?;
    let mut db = app.db.acquire().await.map_err(store::StoreError::from)?;
    Ok(store::log::all(&mut db, track.id).await?)
}

fn print(args: &Args, lines: &[Line]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        if args.json {
            let event: Value = serde_json::from_slice(&line.event)?;
            writeln!(out, "{}", json!({ "hash": line.hash.to_string(), "event": event }))?;
        } else {
            writeln!(out, "{} {}", line.hash, String::from_utf8_lossy(&line.event))?;
        }
    }
    out.flush()
}

/// Checks the chain and the receipts; says whether all of it is right.
fn verify(args: &Args, lines: &[Line]) -> io::Result<bool> {
    let file: Vec<u8> = lines.iter().flat_map(Line::to_bytes).collect();
    let mut out = io::stdout().lock();
    let events: Vec<(LogHash, Logged)> = match proof::read_log(&file) {
        Ok(events) => events,
        Err(error) => {
            if args.json {
                writeln!(out, "{}", json!({ "ok": false, "error": error.to_string() }))?;
            } else {
                writeln!(out, "FAILED: {error}")?;
            }
            return Ok(false);
        }
    };
    let head = events.last().map(|(hash, event)| LogPlace { seq: event.seq, hash: *hash });
    let has =
        |receipt: &&LogPlace| events.iter().any(|(hash, event)| event.seq == receipt.seq && *hash == receipt.hash);
    let missing: Vec<String> = args.receipt.iter().filter(|receipt| !has(receipt)).map(ToString::to_string).collect();
    let head = head.map_or_else(String::new, |head| head.to_string());
    if args.json {
        let ok = missing.is_empty();
        writeln!(out, "{}", json!({ "ok": ok, "head": head, "events": events.len(), "missing": missing }))?;
    } else {
        writeln!(out, "ok: {} events, each follows the one before; the head is {head}", events.len())?;
        for receipt in args.receipt.iter().filter(has) {
            writeln!(out, "ok: {receipt}")?;
        }
        for receipt in &missing {
            writeln!(out, "FAILED: {receipt} is not in this log")?;
        }
        progress::message!(
            "a chain shows that nothing was changed since somebody kept a head; keep this one elsewhere"
        );
    }
    Ok(missing.is_empty())
}
