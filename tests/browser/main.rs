//! The proof of the page: a real Chromium opens it through a real nginx with the shipped
//! configuration, and reads, types and clicks as a visitor does. What the reconnecting module
//! promises on a clock of its own is proven beside this, in `reconnecting-websocket.test.mjs`.
//!
//! One promise per file, and each test is named by the sentence it proves. Chromium is driven by
//! its own protocol (DevTools), which speaks WebSocket and JSON, both at hand already: a driver
//! between would be one more thing to install whose version must match, and could neither choose
//! dark mode nor tell what the page wrote to its console.
//!
//! Needed: what `scripts/tool` gets as `nginx`, `browser` and `page`. What is missing fails the
//! test; nothing is skipped.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the harness is shared with tests/e2e, and each of them uses a part of it"
)]

// What a visitor does.
mod chat;
mod closing;
mod holding;
mod returning;

// What a visitor sees, and whoever does not see it.
mod accessibility;
mod looks;

// What the proof stands on.
mod browser;
mod tab;
mod wire;

#[path = "../harness/mod.rs"]
mod harness;
