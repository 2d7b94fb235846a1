//! Promise 13, the front door under TLS: who is let in, what pages are told, what goes over the wire.
//! That connections hold under TLS as they do without is the promise of `tls_holding`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

use crate::harness::peer::Dial;
use crate::harness::tls::{self, HandshakeKind, ProtocolVersion, TLS12, TLS13};
use crate::harness::{PATIENCE, Stage, http};

/// What the page is made of.
const PAGE: [&str; 5] = ["/", "/page.css", "/page.js", "/reconnecting-websocket.js", "/icon.svg"];

#[tokio::test]
async fn a_peer_echoes_under_tls_1_2_and_under_1_3() {
    let stage = Stage::gateway().tls().start().await;
    for (version, name) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let config = stage.authority().trusted_with(&[version]);
        let address = stage.secure_address();
        let stream = tls::connect(&config, address).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(name));
        let mut peer = Dial::new(address, "/ws/echo").tls(&config).open().await;
        peer.echoes("under TLS").await;
        peer.echoes(&"long ".repeat(10_000)).await;
        peer.close(1000, "").await;
        assert_eq!(peer.ended().await.code, 1000);
        stage.ended_as(&peer, "peer_closed", "1000").await;
    }
}

#[tokio::test]
async fn tls_1_1_is_refused_by_name() {
    let stage = Stage::gateway().tls().start().await;
    // The same hello, one version newer, is agreed to: a handshake record with a ServerHello.
    let answer = said_hello(stage.secure_address(), [3, 3]).await;
    assert_eq!((answer[0], answer[5]), (22, 2), "{answer:?}");
    // An alert record: fatal, protocol_version (RFC 5246 §7.2.2).
    let answer = said_hello(stage.secure_address(), [3, 2]).await;
    assert_eq!((answer[0], &answer[5..7]), (21, &[2, 70][..]), "{answer:?}");
}

#[tokio::test]
async fn every_answer_under_tls_asks_to_stay_there_and_to_guess_no_types() {
    let stage = Stage::gateway().tls().start().await;
    for path in PAGE.into_iter().chain(["/healthz", "/nothing", "/ws/echo"]) {
        let (secure, plain) = (stage.secure_get(path).await, stage.get(path).await);
        let hsts = secure.header("strict-transport-security");
        assert_eq!(hsts, Some("max-age=63072000"), "{path}: {secure:?}");
        assert_eq!(plain.header("strict-transport-security"), None, "{path}: {plain:?}");
        for answer in [secure, plain] {
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
            assert_eq!(answer.count("x-content-type-options"), 1, "{path}: {answer:?}");
            assert_eq!(answer.count("x-request-id"), 1, "{path}: {answer:?}");
        }
    }
    for path in PAGE {
        let page = stage.secure_get(path).await;
        assert_eq!(page.status, 200, "{path}: {page:?}");
        assert!(page.header("content-security-policy").is_some(), "{path}: {page:?}");
    }
}

#[tokio::test]
async fn on_plain_http_a_page_is_redirected_whatever_else_it_claims_to_be() {
    let stage = Stage::gateway().tls().start().await;
    let (plain, secure) = (stage.address(), stage.secure_address());
    for path in PAGE.into_iter().chain(["/?a=b&c=%2F", "//", "/%70age.js"]) {
        let claims = [
            http::get(plain, path).await,
            stage.dial(path).refused().await,
            stage.dial(path).header("X-Forwarded-Proto", "https").refused().await,
        ];
        for answer in claims {
            assert_eq!(answer.status, 308, "{path}: {answer:?}");
            let there = format!("https://{secure}{path}");
            assert_eq!(answer.header("location"), Some(there.as_str()), "{answer:?}");
        }
    }
    // By the other name of the certificate, in any case.
    let answer = stage.dial("/").header("Host", "LocalHost:1").refused().await;
    let there = format!("https://localhost:{}/", secure.port());
    assert_eq!(answer.header("location"), Some(there.as_str()), "{answer:?}");
}

