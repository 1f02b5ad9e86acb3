//! How a command fails: whose fault it was decides the exit code.

use std::process::ExitCode;

use track_files::DirectoryError;

use crate::importer::ImportError;
use crate::release::ReleaseError;
use crate::service::accounts::AccountError;
use crate::store::StoreError;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// Our fault (exit code 1).
    Ours(anyhow::Error),
    /// The input is wrong (2).
    Input(anyhow::Error),
    /// The input is wrong, and everything about it was said already (2).
    Told,
    /// The input is right and whoever asks may not (4).
    NotAllowed(anyhow::Error),
    /// The network, or what lies behind it, did not answer; trying again is safe (5).
    Network(anyhow::Error),
    /// It was told to stop, and said where it stands (130, as shells have it for Ctrl-C).
    Stopped(anyhow::Error),
    /// A started program ended with this code.
    Child(u8),
}

impl Failure {
    /// Wrong input, in a sentence.
    pub fn input(text: impl Into<String>) -> Self {
        Self::Input(anyhow::anyhow!(text.into()))
    }

    /// Says what the failure means, before what it is.
    pub fn context(self, text: &'static str) -> Self {
        match self {
            Self::Ours(error) => Self::Ours(error.context(text)),
            Self::Input(error) => Self::Input(error.context(text)),
            Self::NotAllowed(error) => Self::NotAllowed(error.context(text)),
            Self::Network(error) => Self::Network(error.context(text)),
            Self::Stopped(error) => Self::Stopped(error.context(text)),
            other @ (Self::Told | Self::Child(_)) => other,
        }
    }

    /// Says on stderr what went wrong; answers the exit code.
    pub fn report(&self) -> ExitCode {
        let (error, code) = match self {
            Self::Ours(error) => (error, 1),
            Self::Input(error) => (error, 2),
            Self::NotAllowed(error) => (error, 4),
            Self::Network(error) => (error, 5),
            Self::Stopped(error) => (error, 130),
            Self::Told => return ExitCode::from(2),
            Self::Child(code) => return ExitCode::from(*code),
        };
        eprintln!("error: {error:#}");
        ExitCode::from(code)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let unreachable = error.chain().any(|cause| cause.downcast_ref::<sqlx::Error>().is_some_and(is_of_the_network));
        if unreachable { Self::Network(error) } else { Self::Ours(error) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        anyhow::Error::new(error).into()
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NameTaken => Self::Input(error.into()),
            AccountError::Store(error) => error.into(),
            AccountError::Secret(error) => error.into(),
        }
    }
}

fn is_of_the_network(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_))
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<ReleaseError> for Failure {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::Store(error) => error.into(),
            ReleaseError::Stopped => Self::Stopped(error.into()),
            error if error.is_input() => Self::Input(error.into()),
            other => Self::Ours(other.into()),
        }
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        Self::Input(error.into())
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            other => Self::Input(other.into()),
        }
    }
}
