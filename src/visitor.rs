//! Who may ask at all: programs of this machine, and no web page that a browser shows on it.
//! Leaves to `bridge.rs` and `control.rs`: everything about the request itself.

use std::net::IpAddr;

use actix_web::http::header::{HOST, HeaderMap, ORIGIN};

use crate::problem::Problem;

/// Why a request is refused, if it is.
///
/// A browser adds `Origin` to what a page sends, and `Sec-Fetch-Site` to everything. A page that
/// has rebound its own name to our address (DNS rebinding) is no stranger to its browser; then
/// `Host` gives it away, because whoever means a loopback listener calls it by its address or
/// `localhost`.
pub(crate) fn refusal(headers: &HeaderMap, loopback: bool) -> Option<Problem> {
    let text =
        |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    if let Some(origin) = text(ORIGIN.as_str()) {
        let detail = format!("this is for programs, and a web page (Origin: {origin}) is none");
        return Some(Problem::new(403, "web_page", "Not for web pages", detail));
    }
    if let Some(site) = text("sec-fetch-site").filter(|site| site != "none") {
        let detail = format!("a web page (Sec-Fetch-Site: {site}) has no business here");
        return Some(Problem::new(403, "web_page", "Not for web pages", detail));
    }
    let host = text(HOST.as_str()).filter(|host| loopback && !is_local(host))?;
    let detail = format!(
        "Host: {host} is neither an address nor localhost, and this listener is on loopback: the \
         name may have been bent to lead a browser here (DNS rebinding)"
    );
    Some(Problem::new(421, "foreign_host", "Not this host", detail))
}

fn is_local(host: &str) -> bool {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let name = match bracketed {
        Some((address, _port)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _port)| name),
    };
    name.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_localhost_is_local_and_no_other_name() {
        for (host, local) in [
            ("127.0.0.1:7456", true),
            ("127.0.0.1", true),
            ("[::1]:7456", true),
            ("192.168.0.7:7456", true),
            ("LocalHost:7456", true),
            ("localhost", true),
            ("localhost.evil.example:7456", false),
            ("evil.example", false),
            ("127.0.0.1.evil.example:7456", false),
            ("", false),
        ] {
            assert_eq!(is_local(host), local, "{host}");
        }
    }
}
