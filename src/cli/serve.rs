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

/// How long a server waits for another command that is running the private Postgres to end.
pub(super) const DATABASE_WAIT: Duration = Duration::from_secs(10);
/// How long running requests may still take once the server is told to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    http: HttpConfig,
    #[command(flatten)]
    workers: WorkerConfig,
    #[command(flatten)]
    limits: LimitsConfig,
    /// Do not apply migrations; fail if any are missing
    #[arg(long)]
    no_migrate: bool,
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    let stop = stop_signal()?;
    // Bind first: if the address is taken, nothing else has been started yet.
    let listener = TcpListener::bind(args.http.bind)
        .await
        .with_context(|| format!("cannot listen on {} (is another server running there?)", args.http.bind))?;
    let session = if args.no_migrate {
        Session::open_without_migrating(storage, args.limits, DATABASE_WAIT).await?
    } else {
        Session::open_with(storage, args.limits, DATABASE_WAIT).await?
    };
    let outcome = serve(session.app.clone(), listener, &args.http, args.workers.workers, stop).await;
    session.close(outcome).await
}

/// Serves until `stop` becomes true, then shuts down gracefully: it accepts no new connections and
/// finishes the running requests and scorings.
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
    let cleanup = tokio::spawn(forget_old(rate_limits.clone()));
    let router = routes::all(ServerState { app: app.clone(), site: site.clone(), rate_limits })?;
    let address = listener.local_addr().context("the listening address is gone")?;
    tracing::info!(%address, url = site.base(), workers, "serving");
    let scoring = tokio::spawn(worker::run(app, workers, stop.clone()));
    listener::serve(listener, router, Limits::of_process(SHUTDOWN_GRACE), stopped(stop)).await;
    cleanup.abort();
    scoring.await.context("the workers panicked")?;
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
    // If the sender is gone, stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Becomes true on Ctrl-C or SIGTERM; the second signal ends the process at once.
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
            // It does not matter if nobody waits for it any more.
            let _ = sender.send(true);
        }
    });
    Ok(receiver)
}

/// [`stop_signal`] as a flag, for code that runs outside the async runtime.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let mut signal = stop_signal()?;
    let set = Arc::clone(&flag);
    tokio::spawn(async move {
        if signal.wait_for(|stop| *stop).await.is_ok() {
            set.store(true, Ordering::Relaxed);
        }
    });
    Ok(flag)
}
