//! Holdline: the WebSocket tier of an HTTP application.
//! The map of the house is ARCHITECTURE.md; each file says what it is responsible for.
#![cfg_attr(any(doc, doctest), doc = include_str!("../README.md"))]
// What is measured takes and gives what nobody outside has to name.
#![cfg_attr(feature = "_measuring", allow(private_interfaces))]

pub mod backend;
pub mod bridge;
pub mod callback;
pub mod config;
pub mod dial;
pub mod disconnect;
pub mod drain;
pub mod heartbeat;
pub mod inbound;
pub mod link;
pub mod lint;
pub mod message;
pub mod metrics;
pub mod node;
pub mod probe;
pub mod route;
pub mod server;
pub mod watchdog;
pub mod why;

// Not for embedders. What is `pub` in these is for the other modules, and may change.
#[allow(unreachable_pub)]
mod auth;
#[allow(unreachable_pub)]
mod backoff;
#[allow(unreachable_pub)]
mod caller;
#[allow(unreachable_pub)]
mod connection;
#[allow(unreachable_pub)]
mod control;
#[allow(unreachable_pub)]
mod deflate;
#[allow(unreachable_pub)]
mod frame;
#[cfg(any(test, fuzzing))]
#[allow(unreachable_pub)]
mod fuzzing;
#[allow(unreachable_pub)]
mod hub;
mod listener;
#[cfg(feature = "_measuring")]
#[doc(hidden)]
pub mod measuring;
#[allow(unreachable_pub)]
mod outbox;
#[allow(unreachable_pub)]
mod pace;
mod page;
mod problem;
#[allow(unreachable_pub)]
mod readiness;
mod request;
#[allow(unreachable_pub)]
mod rest;
#[allow(unreachable_pub)]
mod socket;
#[allow(unreachable_pub)]
mod upstream;
mod visitor;

pub use backend::serve;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use fuzzing::target;

/// The pages of `docs/` that hold Rust, so that it compiles.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../docs/library.md")]
    struct Library;
    #[doc = include_str!("../docs/from-gorilla.md")]
    struct FromGorilla;
}
