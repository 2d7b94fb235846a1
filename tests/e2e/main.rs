//! The proof that Holdline holds: the real binary behind a real nginx with the shipped
//! configuration, and peers that misbehave on purpose. What one module does alone is proven
//! beside that module.
//!
//! One promise per file, and each test is named by the sentence it proves. The idle timers are
//! short by configuration, never by sleeping less. No test asserts that something was quick: the
//! machine is shared. What must not be waited for is configured to take longer than a test's
//! patience, and what must survive a standstill of some seconds has timeouts that do.
//!
//! Needed: nginx and wscat (`scripts/tool` finds or installs both) and, for the peers that vanish,
//! the right to make a network namespace. What is missing fails the test; nothing is skipped.

#![allow(
    unreachable_pub,
    reason = "nothing leaves a test; here `pub` tells what the promises may use of the harness"
)]

// 1 to 3 As it ships.
mod as_shipped;
// 1 The control: what happens without us.
mod silence;
// 2, 3 With us.
mod survival;
// 4 Whoever misbehaves loses only itself.
mod coming_and_going;
mod dead_peers;
mod slow_peers;
// 5 A person at a terminal.
mod terminal;
// 6 Who gets in.
mod auth;
mod exact_limits;
mod front_door;
mod gateway_limits;
mod handshake;
mod limits;
mod smuggling;
mod subprotocols;
// 7 Deploys.
mod deploys;
mod drain;
// 8 What ships.
mod shipped_numbers;
// 9 Rooms.
mod compression;
mod fan_out;
// 10 WebSocket to REST.
mod rest;
mod rest_failures;
// 11 The application is asked.
mod callback;
mod callback_endings;
mod callback_examples;
mod callback_failures;
mod callback_pressure;
// 12 What the operator and the application may ask.
mod control;
// 13 All of it under TLS.
mod tls;
mod tls_holding;
// What is said on the wire, refused at start, and told in the books.
mod books;
mod ends;
mod log_injection;
mod protocol;
mod refusals;
mod secrecy;

#[path = "../harness/mod.rs"]
mod harness;
