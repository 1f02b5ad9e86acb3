//! `callimico openapi`: prints the description of the JSON interface, without a running server.

use anyhow::Context;

use super::Failure;
use crate::api;
use crate::config::HttpConfig;
use crate::http::server::Site;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    http: HttpConfig,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let description = api::description(&Site::new(&args.http));
    super::output::line!("{}", description.to_pretty_json().context("the description cannot be written")?);
    Ok(())
}
