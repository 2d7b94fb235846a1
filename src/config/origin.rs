//! The form of an allowed origin: what a browser sends, letter for letter (RFC 6454, 6.2), or `*`.
//! Comparing one with a request's `Origin` is left to the server.

/// What is wrong with `text` as an allowed origin. The rule is strict, because a text no browser
/// ever sends would be accepted here and refuse everybody there.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text == "*" {
        return Ok(());
    }
    let must = |rule: &str| {
        Err(format!("must list origins as browsers send them, or \"*\"; {text:?} {rule}"))
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return must("has no scheme: write \"https://example.com\"");
    };
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return must("has capital letters, browsers send none");
    }
    if matches!(scheme, "ws" | "wss") {
        return must("has the scheme of a WebSocket; an origin is the page's, so http or https");
    }
    if !is_scheme(scheme) {
        return must("has no valid scheme");
    }
    if rest.contains(['/', '?', '#']) {
        return must("has a path: an origin ends with its host or port");
    }
    if rest.contains('*') {
        return must("has a wildcard: list each origin, or \"*\" alone");
    }
    let (host, port) = split_port(rest);
    if let Some(port) = port {
        if !is_port(port) {
            return must("has no valid port");
        }
        if matches!((scheme, port), ("http", "80") | ("https", "443")) {
            return must("has the scheme's own port, which browsers leave out");
        }
    }
    if !is_host(host) {
        return must("has no valid host (one with other letters is written in punycode, xn--…)");
    }
    Ok(())
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// The host and what follows its colon; the colons of an IPv6 address are inside brackets.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    }
}

fn is_port(text: &str) -> bool {
    let canonical = !text.starts_with(['0', '+']);
    canonical && text.parse::<u16>().is_ok()
}

fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_browsers_send_is_accepted() {
        for text in [
            "*",
            "https://example.com",
            "http://localhost:8080",
            "http://127.0.0.1:3000",
            "http://[::1]:8080",
            "https://[2001:db8::1]",
            "https://xn--bcher-kva.example",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "capacitor://localhost",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused_with_its_reason() {
        for (text, reason) in [
            ("example.com", "no scheme"),
            ("null", "no scheme"),
            ("", "no scheme"),
            ("https://Example.com", "capital letters"),
            ("wss://example.com", "scheme of a WebSocket"),
            ("://example.com", "no valid scheme"),
            ("https://example.com/", "a path"),
            ("https://example.com/chat", "a path"),
            ("https://*.example.com", "a wildcard"),
            ("https://example.com:443", "scheme's own port"),
            ("http://example.com:80", "scheme's own port"),
            ("https://example.com:", "no valid port"),
            ("https://example.com:99999", "no valid port"),
            ("https://example.com:+8443", "no valid port"),
            ("https://", "no valid host"),
            ("https://user@example.com", "no valid host"),
            ("https://bücher.example", "no valid host"),
            ("https://::1", "no valid host"),
        ] {
            let rule = check(text).expect_err(text);
            assert!(rule.contains(reason), "{text}: {rule}");
            assert!(rule.contains(&format!("{text:?}")), "{text}: {rule}");
        }
    }
}
