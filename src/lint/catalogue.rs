//! Every rule by name: what it looks at, why, and where that is documented.
//! Leaves to `rules`: applying them. docs/lint.md and `holdline lint --rules` are made of this.

/// A rule and its reason.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// As findings name it.
    pub name: &'static str,
    /// What is looked at.
    pub checks: &'static str,
    /// Why it matters.
    pub reason: &'static str,
    /// nginx's page of the directive, under `nginx.org/en/docs/`, or another document.
    pub page: &'static str,
}

const fn rule(
    name: &'static str,
    checks: &'static str,
    reason: &'static str,
    page: &'static str,
) -> Rule {
    Rule { name, checks, reason, page }
}

/// Every rule there is, in families.
#[rustfmt::skip]
pub static RULES: &[Rule] = &[
    rule("missing-semicolon", "a directive without its `;`", "nginx refuses the whole configuration; often the last line of a copied snippet", "syntax.html"),
    rule("unbalanced", "braces that do not match", "nginx refuses the file, often at a line far from the fault", "syntax.html"),
    rule("unterminated-quote", "a quote that is never closed", "everything behind it is one argument", "syntax.html"),
    rule("syntax", "signs where none may be", "nginx refuses the file", "syntax.html"),
    rule("unknown-directive", "a name one or two letters from a directive of nginx", "nginx refuses it", "dirindex.html"),
    rule("misplaced-directive", "a directive in a block where it may not stand", "nginx refuses it", "dirindex.html"),
    rule("arguments", "the number of arguments, on and off, blocks", "nginx refuses it", "dirindex.html"),
    rule("bad-value", "a time that is none", "nginx refuses it", "syntax.html"),
    rule("include-unread", "an include that cannot be read", "what is in it is not judged, and rules that need all of it stay silent", "ngx_core_module.html#include"),
    rule("not-judged", "directives of modules that are not nginx's own", "nobody here knows what they do", "dirindex.html"),
    rule("not-taken-for-one", "a location with half a recipe for WebSockets, or a path like one: ws, socket, chat, cable, hub", "without Upgrade it is not taken for a WebSocket one, and not judged", "http/websocket.html"),
    rule("fragment", "a file that is a part of a configuration", "what is inherited from further out is not seen", "syntax.html"),

    rule("no-websocket-location", "that some location proxies WebSockets", "a gateway without one passes none", "http/websocket.html"),
    rule("http-version", "proxy_http_version", "HTTP/1.0 and HTTP/2 have no Upgrade; the default is 1.0 before nginx 1.29.7", "http/ngx_http_proxy_module.html#proxy_http_version"),
    rule("proxy-pass-scheme", "that proxy_pass is http:// or https://", "nginx refuses ws:// and wss:// (invalid URL prefix); a WebSocket begins as HTTP", "http/ngx_http_proxy_module.html#proxy_pass"),
    rule("request-headers", "proxy_pass_request_headers", "off, it takes Sec-WebSocket-Key away, and no handshake succeeds", "http/ngx_http_proxy_module.html#proxy_pass_request_headers"),
    rule("upgrade-header", "that Upgrade is passed on", "it is a hop-by-hop header, which nginx drops unless told otherwise; the backend then answers 400 or 426", "http/websocket.html"),
    rule("connection-header", "that Connection: upgrade is sent", "as Upgrade; hard-coded, it costs plain requests their connections to the backend", "http/websocket.html"),
    rule("connection-variable", "the map that makes the value of Connection", "without it nginx does not start, with a wrong one no handshake succeeds", "http/ngx_http_map_module.html#map"),
    rule("map-default-upgrade", "a map with `default upgrade`", "it forwards any protocol that a peer names, h2c among them", "http/ngx_http_map_module.html#map"),
    rule("headers-lost", "a proxy_set_header in an inner level", "one in a level drops ALL that are set further out", "http/ngx_http_proxy_module.html#proxy_set_header"),
    rule("host-without-port", "Host against the backend's same-origin check", "a browser's Origin has the port; $host has none, and the default is the upstream's name: 403", "http/ngx_http_proxy_module.html#proxy_set_header"),
    rule("forwarded-for", "X-Forwarded-For, where server.trusted_proxies believes it", "without it all peers are the gateway; appended, it passes on what peers made up", "http/ngx_http_proxy_module.html#proxy_set_header"),

    rule("read-timeout", "proxy_read_timeout against heartbeat.ping_interval: over a half warns, over 0.9 or less than a second of margin fails", "silence in both directions for so long is cut with a FIN and no close frame; a ping period equal to the timeout survived 1 time of 10", "http/ngx_http_proxy_module.html#proxy_read_timeout"),
    rule("read-timeout-long", "a proxy_read_timeout of an hour or more", "it is also the wait for the 101: a hung backend hangs handshakes that long", "http/ngx_http_proxy_module.html#proxy_read_timeout"),
    rule("read-timeout-differs", "proxy_read_timeout against gateway.read_timeout", "the backend works its ping interval out from what it is told", "http/ngx_http_proxy_module.html#proxy_read_timeout"),
    rule("stream-timeout", "proxy_timeout of `stream` against heartbeat.ping_interval, where no location passes WebSockets", "it ends a silent connection as proxy_read_timeout does; the default is 10m", "stream/ngx_stream_proxy_module.html#proxy_timeout"),
    rule("send-timeout", "send_timeout against limits.write_timeout", "shorter, nginx cuts a slow peer before the backend says why; longer, a stuck peer keeps up to 4 MB", "http/ngx_http_core_module.html#send_timeout"),
    rule("proxy-send-timeout", "proxy_send_timeout against the pauses in which the backend reads nothing", "a busy peer is cut while its message waits for the application", "http/ngx_http_proxy_module.html#proxy_send_timeout"),
    rule("connect-timeout", "proxy_connect_timeout with several servers", "so long a handshake waits for a host that is gone", "http/ngx_http_proxy_module.html#proxy_connect_timeout"),

    rule("max-fails", "max_fails with several servers", "nginx counts a success when a request ends: after one failure a server gets one handshake in 10 s (468 of 472 got 502 from healthy backends)", "http/ngx_http_upstream_module.html#server"),
    rule("balancing", "how servers are chosen", "connections live for hours: taking turns leaves a fresh server empty, ip_hash piles an office onto one", "http/ngx_http_upstream_module.html#least_conn"),
    rule("next-upstream", "proxy_next_upstream", "the 503 of a draining backend is retried elsewhere, unseen, if http_503 is listed", "http/ngx_http_proxy_module.html#proxy_next_upstream"),
    rule("rooms-scattered", "/ws/rooms/ with several servers", "a room lives on one backend; members on two miss each other", "http/ngx_http_upstream_module.html#hash"),
    rule("proxy-pass-variable", "a variable in proxy_pass, unless `set` says an address", "without a resolver it ends in 502, with one the servers are used unevenly", "http/ngx_http_proxy_module.html#proxy_pass"),
    rule("local-ports", "wanted connections per server", "Linux has 28,232 local ports for each address unless told otherwise", "http/ngx_http_upstream_module.html#server"),

    rule("worker-connections", "worker_connections against twice the wanted connections", "it counts both sides: the common 1024 hold 511 WebSockets a worker, past it peers are cut off without an answer", "ngx_core_module.html#worker_connections"),
    rule("worker-files", "worker_rlimit_nofile against worker_connections", "each connection is a descriptor", "ngx_core_module.html#worker_rlimit_nofile"),
    rule("worker-shutdown-timeout", "a worker_shutdown_timeout below an hour", "after each reload everybody is cut at once at that time (measured: 70 ms), without a close frame", "ngx_core_module.html#worker_shutdown_timeout"),
    rule("accept-mutex", "accept_mutex on", "one worker takes the whole storm", "ngx_core_module.html#accept_mutex"),

    rule("redirect", "return and rewrite on the way of a handshake", "WebSocket clients do not follow redirects", "http/ngx_http_rewrite_module.html#return"),
    rule("slash-redirect", "`location /ws/` with proxy_pass", "nginx answers /ws with 301 to /ws/", "http/ngx_http_core_module.html#location"),
    rule("path-rewritten", "a path in proxy_pass", "it replaces the location's prefix: /ws/echo may arrive as /echo, where the backend has nothing", "http/ngx_http_proxy_module.html#proxy_pass"),

    rule("limit-office", "limit_req and limit_conn per address that are below 100", "an office, a school, a mobile network share one address", "http/ngx_http_limit_conn_module.html#limit_conn"),
    rule("limit-storm", "limits for all together against server.connections_max and drain.window", "after a drain or a crash everybody comes back at once", "http/ngx_http_limit_req_module.html#limit_req"),
    rule("limit-key", "what a limit counts by", "behind a CDN the peer's address is the CDN's; a header is whatever the peer likes", "http/ngx_http_realip_module.html#set_real_ip_from"),

    rule("control-exposed", "a location that leads to control.listen", "whoever reaches it can read all, publish, kick and drain", "http/ngx_http_access_module.html"),
    rule("token-in-log", "access logs, where auth is on", "a token in a log is a token given away", "http/ngx_http_log_module.html#log_format"),
    rule("token-in-error-log", "the error log, where auth.query_token is on", "nginx quotes the request with its query and cannot leave it out", "ngx_core_module.html#error_log"),
    rule("real-ip-anyone", "set_real_ip_from 0.0.0.0/0", "everybody chooses its own address", "http/ngx_http_realip_module.html#set_real_ip_from"),

    rule("buffer-size", "proxy_buffer_size over 4k", "it is held for the whole life of a connection; 16k cost 43 KB after traffic", "http/ngx_http_proxy_module.html#proxy_buffer_size"),
    rule("intercept-errors", "proxy_intercept_errors on", "the backend's refusals name the key that is to blame", "http/ngx_http_proxy_module.html#proxy_intercept_errors"),
];
