//! Who is at the other end of a connection, as far as the handshake told.
//! Leaves to `hub.rs`: what the connection is doing now.

use std::net::IpAddr;

use crate::{message::ConnectionId, route::Route};

/// Who opened a connection, and where to. It does not change in the connection's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The connection's name.
    pub id: ConnectionId,
    /// The gateway's `X-Request-ID`, by which the two logs are joined; `-` without one.
    pub request: String,
    /// What the connection was opened for.
    pub route: Route,
    /// The peer's own address, behind trusted proxies.
    pub peer: IpAddr,
    /// Whom the peer's token, or the application, says it belongs to.
    pub user: Option<String>,
    /// The subprotocol that was agreed on (RFC 6455 section 1.9).
    pub subprotocol: Option<String>,
}
