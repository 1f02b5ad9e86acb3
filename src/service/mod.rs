//! What can be done: each act is one function, in one transaction. Pages, API, commands, the demo and the tests call
//! these to change something, so that no way in has rules of its own. To read, they ask the store.

pub mod accounts;
pub mod competing;
pub mod competition;
pub mod describe;
pub mod enrol;
pub mod entries;
pub mod export;
pub mod final_score;
pub mod labels;
pub mod lifecycle;
pub mod organise;
pub mod participants;
pub mod rankings;
pub mod readiness;
pub mod rescoring;
pub mod settings;
pub mod staff;
pub mod status;
pub mod submit;
pub mod told;
