//! `callimico serve`: pages, API and scoring workers in one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Failure, Session};
use crate::app::App;
use crate::config::{HttpConfig, LimitsConfig, StorageConfig, WorkerConfig};

use crate::http::listener::{self, Limits};
use crate::http::rate_limit::RateLimits;
use crate::http::server::{ServerState, Site};
use crate::{routes, worker};

/// How long a server waits for a shorter-lived command that runs the private Postgres.
pub(super) const WAIT_FOR_OWNER: Duration = Duration::from_secs(10);
/// How long requests under way may take once the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    http: HttpConfig,
    #[command(flatten)]
    workers: WorkerConfig,
    #[command(flatten)]
    limits: LimitsConfig,
    /// Do not bring the database up to date; end with an error where it is not
    #[arg(long)]
    no_migrate: bool,
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    let stop = stop_signal()?;
    // The address first: where it is taken, nothing else is begun.
    let listener = TcpListener::bind(args.http.bind)
        .await
        .with_context(|| format!("cannot listen on {} (is another server running there?)", args.http.bind))?;
    let session = if args.no_migrate {
        Session::open_without_migrating(storage, args.limits, WAIT_FOR_OWNER).await?
    } else {
        Session::open_with(storage, args.limits, WAIT_FOR_OWNER).await?
    };
    let outcome = serve(session.app.clone(), listener, &args.http, args.workers.workers, stop).await;
    session.close(outcome).await
}

/// Serves until `stop` turns true, then ends in good order: no new connections, requests and scorings under way
/// are finished.
pub(super) async fn serve(
    app: App,
    listener: TcpListener,
    http: &HttpConfig,
    workers: usize,
    stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let site = Site::new(http);
    if !site.is_secure() {
        tracing::warn!(
            "log-ins go over plain http to {}: put https in front and set CALLIMICO_PUBLIC_URL",
            site.base()
        );
    }
    let rate_limits = RateLimits::new(app.limits.logins_per_minute);
    let keeper = tokio::spawn(forget_old(rate_limits.clone()));
    let router = routes::all(ServerState { app: app.clone(), site: site.clone(), rate_limits })?;
    let address = listener.local_addr().context("the listening address is gone")?;
    tracing::info!(%address, url = site.base(), workers, "serving");
    let scoring = tokio::spawn(worker::run(app, workers, stop.clone()));
    listener::serve(listener, router, Limits::of_process(GRACE), stopped(stop)).await;
    keeper.abort();
    scoring.await.context("the workers broke off")?;
    tracing::info!("stopped");
    Ok(())
}

async fn forget_old(rate_limits: RateLimits) {
    loop {
        tokio::time::sleep(Duration::from_secs(600)).await;
        rate_limits.forget_old();
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone means stop, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Turns true at Ctrl-C or SIGTERM; the second one ends the process at once.
pub(super) fn stop_signal() -> Result<watch::Receiver<bool>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let (sender, receiver) = watch::channel(false);
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if *sender.borrow() {
                std::process::exit(130);
            }
            // Nobody waiting any more is fine.
            let _ = sender.send(true);
        }
    });
    Ok(receiver)
}

/// The same for work outside of the runtime: becomes true at Ctrl-C or SIGTERM.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut stopped = stop_signal()?;
    let asked = Arc::clone(&stop);
    tokio::spawn(async move {
        if stopped.wait_for(|stopped| *stopped).await.is_ok() {
            asked.store(true, Ordering::Relaxed);
        }
    });
    Ok(stop)
}
