//! Where to dial: a WebSocket URL, checked, and the header fields that it implies.
//! Leaves to `dial.rs`: everything else that a caller may ask for.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::Invalid;

/// A `ws:` or `wss:` URL (RFC 6455 section 3). `http:` and `https:` are read as the two, and a
/// text without a scheme as `ws://` + text.
///
/// Credentials (`wss://name:password@…`) become an `Authorization` field and are never shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    url: Url,
    authorization: Option<String>,
}

impl ServerUrl {
    /// Whether the connection is under TLS.
    ///
    /// ```
    /// use holdline::dial::ServerUrl;
    ///
    /// assert!("wss://example.com".parse::<ServerUrl>()?.is_secure());
    /// assert!(!"localhost:9000".parse::<ServerUrl>()?.is_secure());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "wss"
    }

    /// The host as a resolver wants it: without brackets.
    ///
    /// ```
    /// # use holdline::dial::ServerUrl;
    /// assert_eq!("ws://[::1]:9000".parse::<ServerUrl>()?.host(), "::1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn host(&self) -> String {
        match self.url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        }
    }

    /// The port, 80 or 443 where the URL has none.
    ///
    /// ```
    /// # use holdline::dial::ServerUrl;
    /// assert_eq!("wss://example.com".parse::<ServerUrl>()?.port(), 443);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn port(&self) -> u16 {
        self.url.port().unwrap_or(if self.is_secure() { 443 } else { 80 })
    }

    /// What the `Host` field says: the host, with its port where that is not the usual one.
    ///
    /// ```
    /// # use holdline::dial::ServerUrl;
    /// assert_eq!("ws://[::1]:9000/ws".parse::<ServerUrl>()?.authority(), "[::1]:9000");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Path and query, as the request line has them.
    ///
    /// ```
    /// # use holdline::dial::ServerUrl;
    /// assert_eq!("ws://example.com/ws?a=b".parse::<ServerUrl>()?.path_and_query(), "/ws?a=b");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn path_and_query(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// The URL without its query, for logs: a query may hold a token.
    ///
    /// ```
    /// # use holdline::dial::ServerUrl;
    /// let url: ServerUrl = "ws://example.com/ws?token=x".parse()?;
    /// assert_eq!(url.without_query(), "ws://example.com/ws");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn without_query(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.into()
    }

    /// Whether `other` lies within this URL: the same scheme, host and port, and a path that is
    /// this one's or below it. This one's query, if it has one, must be the other's too. A path
    /// with an encoded `/` or `\` lies nowhere but within the whole host: servers differ on
    /// whether `/ws/..%2fadmin` is `/admin`.
    ///
    /// ```
    /// # use holdline::dial::ServerUrl;
    /// let ws: ServerUrl = "ws://example.com/ws".parse()?;
    /// assert!(ws.contains(&"ws://example.com/ws/echo".parse()?));
    /// assert!(!ws.contains(&"ws://example.com/admin".parse()?));
    /// assert!(!ws.contains(&"wss://example.com/ws/echo".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn contains(&self, other: &Self) -> bool {
        let (own, path) = (self.url.path(), other.url.path());
        let below = path.strip_prefix(own.trim_end_matches('/'));
        let plain = own == "/" || !["%2f", "%5c"].iter().any(|it| hides(path, it));
        let inside = own == path || plain && below.is_some_and(|rest| rest.starts_with('/'));
        let query = self.url.query().is_none_or(|query| other.url.query() == Some(query));
        self.url.origin() == other.url.origin() && inside && query
    }

    /// The value of `Authorization` (RFC 7617), where the URL has credentials.
    pub(super) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

impl FromStr for ServerUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: &str| Invalid::new(format!("{:?} is no server: {why}", shown(text)));
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        let has_scheme = scheme.is_some_and(|it| !it.contains(['/', '?', '#', ':', '@', '.']));
        let full = if has_scheme { text.to_owned() } else { format!("ws://{text}") };
        let mut url = Url::parse(&full).map_err(|error| {
            wrong(&format!("{error}; a WebSocket URL looks like ws://host:port/path"))
        })?;
        let scheme = match url.scheme() {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            _ => return Err(wrong("its scheme must be ws or wss")),
        };
        // The setter refuses no change between these four, all of them "special" schemes.
        let _ = url.set_scheme(scheme);
        if url.fragment().is_some() {
            return Err(wrong("a WebSocket URL has no #fragment (RFC 6455 section 3)"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("it names no host"));
        }
        let authorization = credentials(&url);
        let _ = (url.set_username(""), url.set_password(None));
        Ok(Self { url, authorization })
    }
}

