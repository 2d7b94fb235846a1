//! Promise 6, at the gateway: what reaches the backend, and as whose request.
//! What the backend itself refuses is in `handshake`.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::handshake::opened_from;
use crate::harness::http;
use crate::harness::peer::Dial;
use crate::harness::{Stage, heavy, until, wait::PATIENCE};

#[tokio::test]
async fn a_plain_request_is_told_to_upgrade_through_the_gateway() {
    let stage = Stage::gateway().start().await;
    for path in ["/ws/echo", "/ws/rooms/lobby"] {
        let answer = stage.get(path).await;
        assert_eq!(answer.status, 426, "{answer:?}");
        assert_eq!(answer.header("upgrade"), Some("websocket"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_browser_s_origin_with_its_port_is_accepted_and_a_foreign_one_is_not() {
    let stage = Stage::gateway().start().await;
    let own = format!("http://{}", stage.address());
    stage.dial("/ws/echo").header("Origin", &own).open().await.echoes("from the page").await;
    let answer = stage.dial("/ws/echo").header("Origin", "https://evil.example").refused().await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let text = answer.text();
    let named = text.contains("https://evil.example") && text.contains("server.allowed_origins");
    assert!(named, "{text}");
}

#[tokio::test]
async fn only_websocket_is_upgraded() {
    let stage = Stage::gateway().start().await;
    let h2c = stage.dial("/ws/echo").header("Upgrade", "h2c").header("HTTP2-Settings", "AAMAAABk");
    let answer = h2c.header("Connection", "Upgrade, HTTP2-Settings").refused().await;
    assert_eq!(answer.status, 426, "{answer:?}");
    let answer = stage.dial("/ws/echo").header("Upgrade", "notwebsocketx").refused().await;
    assert_eq!(answer.status, 426, "{answer:?}");
    // A browser writes it like this, some libraries like that.
    stage.dial("/ws/echo").header("Upgrade", "WebSocket").open().await.echoes("any case").await;
}

/// Seen from behind the gateway, by a listener that only writes down what it is asked.
#[tokio::test]
async fn the_backend_is_told_the_truth_and_only_websocket_is_passed_on() {
    let behind = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let stage = Stage::gateway().behind(behind.local_addr().expect("it is bound")).start().await;
    let asked = async |dial: Dial<'static>| {
        let asking = tokio::spawn(dial.from("127.0.0.12").attempt());
        let (mut stream, _) = behind.accept().await.expect("the gateway connects");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut request).await.expect("it asks"), 0, "half a request");
        }
        asking.abort();
        String::from_utf8_lossy(&request).to_lowercase()
    };
    let request = asked(stage.dial("/ws/echo").header("X-Real-IP", "203.0.113.7")).await;
    let host = format!("host: {}\r\n", stage.address());
    for told in [&host, "upgrade: websocket\r\n", "connection: upgrade\r\n", "http/1.1\r\n"] {
        assert!(request.contains(told), "no {told:?} in {request}");
    }
    assert!(request.contains("x-forwarded-for: 127.0.0.12\r\n"), "{request}");
    assert!(!request.contains("203.0.113.7"), "{request}");
    for other in ["h2c", "notwebsocketx", "websocket2"] {
        let request = asked(stage.dial("/ws/echo").header("Upgrade", other)).await;
        assert!(!request.contains("connection: upgrade"), "{other} is passed on: {request}");
    }
}

#[tokio::test]
async fn control_routes_and_path_tricks_are_not_found_at_the_gateway() {
    let mut stage = Stage::gateway().start().await;
    for path in [
        "/metrics",
        "/connections",
        "/rooms",
        "/rooms/lobby/messages",
        "/publish",
        "/drain",
        "/openapi.json",
        "/nginx_status",
        "/stub_status",
        "//metrics",
        "/./metrics",
        "/%6detrics",
        "/ws",
        "/ws/",
        "/ws/metrics",
        "/ws/echo/",
        "/ws/echo/x",
        "/ws/echo/../../metrics",
        "/ws/rooms/../../metrics",
        "/ws/rooms/..%2f..%2fmetrics",
        "/ws/rooms/%2e%2e/%2e%2e/metrics",
        "/ws/rooms/..;/..;/metrics",
        "/ws/rooms/lobby/../../../metrics",
        "/WS/ECHO",
    ] {
        let answer = stage.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(!answer.text().contains("holdline_connections"), "{path} shows metrics");
    }
    // The absolute form names another server; it gets this one's answer.
    let absolute = "GET http://127.0.0.1:9001/metrics HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\
        Connection: close\r\n\r\n";
    let answer = http::send(stage.address(), absolute.as_bytes()).await.expect("an answer");
    assert_eq!(answer.status, 404, "{answer:?}");
    // At the gateway: the backend has not been asked, except about odd names of rooms.
    for entry in stage.proxy().access() {
        let room = entry["uri"].as_str().is_some_and(|uri| uri.starts_with("/ws/rooms/"));
        assert!(room || entry["upstream"] == "", "passed on: {entry}");
    }
}

#[tokio::test]
async fn the_page_comes_through_the_gateway_with_its_policy_and_may_be_asked_for_again() {
    let stage = Stage::gateway().start().await;
    for path in ["/", "/page.css", "/page.js", "/reconnecting-websocket.js", "/icon.svg"] {
        let answer = stage.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        for name in ["content-security-policy", "x-content-type-options", "etag", "x-request-id"] {
            assert!(answer.header(name).is_some(), "{path} without {name}: {answer:?}");
        }
    }
    for path in ["/index.html", "/page", "/page.html", "/favicon.ico", "/page.js/", "/Page.js"] {
        assert_eq!(stage.get(path).await.status, 404, "{path}");
    }
    let posted = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        stage.address()
    );
    let answer = http::send(stage.address(), posted.as_bytes()).await.expect("an answer");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{answer:?}");
}

