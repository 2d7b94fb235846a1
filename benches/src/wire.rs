//! WebSocket as bytes (RFC 6455): what the load generator and the floor put on a connection and read.
//! Leaves to `load` and `floor`: when; to `poll`: that there is something to read.

pub mod frames;
pub mod handshake;
pub mod scanner;
