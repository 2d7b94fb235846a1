//! The proof of the commands for one end of a connection: `holdline connect` as a person has it in a
//! terminal and a script has it in a pipe, and `holdline ping`. What a backend promises is proven
//! in `tests/e2e`.
//!
//! The servers are real backends, behind a real nginx where that matters, and stubs for what a
//! good server does not do. What a person sees is read from a terminal emulator.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the harness is shared with tests/e2e, and each of them uses a part of it"
)]

// A person at a terminal.
mod ending;
mod keyboard;
mod reconnecting;
// A script.
mod piped;
mod verdicts;
// Servers of others.
mod foreign;
// Pings.
mod pings;

// What the proof stands on.
mod person;
mod script;
mod stub;

#[path = "../harness/mod.rs"]
mod harness;
