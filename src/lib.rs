//! Holdline: the WebSocket tier of an HTTP application.

pub mod config;
pub mod disconnect;
pub mod frame;
pub mod message;
pub mod outbox;
pub mod socket;
