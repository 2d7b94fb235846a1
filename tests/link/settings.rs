//! How the links of these tests behave.
//! What differs stands in the tests.

use std::net::SocketAddr;
use std::time::Duration;

use holdline::dial::Dial;
use holdline::link::{Options, Patience};

use crate::harness::PATIENCE;
use crate::harness::foreign::Kind;

/// Everybody who serves and was not written here.
pub const KINDS: [Kind; 3] = [Kind::NodeWs, Kind::PythonWebsockets, Kind::Gorilla];

/// As fast as a test wants it where that costs nobody anything, and patient wherever a machine that
/// stands still for a while could be taken for a fault. What must be quick to fail says so itself.
pub fn options(address: SocketAddr, target: &str) -> Options {
    let dial = Dial::new(format!("ws://{address}{target}").parse().expect("a good URL"));
    Options {
        request_timeout: PATIENCE,
        ping_interval: Some(Duration::from_millis(400)),
        pong_timeout: PATIENCE,
        write_timeout: PATIENCE,
        close_timeout: PATIENCE,
        patience: Patience {
            backoff_first: Duration::from_millis(20),
            backoff_max: Duration::from_millis(200),
            stable_after: Duration::ZERO,
            busy_wait: Duration::from_secs(5),
        },
        ..Options::new(dial.timeout(PATIENCE))
    }
}
