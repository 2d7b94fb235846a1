//! A room lives on one backend: its members must meet there.
//! Leaves to `upstreams.rs`: everything else about several servers.

use super::{Findings, Gateway, Severity, Way};
use crate::lint::upstream::{balancing, many_servers};

pub(super) fn check(gateway: &Gateway<'_>, way: &Way<'_>, findings: &mut Findings) {
    let Some(room) = way.routes.iter().find(|route| route.starts_with("/ws/rooms/")) else {
        return;
    };
    let Some(group) = many_servers(gateway, way) else { return };
    let method = balancing(group);
    let key = method.filter(|it| it.name() == "hash").map(|hash| hash.argument(1));
    let by_path = |key: &str| !["$remote_", "$binary_remote_"].iter().any(|it| key.contains(it));
    if key.is_some_and(by_path) || method.is_some_and(|it| it.name().starts_with("balancer_by")) {
        return;
    }
    let wrong = format!(
        "{room} goes to any server of `{}`, but a room lives on one backend: its members miss each \
         other",
        group.argument(1)
    );
    let right = "location ^~ /ws/rooms/ with an upstream of its own: hash $uri consistent; and each \
                 server by a name of its own (ngx_http_upstream_module#hash)";
    findings.add(Severity::Warning, "rooms-scattered", way.pass.place(), wrong, right);
}
