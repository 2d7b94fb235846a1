//! What costs memory or words, and breaks nothing.
//! Leaves to the others: what does.

use super::{Findings, Severity, Way, value};

/// A page, which is nginx's default on most machines.
const PAGE: u64 = 4096;

pub(super) fn check(way: &Way<'_>, findings: &mut Findings) {
    if let Some(said) = way.scope.one("proxy_buffer_size")
        && value::size(said.argument(1)).is_some_and(|size| size > PAGE)
    {
        let wrong = format!(
            "each open WebSocket keeps a buffer of {} in each direction for its whole life (16k: \
             43 KB per connection after traffic)",
            said.argument(1)
        );
        let right = "proxy_buffer_size 4k; (ngx_http_proxy_module#proxy_buffer_size)";
        findings.add(Severity::Note, "buffer-size", said.place(), wrong, right);
    }
    if let Some(said) = way.scope.one("proxy_intercept_errors").filter(|it| it.argument(1) == "on")
    {
        let wrong = "the backend's refusals, which name the reason and the key, are replaced by \
                     pages of nginx where an error_page is there for them";
        let right = "proxy_intercept_errors off; here \
                     (ngx_http_proxy_module#proxy_intercept_errors)";
        findings.add(Severity::Note, "intercept-errors", said.place(), wrong, right);
    }
}
