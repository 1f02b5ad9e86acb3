//! What can be done: each act is one function, in one transaction. Pages, API, commands, the demo and the tests call
//! these, and nothing below them, so that no way in has rules of its own.

pub mod accounts;
pub mod enrol;
pub mod entries;
pub mod lifecycle;
pub mod submit;
