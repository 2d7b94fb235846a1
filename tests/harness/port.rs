//! Ports for those who must know theirs before they listen: nginx, and a backend that comes back.
//! Everyone else listens on port 0.

use std::net::TcpListener;

/// A port that nobody listens on now. It lies below the range from which the kernel takes the local
/// port of an outgoing connection, so no neighbour's connection can sit on it by accident.
///
/// # Panics
/// When a hundred guesses are all taken.
pub fn free() -> u16 {
    (0..100)
        .map(|_| fastrand::u16(12_000..32_000))
        .find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok())
        .expect("one of a hundred random ports is free")
}
