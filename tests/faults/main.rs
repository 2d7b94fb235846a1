//! The proof that faults stay where they are: storms, floods, stalls and exhaustion, by the hundred
//! and the thousand, with the goals' own numbers. `docs/faults.md` says which test proves which goal.
//!
//! Each test keeps a ledger (descriptors, memory, gauges, the kernel's own list of sockets) and has
//! neighbours, peers who mind their own business and must not notice. They measure, so they need the
//! machine: one at a time, `cargo test --test faults -- --test-threads 1`. A goal that is a time is
//! measured without what the machine stood still, and tried again when it was missed; one that is
//! broken misses it each time.
//!
//! What is proven is the binary as `cargo test` builds it, unoptimised: memory is the same as in the
//! release build but for the code, and whatever is quick enough here is quick enough there.
//!
//! Needed: what `tests/e2e` needs, and 20,000 descriptors. What is missing fails the test.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the harness is shared with tests/e2e, and each of them uses a part of it"
)]

// What the proof stands on: who measures, who suffers, who disturbs.
mod kernel;
mod ledger;
mod neighbours;
mod swarm;
mod watch;

// Peers with faults.
mod churn;
mod flood;
mod handshakes;
mod memory;
mod stalled;
mod vanished;

// Faults on this side.
mod application;
mod backends;
mod descriptors;
mod panics;
mod stop;
mod storm;

// Which goal is proven where.
mod documented;

#[path = "../harness/mod.rs"]
mod harness;