/// Without the credentials.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// Without the credentials, and without the query, which may hold a token.
impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({:?})", self.without_query())
    }
}

fn hides(path: &str, encoded: &str) -> bool {
    path.to_ascii_lowercase().contains(encoded)
}

fn credentials(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    Some(format!("Basic {}", STANDARD.encode(pair)))
}

/// The text without what may be a secret in it.
fn shown(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let shown = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let shown: String = shown.chars().take(200).collect();
    if scheme.is_empty() { shown } else { format!("{scheme}://{shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ServerUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_way_to_write_a_server_comes_to_one() {
        for (text, means) in [
            ("ws://a.example/ws/echo", "ws://a.example/ws/echo"),
            ("http://a.example:80", "ws://a.example/"),
            ("https://a.example/x?y=1", "wss://a.example/x?y=1"),
            ("localhost:8080/ws/echo", "ws://localhost:8080/ws/echo"),
            ("WSS://A.Example:443/", "wss://a.example/"),
            ("ws://[::1]:9000/ws", "ws://[::1]:9000/ws"),
            ("a.example/ws?next=http://b.example/", "ws://a.example/ws?next=http://b.example/"),
            ("localhost?next=http://b", "ws://localhost/?next=http://b"),
        ] {
            assert_eq!(url(text).to_string(), means, "{text}");
        }
    }

    #[test]
    fn host_port_and_authority_are_what_resolver_and_host_field_want() {
        let address = url("wss://[::1]:9000/ws?a=b");
        assert_eq!((address.host().as_str(), address.port()), ("::1", 9000));
        assert_eq!(address.authority(), "[::1]:9000");
        assert_eq!(address.path_and_query(), "/ws?a=b");
        assert_eq!(address.without_query(), "wss://[::1]:9000/ws");
        let usual = url("wss://a.example");
        assert_eq!((usual.port(), usual.authority().as_str()), (443, "a.example"));
        assert_eq!(usual.path_and_query(), "/");
    }

    #[test]
    fn credentials_become_a_field_and_are_never_shown() {
        let address = url("ws://anna:s%40cret@a.example/");
        assert_eq!(address.authorization(), Some("Basic YW5uYTpzQGNyZXQ="));
        let shown = format!("{address} {address:?} {}", address.without_query());
        assert!(!shown.contains("cret") && !shown.contains("YW5uYTpz"), "{shown}");
        let token = url("ws://a.example/ws?token=secret");
        assert_eq!(format!("{token:?}"), "ServerUrl(\"ws://a.example/ws\")");
        let error = "ftp://anna:secret@a.example".parse::<ServerUrl>().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn what_is_no_server_is_refused_in_words() {
        for (text, words) in [
            ("ftp://a.example", "scheme must be ws or wss"),
            ("ws://a.example/#x", "fragment"),
            ("ws://", "is no server"),
            ("ws://a:99999/", "port"),
            ("", "is no server"),
        ] {
            let error = text.parse::<ServerUrl>().unwrap_err().to_string();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_url_contains_what_is_below_it_and_nothing_beside() {
        for (allowed, server, inside) in [
            ("ws://a.example", "ws://a.example/any/thing?x=1", true),
            ("ws://a.example/ws", "ws://a.example/ws", true),
            ("ws://a.example/ws/", "ws://a.example/ws/echo", true),
            ("ws://a.example/ws", "ws://a.example/ws/echo", true),
            ("ws://a.example/ws", "ws://a.example/wsx", false),
            ("ws://a.example/ws", "ws://a.example/ws/../admin", false),
            ("ws://a.example/ws", "ws://a.example/ws/%2e%2e/admin", false),
            ("ws://a.example/ws", "ws://a.example/ws/..%2Fadmin", false),
            ("ws://a.example/ws", "ws://a.example/ws/..%5cadmin", false),
            ("ws://a.example/a%2fb", "ws://a.example/a%2fb", true),
            ("ws://a.example", "ws://a.example/a%2fb", true),
            ("ws://a.example/ws", "wss://a.example/ws", false),
            ("ws://a.example/ws", "ws://a.example:81/ws", false),
            ("ws://a.example", "ws://a.example.evil.example/", false),
            ("ws://a.example", "ws://evil@a.example.evil.example/", false),
            ("ws://a.example/ws?t=1", "ws://a.example/ws?t=2", false),
        ] {
            assert_eq!(url(allowed).contains(&url(server)), inside, "{allowed} {server}");
        }
    }
}
