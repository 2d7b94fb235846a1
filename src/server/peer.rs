//! Who asks: the peer's address behind trusted proxies, its request id, its user agent.
//! Leaves to `handshake.rs`: whether the request is a handshake.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName, USER_AGENT};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer values are cut: a log line is no place for a peer's essay.
const REQUEST_ID_BYTES_MAX: usize = 64;
const USER_AGENT_BYTES_MAX: usize = 256;

/// The peer's own address: `from`, unless that is a trusted proxy (`server.trusted_proxies`);
/// then the last address in `X-Forwarded-For` that is not. What an untrusted peer wrote in
/// front of it is never believed.
pub(super) fn address(headers: &HeaderMap, from: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut nearest = from.to_canonical();
    let lists: Vec<_> = headers.get_all(FORWARDED_FOR).collect();
    for list in lists.into_iter().rev() {
        // Lossy: a stray byte that some peer wrote must not hide what the proxy appended.
        for entry in String::from_utf8_lossy(list.as_bytes()).rsplit(',') {
            if !is_trusted(nearest) {
                return nearest;
            }
            let Some(address) = parse(entry.trim()) else { return nearest };
            nearest = address;
        }
    }
    nearest
}

/// An address as proxies write it: plain, in brackets, or with a port.
fn parse(entry: &str) -> Option<IpAddr> {
    let plain = entry.trim_start_matches('[').trim_end_matches(']');
    let address = plain.parse().ok();
    address
        .or_else(|| entry.parse().ok().map(|with_port: std::net::SocketAddr| with_port.ip()))
        .map(|address: IpAddr| address.to_canonical())
}

/// The gateway's `X-Request-ID`, or `-`.
pub(super) fn request_id(headers: &HeaderMap) -> String {
    let mut id = text(headers, &REQUEST_ID, REQUEST_ID_BYTES_MAX);
    id.retain(|c| c.is_ascii_alphanumeric() || "-_.:+/=@".contains(c));
    if id.is_empty() { "-".to_owned() } else { id }
}

/// The `User-Agent`, shortened.
pub(super) fn user_agent(headers: &HeaderMap) -> String {
    text(headers, &USER_AGENT, USER_AGENT_BYTES_MAX)
}

fn text(headers: &HeaderMap, name: &HeaderName, bytes_max: usize) -> String {
    let value = headers.get(name).map_or("".into(), |v| String::from_utf8_lossy(v.as_bytes()));
    value[..value.floor_char_boundary(bytes_max)].to_owned()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(forwarded: &[&'static str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for value in forwarded {
            map.append(FORWARDED_FOR, HeaderValue::from_static(value));
        }
        map
    }

    fn seen(forwarded: &[&'static str], from: &str) -> String {
        let trusted = ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        address(&headers(forwarded), from.parse().unwrap(), &trusted).to_string()
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_the_address_before_it() {
        assert_eq!(seen(&["203.0.113.7"], "127.0.0.1"), "203.0.113.7");
        assert_eq!(seen(&["203.0.113.7, 10.1.1.1"], "127.0.0.1"), "203.0.113.7");
        assert_eq!(seen(&["203.0.113.7", "10.1.1.1"], "127.0.0.1"), "203.0.113.7");
        assert_eq!(seen(&["[2001:db8::1]"], "127.0.0.1"), "2001:db8::1");
        assert_eq!(seen(&["203.0.113.7:4711"], "127.0.0.1"), "203.0.113.7");
    }

    #[test]
    fn what_an_untrusted_sender_claims_is_ignored() {
        assert_eq!(seen(&["127.0.0.1"], "203.0.113.7"), "203.0.113.7");
        assert_eq!(seen(&["192.0.2.66, 203.0.113.7"], "127.0.0.1"), "203.0.113.7");
        assert_eq!(seen(&["nonsense, 203.0.113.7"], "10.0.0.1"), "203.0.113.7");
        assert_eq!(seen(&["nonsense"], "10.0.0.1"), "10.0.0.1");
        assert_eq!(seen(&[], "127.0.0.1"), "127.0.0.1");
    }

    #[test]
    fn a_stray_byte_does_not_hide_the_peer() {
        let mut map = HeaderMap::new();
        let value = HeaderValue::from_bytes(b"\xff, 203.0.113.7").unwrap();
        map.insert(FORWARDED_FOR, value);
        let trusted = ["127.0.0.0/8".parse().unwrap()];
        let seen = address(&map, "127.0.0.1".parse().unwrap(), &trusted);
        assert_eq!(seen.to_string(), "203.0.113.7");
    }

    #[test]
    fn a_request_id_cannot_break_a_log_line() {
        let mut map = HeaderMap::new();
        assert_eq!(request_id(&map), "-");
        map.insert(REQUEST_ID, HeaderValue::from_static("abc reason=\"x\" {}"));
        assert_eq!(request_id(&map), "abcreason=x");
    }
}
