//! Support for the tests: the complete server on a database of its own, its users, a small track,
//! good and bad uploads, and a plain socket for what no well-behaved client would send.

mod actor;
mod answer;
mod page;
mod routes;
mod score;
mod track;
mod upload;
mod wire;
mod world;

pub(crate) use actor::Actor;
pub(crate) use answer::Answer;
pub(crate) use page::{assert_says, words};
pub(crate) use score::score_of;
pub(crate) use track::{Change, TrackFiles, truth};
pub(crate) use upload::{Form, Upload};
pub(crate) use wire::{Server, answer, head};
pub(crate) use world::{NOW, TRACK, TRACK_URL, World, reason};
