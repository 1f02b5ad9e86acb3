//! The server under test: routes, uploads, the queue, the board and the workers, each test on a database of its own.
//!
//! `support/` holds the world, the people and the files; the other modules hold the tests, a theme each. Most tests
//! ask the router directly; those about half-sent requests go through a real socket.

mod support;

mod access;
mod board;
mod body;
mod deadline;
mod disclosure;
mod download;
mod final_split;
mod forms;
mod idempotency;
mod lists;
mod live;
mod migrations;
mod openapi;
mod participants;
mod phases;
mod query;
mod queue;
mod quota;
mod rejected;
mod rules;
mod session;
mod strange;
mod sweeper;
mod trouble;
mod whole_way;