#[tokio::test]
async fn an_operator_who_wants_no_page_has_none() {
    let stage = Stage::gateway().set("server.page", false).start().await;
    for path in ["/", "/page.js"] {
        assert_eq!(stage.get(path).await.status, 404, "{path}");
    }
    stage.connect("/ws/echo").await.echoes("and all else goes on").await;
}

#[tokio::test]
async fn the_gateway_s_health_is_that_a_backend_is_ready() {
    let mut stage = Stage::gateway().start().await;
    assert_eq!(stage.get("/healthz").await.status, 200);
    stage.node().kill().await;
    let status = async || stage.get("/healthz").await.status;
    until("an unhealthy gateway", PATIENCE, status, |status| *status >= 500).await;
}

#[tokio::test]
async fn forged_forwarding_headers_are_ignored() {
    let stage = Stage::gateway().start().await;
    let peer = stage
        .dial("/ws/echo")
        .from("127.0.0.11")
        .header("X-Forwarded-For", "203.0.113.7")
        .header("X-Real-IP", "203.0.113.7")
        .header("Forwarded", "for=203.0.113.7")
        .header("X-Request-ID", "forged")
        .open()
        .await;
    assert_ne!(peer.request, "forged", "the gateway names requests itself");
    opened_from(&stage, &peer.request, "127.0.0.11").await;
}

#[tokio::test]
async fn two_users_behind_one_trusted_cdn_address_have_separate_limits() {
    let stage = Stage::gateway()
        .render("HOLDLINE_TRUSTED_CDN", "127.0.0.9/32 198.51.100.0/24")
        .set("limits.connections_per_ip_max", 2)
        .start()
        .await;
    let user =
        |address: &str| stage.dial("/ws/echo").from("127.0.0.9").header("X-Forwarded-For", address);
    let anna = [user("203.0.113.7").open().await, user("203.0.113.7").open().await];
    opened_from(&stage, &anna[0].request, "203.0.113.7").await;
    assert_eq!(user("203.0.113.7").refused().await.status, 429);
    let bert = user("203.0.113.8").open().await;
    opened_from(&stage, &bert.request, "203.0.113.8").await;
    // What a user writes in front of what the CDN adds is not believed.
    let forged = user("192.0.2.1, 203.0.113.7").refused().await;
    assert_eq!(forged.status, 429, "{forged:?}");
    // Through two of the CDN's own machines, the user is still the first that is not one.
    let twice = user("203.0.113.11, 198.51.100.5").open().await;
    opened_from(&stage, &twice.request, "203.0.113.11").await;
    // From any other address the header is a forgery altogether.
    let stranger =
        stage.dial("/ws/echo").from("127.0.0.10").header("X-Forwarded-For", "203.0.113.9");
    let stranger = stranger.open().await;
    opened_from(&stage, &stranger.request, "127.0.0.10").await;
}

#[tokio::test]
async fn the_gateway_s_own_limits_count_users_and_not_their_cdn() {
    let stage = Stage::gateway()
        .render("HOLDLINE_TRUSTED_CDN", "127.0.0.9")
        .render("GATEWAY_ADDRESS_CONNECTIONS", "2")
        .start()
        .await;
    let user =
        |address: &str| stage.dial("/ws/echo").from("127.0.0.9").header("X-Forwarded-For", address);
    let _anna = [user("203.0.113.7").open().await, user("203.0.113.7").open().await];
    let answer = user("203.0.113.7").refused().await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let _bert = [user("203.0.113.8").open().await, user("203.0.113.8").open().await];
    stage.holds(4).await;
    let opened = stage.gauge("holdline_connections_opened_total").await;
    assert_eq!(opened, 4.0, "the backend has not heard of the fifth");
}

#[tokio::test]
async fn an_office_behind_one_address_gets_in_all_at_once() {
    let _turn = heavy().await;
    let stage = Stage::gateway().workers(2).start().await;
    let office = (0..400).map(|_| stage.dial("/ws/rooms/office").from("127.0.0.40").open());
    let office = futures_util::future::join_all(office).await;
    stage.holds(400).await;
    drop(office);
    stage.holds(0).await;
}

#[tokio::test]
async fn both_logs_tell_of_a_connection_under_the_same_request_id() {
    let mut stage = Stage::gateway().start().await;
    let mut peer = stage.dial("/ws/echo").header("User-Agent", "a \"quoted\" agent").open().await;
    peer.echoes("hello").await;
    peer.close(1000, "").await;
    assert_eq!(peer.ended().await.code, 1000);
    let line = stage.ended_as(&peer, "peer_closed", "1000").await;
    assert_eq!((line.number("in"), line.number("out")), (1.0, 1.0), "{line:?}");
    let open = stage.opens().remove(0);
    assert!(open.says("user_agent", "a \"quoted\" agent"), "{open:?}");
    let request = peer.request.clone();
    let entry = async || {
        let entries = stage.proxy().access().into_iter();
        entries.filter(|entry| entry.to_string().contains(&request)).collect::<Vec<_>>()
    };
    let entries = until("its access log line", PATIENCE, entry, |found| found.len() == 1).await;
    assert!(entries[0].to_string().contains("101"), "{entries:?}");
}
