//! Holdline: the WebSocket tier of an HTTP application.
//! The map of the house is ARCHITECTURE.md; each file says what it is responsible for.
#![cfg_attr(any(doc, doctest), doc = include_str!("../README.md"))]

pub mod auth;
pub mod backend;
pub mod backoff;
pub mod bridge;
pub mod callback;
pub mod caller;
pub mod config;
pub mod connection;
pub mod control;
pub mod dial;
pub mod disconnect;
pub mod drain;
pub mod frame;
pub mod heartbeat;
pub mod hub;
pub mod inbound;
pub mod link;
mod listener;
pub mod message;
pub mod metrics;
pub mod node;
pub mod outbox;
pub mod pace;
mod page;
mod problem;
pub mod readiness;
mod request;
pub mod rest;
pub mod route;
pub mod server;
pub mod socket;
pub mod upstream;
mod visitor;
pub mod watchdog;

pub use backend::serve;
