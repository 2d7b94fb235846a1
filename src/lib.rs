//! Holdline: the WebSocket tier of an HTTP application.

pub mod callback;
pub mod config;
pub mod disconnect;
pub mod frame;
pub mod hub;
pub mod message;
pub mod metrics;
pub mod outbox;
pub mod socket;
