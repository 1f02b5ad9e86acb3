//! The state that every handler shares, and the public address of the server.

use axum::extract::FromRef;

use super::rate_limit::RateLimits;
use crate::app::App;
use crate::config::HttpConfig;

/// How people reach the server.
#[derive(Debug, Clone)]
pub struct Site {
    base: String,
    secure: bool,
}

impl Site {
    /// From the configured public address, or else from the address that is listened on.
    pub fn new(config: &HttpConfig) -> Self {
        match &config.public_url {
            Some(url) => {
                let base = url.trim_end_matches('/').to_owned();
                Self { secure: base.starts_with("https://"), base }
            }
            // Browsers count the loopback addresses as secure.
            None => Self { secure: config.bind.ip().is_loopback(), base: format!("http://{}", config.bind) },
        }
    }

    /// The address links are made with, without a `/` at the end. Never taken from a request.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The origin of that address: scheme, host and port.
    pub fn origin(&self) -> &str {
        let scheme_end = self.base.find("://").map_or(0, |at| at + 3);
        match self.base[scheme_end..].find('/') {
            Some(path) => &self.base[..scheme_end + path],
            None => &self.base,
        }
    }

    /// Whether cookies are kept to secure connections.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The session cookie's name: bound to this very host where the connection is secure.
    pub fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-callimico" } else { "callimico" }
    }
}

/// What every handler can ask for.
#[derive(Debug, Clone, FromRef)]
pub struct ServerState {
    /// The program.
    pub app: App,
    /// How people reach it.
    pub site: Site,
    /// RateLimits against guessing.
    pub rate_limits: RateLimits,
}
