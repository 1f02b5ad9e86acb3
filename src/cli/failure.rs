//! How a command fails: whose fault it was decides the exit code.

use std::process::ExitCode;

use crate::importer::ImportError;
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
    /// A started program ended with this code.
    Child(u8),
}

impl Failure {
    /// Wrong input, in a sentence.
    pub fn input(text: impl Into<String>) -> Self {
        Self::Input(anyhow::anyhow!(text.into()))
    }

    /// Says on stderr what went wrong; answers the exit code.
    pub fn report(&self) -> ExitCode {
        let (error, code) = match self {
            Self::Ours(error) => (error, 1),
            Self::Input(error) => (error, 2),
            Self::Told => return ExitCode::from(2),
            Self::Child(code) => return ExitCode::from(*code),
        };
        eprintln!("error: {error:#}");
        ExitCode::from(code)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Ours(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NameTaken => Self::Input(error.into()),
            other => Self::Ours(other.into()),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
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
