//! Which web pages may connect: the `Origin` rule (RFC 6455 section 10.2).
//! Leaves to `handshake.rs`: the answer to who may not.

use actix_web::http::header::{HOST, HeaderMap, ORIGIN};

/// Whether a page of this origin may connect; the origin in words if not.
///
/// No `Origin` header passes: the sender is no browser. Otherwise its host and port must equal
/// `Host`, or `allowed` (`server.allowed_origins`) must list it; `"*"` allows all.
pub(super) fn check(headers: &HeaderMap, allowed: &[String]) -> Result<(), String> {
    let mut origins = headers.get_all(ORIGIN);
    let Some(origin) = origins.next() else { return Ok(()) };
    let text = String::from_utf8_lossy(origin.as_bytes());
    if origins.next().is_some() {
        return Err(format!("{text} and another one"));
    }
    let listed = |entry: &String| entry == "*" || entry.eq_ignore_ascii_case(&text);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let same = host.is_some_and(|host| is_same_host(&text, host));
    if same || allowed.iter().any(listed) { Ok(()) } else { Err(text.into_owned()) }
}

/// Compares host and port, each with its scheme's default port left out. The gateway in front
/// may end TLS, so the scheme of `Host` is the origin's.
fn is_same_host(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let trim = |authority: &str| {
        authority.strip_suffix(default_port).unwrap_or(authority).to_ascii_lowercase()
    };
    trim(authority) == trim(host)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn allows(origin: &'static str, host: &'static str, allowed: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        headers.insert(ORIGIN, HeaderValue::from_static(origin));
        let allowed: Vec<_> = allowed.iter().map(|&entry| entry.to_owned()).collect();
        check(&headers, &allowed).is_ok()
    }

    #[test]
    fn a_page_may_connect_to_the_host_it_came_from() {
        assert!(allows("http://chat.example:8080", "chat.example:8080", &[]));
        assert!(allows("https://Chat.example", "chat.example:443", &[]));
        assert!(allows("http://[::1]:8080", "[::1]:8080", &[]));
        assert!(check(&HeaderMap::new(), &[]).is_ok(), "no browser, no Origin");
    }

    #[test]
    fn a_foreign_page_may_not() {
        assert!(!allows("http://evil.example", "chat.example", &[]));
        assert!(!allows("http://chat.example:8081", "chat.example:8080", &[]));
        assert!(!allows("http://chat.example.evil", "chat.example", &[]));
        assert!(!allows("null", "chat.example", &[]));
        assert!(!allows("http://chat.example:443", "chat.example", &[]));
    }

    #[test]
    fn listed_origins_may_connect_and_a_star_lets_everybody_in() {
        let list = ["https://app.example"];
        assert!(allows("https://app.example", "chat.example", &list));
        assert!(!allows("http://app.example", "chat.example", &list));
        assert!(allows("http://anything", "chat.example", &["*"]));
    }
}
