//! The proof that a link holds: faults on the wire, and servers that nobody here wrote. What a
//! backend promises is proven in `tests/e2e`.
//!
//! One promise per file, and each test is named by the sentence it proves. What the proof itself
//! stands on, the relay and the foreign servers, comes first: a fault that does not happen would
//! prove anything.
//!
//! Needed: what `scripts/tool peers` gets, and `setpriv`. What is missing fails the test; nothing
//! is skipped.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the harness is shared with tests/e2e, and each of them uses a part of it"
)]

// What the proof stands on.
mod foreign_servers;
mod relay_itself;

// One connection: how it ends, and why there is none.
mod endings;
mod tls;

// A link: it comes back, every request has a fate, every queue a bound.
mod books;
mod bounds;
mod fates;
mod partings;
mod raw;
mod settings;
mod silence;
mod standstills;
mod storms;
mod supervision;
mod watching;
mod wishes;

#[path = "../harness/mod.rs"]
mod harness;
