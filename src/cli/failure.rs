//! How a command fails. Whose fault it was decides the exit code.

use std::process::ExitCode;

use track_files::DirectoryError;

use crate::importer::ImportError;
use crate::release::ReleaseError;
use crate::service::accounts::AccountError;
use crate::service::competition::CompetitionError;
use crate::service::lifecycle::StepError;
use crate::service::organise::OrganiseError;
use crate::service::participants::ParticipantsError;
use crate::service::rescoring::RescoringError;
use crate::service::staff::StaffError;
use crate::store::StoreError;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// Our fault (exit code 1).
    Ours(anyhow::Error),
    /// The input is wrong (exit code 2).
    Input(anyhow::Error),
    /// The input is wrong, and the problems have been printed already (exit code 2).
    AlreadyReported,
    /// What was checked is not what it should be, and that has been printed already (exit code 1).
    CheckFailed,
    /// The input is right, but the user lacks permission (exit code 4).
    NotAllowed(anyhow::Error),
    /// The network, or a service behind it, did not answer; trying again is safe (exit code 5).
    Network(anyhow::Error),
    /// Interrupted; the error says how far it got (exit code 130, as shells use for Ctrl-C).
    Stopped(anyhow::Error),
    /// A program that we started ended with this exit code.
    Child(u8),
}

impl Failure {
    /// Wrong input, with this message.
    pub fn input(text: impl Into<String>) -> Self {
        Self::Input(anyhow::anyhow!(text.into()))
    }

    /// Puts a message about the consequences in front of the error.
    pub fn context(self, text: &'static str) -> Self {
        match self {
            Self::Ours(error) => Self::Ours(error.context(text)),
            Self::Input(error) => Self::Input(error.context(text)),
            Self::NotAllowed(error) => Self::NotAllowed(error.context(text)),
            Self::Network(error) => Self::Network(error.context(text)),
            Self::Stopped(error) => Self::Stopped(error.context(text)),
            other @ (Self::AlreadyReported | Self::CheckFailed | Self::Child(_)) => other,
        }
    }

    /// Prints the error to stderr and returns the exit code.
    pub fn report(&self) -> ExitCode {
        let (error, code) = match self {
            Self::Ours(error) => (error, 1),
            Self::Input(error) => (error, 2),
            Self::NotAllowed(error) => (error, 4),
            Self::Network(error) => (error, 5),
            Self::Stopped(error) => (error, 130),
            Self::AlreadyReported => return ExitCode::from(2),
            Self::CheckFailed => return ExitCode::from(1),
            Self::Child(code) => return ExitCode::from(*code),
        };
        eprintln!("error: {error:#}");
        ExitCode::from(code)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let unreachable = error.chain().any(|cause| cause.downcast_ref::<sqlx::Error>().is_some_and(is_network_error));
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

impl From<StaffError> for Failure {
    fn from(error: StaffError) -> Self {
        match error {
            StaffError::Store(error) => error.into(),
            StaffError::NoCompetition(_) | StaffError::NoAccount(_) => Self::Input(error.into()),
        }
    }
}

impl From<CompetitionError> for Failure {
    fn from(error: CompetitionError) -> Self {
        match error {
            CompetitionError::Store(error) => error.into(),
            other => Self::Input(other.into()),
        }
    }
}

impl From<ParticipantsError> for Failure {
    fn from(error: ParticipantsError) -> Self {
        match error {
            ParticipantsError::Store(error) => error.into(),
            other => Self::Input(other.into()),
        }
    }
}

fn is_network_error(error: &sqlx::Error) -> bool {
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

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Store(error) => error.into(),
            StepError::Labels(error) => Self::Ours(error.into()),
            other => Self::Input(other.into()),
        }
    }
}

impl From<RescoringError> for Failure {
    fn from(error: RescoringError) -> Self {
        match error {
            RescoringError::Store(error) => error.into(),
            RescoringError::Labels(error) => Self::Ours(error.into()),
            other => Self::Input(other.into()),
        }
    }
}

impl From<OrganiseError> for Failure {
    fn from(error: OrganiseError) -> Self {
        match error {
            OrganiseError::Store(error) => error.into(),
            other => Self::Input(other.into()),
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
