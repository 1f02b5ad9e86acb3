//! `callimico worker`: scoring workers without a server.

use super::{Failure, Session, serve};
use crate::config::{LimitsConfig, StorageConfig, WorkerConfig};
use crate::worker;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    workers: WorkerConfig,
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    if args.workers.workers == 0 {
        return Err(Failure::input("a worker process needs at least one worker: --workers 1"));
    }
    let stop = serve::stop_signal()?;
    let session = Session::open_with(storage, LimitsConfig::default(), serve::DATABASE_WAIT).await?;
    tracing::info!(workers = args.workers.workers, "working");
    worker::run(session.app.clone(), args.workers.workers, stop).await;
    session.close(Ok(())).await
}
