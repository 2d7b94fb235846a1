//! What several tests of the webhook need.
//! Leaves to them: what is promised.

use std::sync::Arc;

use crate::{callback::Caller, message::ConnectionId, route::Route};

/// Somebody on this route.
pub(super) fn caller(route: Route) -> Arc<Caller> {
    Arc::new(Caller {
        id: ConnectionId::new(0xabcdef, 1, 42),
        request: "abc-1".to_owned(),
        route,
        peer: "203.0.113.7".parse().unwrap(),
        user: Some("ann".to_owned()),
        subprotocol: None,
    })
}