#[tokio::test]
async fn nobody_is_redirected_to_a_host_that_the_certificate_does_not_name() {
    let stage = Stage::gateway().tls().start().await;
    let mut asked = Vec::new();
    for host in ["evil.example", "localhost.evil.example", "127.0.0.2", "evil.example:443"] {
        asked.push(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    }
    // The absolute form names a host of its own; before HTTP/1.1 there need not be any.
    let own = stage.address();
    for target in ["http://evil.example/", "http://evil.example", "http://evil.example?a"] {
        asked.push(format!("GET {target} HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"));
    }
    asked.push("GET / HTTP/1.0\r\n\r\n".to_owned());
    for request in asked {
        let answer = http::send(own, request.as_bytes()).await.expect("an answer");
        assert_eq!(answer.status, 421, "{request:?}: {answer:?}");
        assert_eq!(answer.header("location"), None, "{request:?}: {answer:?}");
        assert!(answer.text().contains("localhost, 127.0.0.1"), "{answer:?}");
    }
}

#[tokio::test]
async fn on_plain_http_a_handshake_is_never_redirected_and_health_is_told() {
    let stage = Stage::gateway().tls().start().await;
    stage.connect("/ws/echo").await.echoes("as before").await;
    stage.connect("/ws/rooms/tea").await.echoes("as before").await;
    for path in
        ["/ws", "/ws/", "/ws/nothing", "/WS/echo", "/ws/rooms", "//ws/nothing", "/elsewhere"]
    {
        let answer = stage.dial(path).refused().await;
        assert_eq!((answer.status, answer.header("location")), (404, None), "{path}: {answer:?}");
    }
    assert_eq!(stage.get("/ws/echo").await.status, 426);
    assert_eq!(stage.get("/healthz").await.status, 200);
    assert_eq!(stage.secure_get("/healthz").await.status, 200);
}

#[tokio::test]
async fn plain_http_on_the_port_with_tls_is_told_so() {
    let stage = Stage::gateway().tls().start().await;
    for answer in [
        http::get(stage.secure_address(), "/").await,
        Dial::new(stage.secure_address(), "/ws/echo").refused().await,
    ] {
        assert_eq!((answer.status, answer.header("location")), (400, None), "{answer:?}");
        assert!(answer.text().contains("wss://"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_page_under_tls_may_connect_and_one_from_elsewhere_may_not() {
    let stage = Stage::gateway().tls().start().await;
    let own = format!("https://{}", stage.secure_address());
    stage.secure_dial("/ws/echo").header("Origin", &own).open().await.echoes("own").await;
    // On the port that is https' own, browsers leave it out.
    let own = stage.secure_dial("/ws/echo").header("Host", "chat.example");
    own.header("Origin", "https://chat.example").open().await.echoes("own").await;
    let plain = format!("https://{}", stage.address());
    for foreign in ["https://evil.example", &plain] {
        let answer = stage.secure_dial("/ws/echo").header("Origin", foreign).refused().await;
        assert_eq!(answer.status, 403, "{foreign}: {answer:?}");
    }
}

#[tokio::test]
async fn the_backend_is_told_that_a_peer_came_under_tls() {
    let behind = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let upstream = behind.local_addr().expect("it is bound");
    let stage = Stage::gateway().tls().behind(upstream).start().await;
    let dial = stage.secure_dial("/ws/echo").header("X-Forwarded-Proto", "http");
    let asking = tokio::spawn(dial.attempt());
    let (mut stream, _) = behind.accept().await.expect("the gateway connects");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut request).await.expect("it asks"), 0, "half a request");
    }
    asking.abort();
    let request = String::from_utf8_lossy(&request).to_lowercase();
    assert!(request.contains("x-forwarded-proto: https\r\n"), "{request}");
    assert!(!request.contains("x-forwarded-proto: http\r\n"), "{request}");
    assert!(request.contains(&format!("host: {}\r\n", stage.secure_address())), "{request}");
}

#[tokio::test]
async fn whoever_comes_again_resumes_the_tls_session_at_any_worker() {
    let stage = Stage::gateway().tls().start().await;
    for version in [&TLS12, &TLS13] {
        let config = stage.authority().trusted_with(&[version]);
        assert_eq!(came(&stage, &config).await, HandshakeKind::Full);
        for _ in 0..12 {
            assert_eq!(came(&stage, &config).await, HandshakeKind::Resumed, "{version:?}");
        }
        let stranger = stage.authority().trusted_with(&[version]);
        assert_eq!(came(&stage, &stranger).await, HandshakeKind::Full, "the control");
    }
}

#[tokio::test]
async fn no_tls_record_is_longer_than_4_kib_and_what_tls_adds() {
    let stage = Stage::gateway().tls().start().await;
    for version in [&TLS12, &TLS13] {
        let config = stage.authority().trusted_with(&[version]);
        let (tap, heard) = tapped(stage.secure_address()).await;
        let mut peer = Dial::new(tap, "/ws/echo").tls(&config).open().await;
        peer.echoes(&"0123456789".repeat(6_000)).await;
        let request = format!("GET /page.js HTTP/1.1\r\nHost: {tap}\r\nConnection: close\r\n\r\n");
        let mut stream = tls::connect(&config, tap).await;
        let page = http::exchange(&mut stream, request.as_bytes()).await.expect("the page");
        assert!(page.body.len() > 5000, "longer than a record may be: {}", page.body.len());
        let heard = heard.lock().expect("nobody panics with it").clone();
        assert_eq!(heard.len(), 2, "the connection and the page");
        // What shows that there was more to say than one record: a message through the gateway's buffer, a page.
        for (heard, least) in heard.into_iter().zip([3000, 1024]) {
            let longest = records(&heard).into_iter().max().expect("records");
            // RFC 8446 §5.2: one byte for the type, 16 for the tag; RFC 5288 §3: 8 and 16.
            assert!((least..=4096 + 24).contains(&longest), "{version:?}: {longest} bytes");
        }
    }
}

/// Comes with TLS, asks, and tells how the TLS handshake went.
async fn came(stage: &Stage, config: &Arc<ClientConfig>) -> HandshakeKind {
    let address = stage.secure_address();
    let mut stream = tls::connect(config, address).await;
    // TLS 1.3 gives its session away with the first answer.
    let request = format!("GET /ws HTTP/1.1\r\nHost: {address}\r\n\r\n");
    http::exchange(&mut stream, request.as_bytes()).await.expect("an answer");
    stream.get_ref().1.handshake_kind().expect("the handshake is made")
}

/// What is said to a hello of this version, which offers what both TLS 1.1 and 1.2 would take.
async fn said_hello(address: SocketAddr, version: [u8; 2]) -> Vec<u8> {
    // Named groups: P-256, X25519. Point formats: uncompressed. Signatures: ECDSA, P-256, SHA-256.
    let extensions = [
        &[0, 10, 0, 6, 0, 4, 0, 23, 0, 29][..],
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 6, 0, 4, 4, 3, 2, 3],
    ]
    .concat();
    // ECDHE-ECDSA with AES-128: with GCM (RFC 5289), and with CBC (RFC 8422), older than 1.2.
    let ciphers = [0xC0, 0x2B, 0xC0, 0x09];
    let mut body =
        [&version[..], &[7; 32], &[0, 0, ciphers.len() as u8], &ciphers, &[1, 0]].concat();
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut hello = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    hello.extend(body);
    let mut stream = TcpStream::connect(address).await.expect("somebody listens");
    stream.write_all(&hello).await.expect("somebody reads");
    let mut answer = Vec::new();
    let answered = async {
        while answer.len() < 7 {
            assert_ne!(stream.read_buf(&mut answer).await.expect("an answer"), 0, "{answer:?}");
        }
    };
    timeout(PATIENCE, answered).await.expect("an answer in time");
    answer
}

/// A way to `server` that writes down what comes back, per connection.
async fn tapped(server: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((near, _)) = listener.accept().await else { return };
            let far = TcpStream::connect(server).await.expect("the gateway listens");
            told.lock().expect("nobody panics with it").push(Vec::new());
            let (mut ask, mut answer) = near.into_split();
            let (mut back, mut forth) = far.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut ask, &mut forth).await });
            let told = told.clone();
            tokio::spawn(async move {
                let mut read = vec![0; 65_536];
                while let Ok(count @ 1..) = back.read(&mut read).await {
                    let bytes = &read[..count];
                    told.lock().expect("nobody panics with it")[number].extend_from_slice(bytes);
                    if answer.write_all(bytes).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, heard)
}

/// The lengths of the whole records with application data (RFC 8446 §5.1).
fn records(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let Some(&[kind, _, _, high, low]) = bytes.first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some(rest) = bytes.get(5 + length..) else { break };
        if kind == 23 {
            lengths.push(length);
        }
        bytes = rest;
    }
    lengths
}
