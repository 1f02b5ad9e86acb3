//! `callimico demo`: a whole small competition from nothing.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

use super::{Failure, Session, serve};
use crate::config::{HttpConfig, LimitsConfig, StorageConfig};
use crate::demo;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address to serve on; the next free port where it is taken and was not named
    #[arg(long, env = "CALLIMICO_BIND", value_name = "ADDRESS")]
    bind: Option<SocketAddr>,
    /// End once everything is made and scored
    #[arg(long)]
    no_serve: bool,
}

pub(super) async fn run(storage: &StorageConfig, args: Args) -> Result<(), Failure> {
    if storage.database_url.is_some() {
        return Err(Failure::input(
            "the demo makes accounts and passwords of its own, so it works with a private database only: unset DATABASE_URL",
        ));
    }
    let stop = serve::stop_signal()?;
    let listener = listen(args.bind).await?;
    let address = listener.local_addr().context("the listening address is gone")?;
    println!("callimico demo, kept under {}", storage.data_dir.display());
    let session = Session::open_with(storage, LimitsConfig::default(), serve::WAIT_FOR_OWNER).await?;
    let outcome = async {
        let made = demo::make(&session.app, &storage.data_dir.join("demo"), &mut |line| println!("  {line}")).await?;
        print!("{made}");
        if args.no_serve {
            return Ok(());
        }
        println!("\nThe board:  http://{address}/c/{}/leaderboard", made.track);
        println!("Ctrl-C ends the server; what was made stays for the next time.\n");
        let http = HttpConfig { bind: address, public_url: None };
        serve::serve(session.app.clone(), listener, &http, 2, stop).await
    }
    .await;
    session.close(outcome).await
}

/// The port that was asked for; else 8080, or any free one where that is taken.
async fn listen(asked: Option<SocketAddr>) -> Result<TcpListener, Failure> {
    if let Some(address) = asked {
        let listener = TcpListener::bind(address).await;
        return Ok(listener.with_context(|| format!("cannot listen on {address} (is another server running there?)"))?);
    }
    match TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 8080)).await {
        Ok(listener) => Ok(listener),
        Err(_) => {
            println!("port 8080 is taken; using a free one");
            Ok(TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.context("no port is free")?)
        }
    }
}
