//! The real program in a temporary directory: its commands, its exit codes, and what is left when
//! it is killed.

mod demo;
mod end;
mod kill;
mod kill_end;
mod labels;
mod lira;
mod offline;
mod organiser;
mod participant;
mod proof;
mod release;
mod s3;
mod server;
mod slow;
mod submission;
mod support;
mod track;
mod track_files;
mod train;
