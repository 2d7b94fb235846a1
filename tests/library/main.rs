//! The proof of the library: Holdline inside somebody else's program and somebody else's server.
//! What a backend promises its peers is proven in `tests/e2e`.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the harness is shared with tests/e2e, and each of them uses a part of it"
)]

// Routes of Holdline's in an application of somebody else's.
mod mounted;
// Routes of somebody else's on Holdline's listener.
mod added;
// A backend beside a program's own work.
mod beside;

// What a callback is told, and what it may do.
mod callback;

// What the proof stands on.
mod foreign;
mod house;

#[path = "../harness/mod.rs"]
mod harness;
