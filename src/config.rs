//! Configuration: one struct per concern; each field is a flag and an environment variable.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// Where everything is stored.
#[derive(Debug, Clone, clap::Args)]
pub struct StorageConfig {
    /// The database. Without one, a private Postgres under the data directory is used
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", global = true)]
    pub database_url: Option<String>,
    /// Folder for the private Postgres, the objects, and the state of unfinished releases
    #[arg(long, env = "CALLIMICO_DATA_DIR", default_value = "./callimico-data", value_name = "DIR", global = true)]
    pub data_dir: PathBuf,
    /// Where uploads and files for participants are stored: `file:` (under the data directory),
    /// `file:DIR` or `s3://BUCKET/PREFIX`
    #[arg(long, env = "CALLIMICO_OBJECTS", default_value = "file:", value_name = "WHERE", global = true)]
    pub objects: String,
}

/// How the server is reached.
#[derive(Debug, Clone, clap::Args)]
pub struct HttpConfig {
    /// Address to listen on
    #[arg(long, env = "CALLIMICO_BIND", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub bind: SocketAddr,
    /// The address people use, for links and cookies, such as `https://mico.example.org`
    #[arg(long, env = "CALLIMICO_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
}

/// How scoring is done.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkerConfig {
    /// Scoring workers in this process
    #[arg(long, env = "CALLIMICO_WORKERS", default_value_t = 2, value_name = "N")]
    pub workers: usize,
}

/// Limits that apply to every track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct LimitsConfig {
    /// Rejected uploads one participant may send within an hour
    #[arg(long, env = "CALLIMICO_REJECTED_PER_HOUR", default_value_t = LimitsConfig::DEFAULT.rejected_per_hour, value_name = "N")]
    pub rejected_per_hour: u32,
    /// Login attempts per minute from one network on one account, successful or not; six times as
    /// many are allowed from one network on all accounts, ten times as many on one account from all
    /// networks
    #[arg(long, env = "CALLIMICO_LOGINS_PER_MINUTE", default_value_t = LimitsConfig::DEFAULT.logins_per_minute, value_name = "N")]
    pub logins_per_minute: NonZeroU32,
    /// Seconds an upload may take from its first byte to its last
    #[arg(long, env = "CALLIMICO_UPLOAD_SECONDS", default_value_t = LimitsConfig::DEFAULT.upload_seconds, value_name = "SECONDS")]
    pub upload_seconds: u64,
}

impl LimitsConfig {
    /// The defaults, on the command line and within the program.
    const DEFAULT: Self =
        Self { rejected_per_hour: 600, logins_per_minute: NonZeroU32::new(10).unwrap(), upload_seconds: 120 };
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}
