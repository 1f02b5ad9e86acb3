//! Identifiers: one type a noun, so that a participant's id cannot be passed for a track's.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, sqlx::Type,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new identifier (UUID version 7: they sort by the time they were made).
            pub fn generate() -> Self {
                Self(uuid::Uuid::now_v7())
            }

            /// The identifier as a plain UUID.
            pub fn as_uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl From<uuid::Uuid> for $name {
            fn from(id: uuid::Uuid) -> Self {
                Self(id)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// An account.
    UserId
);
id!(
    /// A competition.
    CompetitionId
);
id!(
    /// A track of a competition.
    TrackId
);
id!(
    /// A participant of a track: one person, or several who enter together.
    ParticipantId
);
id!(
    /// One immutable upload.
    SubmissionId
);
id!(
    /// One run of the scorer over one submission and split.
    ScoringId
);
id!(
    /// One file that participants are given.
    FileId
);
id!(
    /// An API token (not its secret).
    TokenId
);
id!(
    /// A running scoring worker.
    WorkerId
);
id!(
    /// A rescoring of several submissions.
    BatchId
);
