//! The proof of `holdline probe`: on real gateways and plain servers whose timeouts are known, the
//! measured value is within a second of the configured one, and each kind of cut is named rightly.
//!
//! One promise per file, and each test is named by the sentence it proves. Most of a probe is waiting,
//! so what does not measure the same thing is probed side by side within a test.
//!
//! Needed: what `scripts/tool` gets as nginx, haproxy and peers, and `setpriv`. What is missing
//! fails the test; nothing is skipped.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the harness is shared with tests/e2e, and each of them uses a part of it"
)]

// What the proof stands on, itself proven: a cut that does not happen would prove anything.
mod instruments;

// At real values; it takes two minutes, and tests begin in the order of their names.
mod a_minute;

// Silence, and who ends it.
mod ages;
mod awkward;
mod cuts;
mod gateways;
mod resets;
// The server's own pings.
mod pings;
// What is offered, and why nothing is.
mod foreign;
mod refusals;
// The command itself: its bounds, its words, and that it does no harm.
mod bounds;
mod harmless;

mod book;
mod frames;
mod gate;
mod nat;
mod plain;
mod probing;

#[path = "../harness/mod.rs"]
mod harness;
