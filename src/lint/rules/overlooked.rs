//! What looks like a WebSocket location and is not judged: a word about how to have it judged.
//! Leaves to `judged.rs`: which these are.

use super::{Findings, Gateway, Severity};
use crate::lint::{
    judged::{overlooked, upgrades},
    location::Pattern,
};

pub(super) fn check(gateway: &Gateway<'_>, findings: &mut Findings) {
    for way in overlooked(gateway) {
        let lacks = if upgrades(way) { "" } else { " without Upgrade and Connection" };
        let wrong = format!(
            "`{}` looks like a WebSocket location{lacks}; it is not judged",
            way.location.text()
        );
        let path = match Pattern::of(way.location) {
            Pattern::Exact(path) | Pattern::Prefix(path) | Pattern::Final(path) => path,
            Pattern::Regex(..) | Pattern::Named => "PATH",
        };
        let right = format!(
            "--route {path} to have it judged; with it, proxy_set_header Upgrade $http_upgrade; and \
             Connection (nginx.org/en/docs/http/websocket.html). Nothing, if it is none"
        );
        findings.add(Severity::Note, "not-taken-for-one", way.location.place(), wrong, right);
    }
}
