//! Tests of the server: routes, uploads, the queue, the board and the workers. Each test has its
//! own database.
//!
//! `support/` has the test server, the users and the files; each of the other modules tests one
//! topic. Most tests call the router directly; those about incomplete requests go through a real
//! socket.

mod support;

mod access;
mod benchmark;
mod board;
mod body;
mod competing;
mod competition;
mod deadline;
mod disclosure;
mod download;
mod export;
mod final_request;
mod final_split;
mod forms;
mod idempotency;
mod lifecycle;
mod lists;
mod live;
mod migrations;
mod openapi;
mod organise_final;
mod organise_participants;
mod participants;
mod phases;
mod query;
mod queue;
mod quota;
mod ranking;
mod rejected;
mod results;
mod rules;
mod scopes;
mod sealed;
mod session;
mod strange;
mod sweeper;
mod trials;
mod trouble;
mod whole_way;
mod words;
