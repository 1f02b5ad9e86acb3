//! `callimico demo`: a complete small competition, made from scratch and served.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

use super::{Failure, Session, serve};
use crate::config::{HttpConfig, LimitsConfig, StorageConfig};
use crate::demo;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address to serve on [default: 127.0.0.1:8080, or any free port if that is taken]
    #[arg(long, env = "CALLIMICO_BIND", value_name = "ADDRESS")]
    bind: Option<SocketAddr>,
    /// Exit once everything is made and scored
    #[arg(long)]
    no_serve: bool,
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    if storage.database_url.is_some() {
        return Err(Failure::input(
            "the demo makes its own accounts and passwords, so it works only with a private database: unset DATABASE_URL",
        ));
    }
    let stop = serve::stop_signal()?;
    let listener = listen(args.bind).await?;
    let address = listener.local_addr().context("the listening address is gone")?;
    super::output::line!("callimico demo, kept under {}", storage.data_dir.display());
    let session = Session::open_with(storage, LimitsConfig::default(), serve::DATABASE_WAIT).await?;
    let outcome = async {
        let made =
            demo::make(&session.app, &storage.data_dir.join("demo"), &mut |line| super::output::line!("  {line}"))
                .await?;
        super::output::text!("{made}");
        if args.no_serve {
            return Ok(());
        }
        super::output::line!("\nThe board:    http://{address}/c/{}/leaderboard", made.track);
        super::output::line!("The results:  http://{address}/c/{}/results", made.ended);
        super::output::line!("Ctrl-C ends the server; what was made stays for the next time.\n");
        let http = HttpConfig { bind: address, public_url: None };
        serve::serve(session.app.clone(), listener, &http, 2, stop).await
    }
    .await;
    session.close(outcome).await
}

/// Listens on `bind` if given, else on port 8080, or on any free port if that is taken.
async fn listen(bind: Option<SocketAddr>) -> Result<TcpListener, Failure> {
    if let Some(address) = bind {
        let listener = TcpListener::bind(address).await;
        return Ok(listener.with_context(|| format!("cannot listen on {address} (is another server running there?)"))?);
    }
    match TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 8080)).await {
        Ok(listener) => Ok(listener),
        Err(_) => {
            super::output::line!("port 8080 is taken; using a free one");
            Ok(TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.context("no port is free")?)
        }
    }
}
