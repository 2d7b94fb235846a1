//! The proof of `holdline lint`: a corpus of faults, nginx as the judge, the command as its caller sees it.
//! What each small part reads and finds is proven beside it.

#![allow(unreachable_pub, reason = "the tools are found as all proofs find them")]

mod command;
mod corpus;
mod generated;
mod nginx;
mod sample;
mod shipped;

#[path = "../harness/tool.rs"]
mod tool;
