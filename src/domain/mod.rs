//! The rules of a competition, without I/O: what a name may be, when a track takes submissions, which
//! submission stands on the board, who may see which score. Everything that varies (time, randomness) is
//! an argument. It must not know the database's queries, HTTP or files.

/// Lets a type that is a checked text be read from a column. A row whose text does not pass the check is an error.
macro_rules! text_column {
    ($name:ident) => {
        impl sqlx::Type<sqlx::Postgres> for $name {
            fn type_info() -> sqlx::postgres::PgTypeInfo {
                <str as sqlx::Type<sqlx::Postgres>>::type_info()
            }

            fn compatible(info: &sqlx::postgres::PgTypeInfo) -> bool {
                <str as sqlx::Type<sqlx::Postgres>>::compatible(info)
            }
        }

        impl<'r> sqlx::Decode<'r, sqlx::Postgres> for $name {
            fn decode(value: sqlx::postgres::PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                Ok(<&str as sqlx::Decode<sqlx::Postgres>>::decode(value)?.parse()?)
            }
        }
    };
}
use text_column;

pub mod account;
pub mod benchmark;
pub mod entry;
pub mod ids;
pub mod leaderboard;
pub mod log_event;
pub mod official_ranking;
pub mod participant;
pub mod phase;
pub mod quota;
pub mod reason;
pub mod release;
pub mod results;
pub mod sha256;
pub mod slug;
pub mod submission;
pub mod timestamp;
pub mod track;
pub mod visibility;
