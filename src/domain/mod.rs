//! The rules of a competition, without I/O: what a name may be, when a track takes submissions, which
//! submission stands on the board, who may see which score. Everything that varies (time, randomness) is
//! an argument. It must not know the database's queries, HTTP or files.

pub mod account;
pub mod entry;
pub mod ids;
pub mod leaderboard;
pub mod participant;
pub mod phase;
pub mod quota;
pub mod release;
pub mod sha256;
pub mod slug;
pub mod submission;
pub mod timestamp;
pub mod track;
pub mod visibility;
