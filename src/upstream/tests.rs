//! What is promised of an exchange with an application, whatever the application does.
//! The application here is a few bytes on a TCP listener; a real one plays in `tests/e2e`.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::Instant,
};

use super::*;

mod tls;

const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(20), answer_bytes_max: 1000 };

/// An application that answers each request, on whichever connection, with the next of these
/// texts, and tells what it was asked. An answer that is cut short ends its connection.
async fn application(answers: &[&str]) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel(16);
    let answers: Vec<_> = answers.iter().map(|&answer| answer.to_owned()).collect();
    tokio::spawn(async move {
        let mut answers = answers.into_iter();
        while let Ok((mut stream, _)) = listener.accept().await {
            while let Some(request) = heard(&mut stream).await {
                tell.send(request).await.unwrap();
                // Silence, once nothing is left to say.
                let Some(answer) = answers.next() else { std::future::pending().await };
                stream.write_all(answer.trim_end_matches('!').as_bytes()).await.unwrap();
                if answer.ends_with('!') {
                    break;
                }
            }
        }
    });
    (address, told)
}

/// One request with its body; none at the end of the stream.
async fn heard(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => text.push_str(std::str::from_utf8(&bytes[..read]).unwrap()),
        }
    }
}

fn upstream() -> Upstream {
    Upstream::new(&"http://127.0.0.1".parse().unwrap(), 4).unwrap()
}

fn post(address: SocketAddr, path: &str, body: &'static str) -> Request<Bytes> {
    let request = Request::post(format!("http://{address}{path}"));
    request.body(Bytes::from_static(body.as_bytes())).unwrap()
}

async fn failure(answer: &str, bounds: Bounds) -> Failure {
    let (address, _told) = application(&[answer]).await;
    upstream().ask(post(address, "/", ""), bounds).await.unwrap_err()
}

#[tokio::test]
async fn a_request_is_sent_as_it_is_and_its_answer_read_whole() {
    let (address, mut told) = application(&[
        "HTTP/1.1 201 Created\r\nx-a: 1\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "HTTP/1.0 404 Not Found\r\n\r\nuntil the end!",
    ])
    .await;
    let upstream = upstream();
    let answer = upstream.ask(post(address, "/a/./b?c=d%2F", "body"), BOUNDS).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (201, &b"hello"[..]));
    assert_eq!(answer.headers()["x-a"], "1");
    let asked = told.recv().await.unwrap();
    assert!(asked.starts_with("POST /a/./b?c=d%2F HTTP/1.1\r\n"), "{asked}");
    assert!(asked.ends_with("\r\n\r\nbody"), "{asked}");
    let mut names: Vec<_> =
        asked.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "host", "user-agent"], "nothing else: {asked}");
    assert!(asked.contains(&format!("host: {address}\r\n")), "{asked}");
    assert!(asked.contains(concat!("user-agent: holdline/", env!("CARGO_PKG_VERSION"), "\r\n")));
    let answer = upstream.ask(post(address, "/", ""), BOUNDS).await.unwrap();
    assert_eq!(&answer.body()[..], b"abcde");
    let answer = upstream.ask(post(address, "/", ""), BOUNDS).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (404, &b"until the end"[..]));
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (address, mut told) =
        application(&["HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n"]).await;
    let answer = upstream().ask(post(address, "/a", ""), BOUNDS).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (302, &"/b".parse().unwrap())
    );
    told.recv().await.unwrap();
    assert!(told.try_recv().is_err(), "one request only");
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = upstream().ask(post(address, "/", ""), BOUNDS).await.unwrap_err();
    assert_eq!((failure.label(), failure.maybe_sent()), ("unreachable", false), "{failure}");
    assert!(failure.to_string().contains("refused"), "{failure}");
}

#[tokio::test]
async fn an_answer_that_is_cut_short_or_no_http_is_broken() {
    for answer in [
        "!",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel!",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab!",
        "220 mail.example.org ESMTP\r\n!",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ] {
        let failure = failure(answer, BOUNDS).await;
        assert_eq!(
            (failure.label(), failure.maybe_sent()),
            ("broken", true),
            "{answer}: {failure}"
        );
    }
}

#[tokio::test]
async fn a_body_or_a_head_over_its_limit_is_not_read_to_its_end() {
    // None of them ever ends.
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n".to_owned();
    assert_eq!(failure(&announced, BOUNDS).await, Failure::TooBig(1000));
    let chunk = format!("3e9\r\n{}\r\n", "x".repeat(1001));
    let chunked = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}");
    assert_eq!(failure(&chunked, BOUNDS).await, Failure::TooBig(1000));
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1001));
    assert_eq!(failure(&endless, BOUNDS).await, Failure::TooBig(1000));
    let head = format!("HTTP/1.1 200 OK\r\nx-a: {}", "x".repeat(HEAD_BYTES_MAX));
    assert_eq!(failure(&head, BOUNDS).await.label(), "broken");
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{}", "x".repeat(1000));
    let (address, _told) = application(&[&whole]).await;
    assert_eq!(upstream().ask(post(address, "/", ""), BOUNDS).await.unwrap().body().len(), 1000);
}

#[tokio::test]
async fn an_application_that_hangs_costs_the_timeout_wherever_it_hangs() {
    let bounds = Bounds { timeout: Duration::from_millis(100), ..BOUNDS };
    for answer in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel"] {
        let began = Instant::now();
        assert_eq!(failure(answer, bounds).await, Failure::Timeout(bounds.timeout), "{answer:?}");
        assert!(began.elapsed() >= bounds.timeout, "{answer:?}");
    }
}

#[tokio::test]
async fn a_dropped_request_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let upstream = upstream();
    let asking = tokio::spawn(async move { upstream.ask(post(address, "/", ""), BOUNDS).await });
    let (mut stream, _) = listener.accept().await.unwrap();
    heard(&mut stream).await.expect("a request");
    asking.abort();
    assert_eq!(heard(&mut stream).await, None);
}

#[tokio::test]
async fn connections_are_used_again_and_a_pool_of_its_own_opens_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, mut told) = mpsc::channel(16);
    tokio::spawn(async move {
        for connection in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let tell = tell.clone();
            tokio::spawn(async move {
                while heard(&mut stream).await.is_some() {
                    tell.send(connection).await.unwrap();
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
                }
            });
        }
    });
    let upstream = upstream();
    for (client, connection) in
        [(upstream.clone(), 0), (upstream.clone(), 0), (upstream.own_pool(), 1)]
    {
        assert_eq!(client.ask(post(address, "/", ""), BOUNDS).await.unwrap().status(), 204);
        assert_eq!(told.recv().await.unwrap(), connection);
    }
}
