//! Groups of servers: which have several, and how they take turns.
//! Leaves to the rules: whether that is good for WebSockets.

use super::{
    effective::named,
    gateway::{Gateway, Target, Way},
    tree::Directive,
};

/// The group that a way leads to, if it has, or may have, more than one server.
pub(super) fn many_servers<'a>(gateway: &Gateway<'a>, way: &Way<'a>) -> Option<&'a Directive> {
    let Target::Upstream(group) = gateway.target(way) else { return None };
    let servers: Vec<_> = servers(group).collect();
    let several_addresses = servers.iter().any(|server| has_flag(server, "resolve"));
    (servers.len() > 1 || several_addresses).then_some(group)
}

/// The servers of a group that are asked.
pub(super) fn servers(group: &Directive) -> impl Iterator<Item = &Directive> {
    named(group.body(), "server").filter(|server| !has_flag(server, "down"))
}

fn has_flag(server: &Directive, flag: &str) -> bool {
    server.arguments().any(|argument| argument == flag)
}

/// The directive that says how servers are chosen; none is taking turns.
pub(super) fn balancing(group: &Directive) -> Option<&Directive> {
    let methods = ["least_conn", "hash", "ip_hash", "random", "least_time", "sticky", "fair"];
    let lua = |name: &str| name.starts_with("balancer_by_lua");
    group.body().iter().find(|it| methods.contains(&it.name()) || lua(it.name()))
}
