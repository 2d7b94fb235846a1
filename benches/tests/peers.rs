//! The servers that the benchmark compares with do the work that is measured, all in the same way.
//! Leaves to the load generator: how fast.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Around the lengths at which the frame's header grows (RFC 6455 §5.2).
const SIZES: [usize; 5] = [0, 1, 125, 126, 65_536];

/// Ends what is measured in seconds, so that nchan can do it too.
const PING_SECONDS: &str = "1";

/// One server, killed when dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

struct Peer(WebSocketStream<TcpStream>);

impl Server {
    async fn start(name: &str, more: &[&str]) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let programs = Path::new(env!("CARGO_BIN_EXE_peer-axum")).parent().expect("in a folder");
        let process = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/start"))
            .env("BENCH_PROGRAMS", programs)
            .arg(name)
            .arg(address.port().to_string())
            .args(more)
            .spawn()
            .expect("bash is here");
        let mut server = Self { process, address };
        let ready = async {
            while let Err(error) = TcpStream::connect(address).await {
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{name}: {error}");
                let ended = server.process.try_wait().expect("it is our child");
                assert_eq!(ended, None, "{name} ended instead of listening");
                sleep(Duration::from_millis(20)).await;
            }
        };
        // It may have to be built or fetched first.
        timeout(10 * PATIENCE, ready).await.unwrap_or_else(|_| panic!("{name} does not listen"));
        server
    }

    async fn join(&self, path: &str) -> Peer {
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        let url = format!("ws://{}{path}", self.address);
        let opened = timeout(PATIENCE, client_async(url, stream)).await.expect("a handshake");
        Peer(opened.expect("a handshake").0)
    }

    async fn end(&mut self) -> ExitStatus {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, Signal::TERM).expect("it runs");
        let ended = async {
            loop {
                if let Some(status) = self.process.try_wait().expect("it is our child") {
                    break status;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, ended).await.expect("it ends when told to")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Peer {
    async fn say(&mut self, message: &Message) {
        self.0.send(message.clone()).await.expect("it is open");
    }

    /// The next of whatever comes.
    async fn next(&mut self) -> Message {
        let next = timeout(PATIENCE, self.0.next()).await.expect("something comes");
        next.expect("it stays open").expect("it stays open")
    }

    /// The next message that is not a greeting.
    async fn hears(&mut self, message: &Message) {
        let heard = loop {
            let heard = self.next().await;
            if !heard.to_text().is_ok_and(|text| text.starts_with("I am ")) {
                break heard;
            }
        };
        // Not the whole of it: they are long.
        assert!(heard == *message, "said {message:.40?}, heard {heard:.40?}");
    }

    /// Greets until it hears itself: a handshake that is answered has not always joined.
    async fn greets(&mut self, name: &str) {
        let greeting = Message::text(format!("I am {name}"));
        self.say(&greeting).await;
        while self.next().await != greeting {}
    }

    async fn hears_ping(&mut self) {
        while !self.next().await.is_ping() {}
    }
}

/// Texts and binary messages of all sizes.
fn messages() -> impl Iterator<Item = Message> {
    SIZES.into_iter().flat_map(|size| {
        let text: String = ('a'..='z').cycle().take(size).collect();
        let bytes: Vec<u8> = (0..=255).cycle().skip(128).take(size).collect();
        [Message::text(text), Message::binary(bytes)]
    })
}

async fn echoes(name: &str) {
    let server = Server::start(name, &[]).await;
    let mut peer = server.join("/ws/echo").await;
    for message in messages() {
        peer.say(&message).await;
        peer.hears(&message).await;
    }
    // All at once, and in order.
    for message in messages() {
        peer.0.feed(message).await.expect("it is open");
    }
    peer.0.flush().await.expect("it is open");
    for message in messages() {
        peer.hears(&message).await;
    }
}

async fn fans_out(name: &str) {
    let server = Server::start(name, &[]).await;
    let mut members = Vec::new();
    for number in 0..3 {
        let mut member = server.join("/ws/rooms/here").await;
        member.greets(&number.to_string()).await;
        members.push(member);
    }
    let mut elsewhere = server.join("/ws/rooms/elsewhere").await;
    elsewhere.greets("elsewhere").await;
    for message in messages() {
        members[0].say(&message).await;
        for member in &mut members {
            member.hears(&message).await;
        }
    }
    for number in 0..64 {
        members[1].say(&Message::text(number.to_string())).await;
    }
    for member in &mut members {
        for number in 0..64 {
            member.hears(&Message::text(number.to_string())).await;
        }
    }
    let alone = Message::text("alone");
    elsewhere.say(&alone).await;
    assert_eq!(elsewhere.next().await, alone, "{name}: heard from another room");
}

async fn pings(name: &str, path: &str) {
    let server = Server::start(name, &[PING_SECONDS]).await;
    let mut peer = server.join(path).await;
    // The answers go out with the next reading: who is not believed to live is not pinged a third time.
    for _ in 0..3 {
        peer.hears_ping().await;
    }
}

async fn closes(name: &str, path: &str) {
    let mut server = Server::start(name, &[]).await;
    let mut peer = server.join(path).await;
    peer.0.close(None).await.expect("it is open");
    let closed = async { while let Some(Ok(_)) = peer.0.next().await {} };
    timeout(PATIENCE, closed).await.expect("a close frame is answered");
    let files = std::fs::read_to_string(format!("/proc/{}/limits", server.process.id()));
    let files = files.expect("it runs");
    let files = files.lines().find(|line| line.starts_with("Max open files")).expect("is listed");
    let limits: Vec<_> = files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(limits[0], limits[1], "{name} may not open all the files it could");
    // The process that was started is the server itself.
    server.end().await;
    TcpStream::connect(server.address).await.expect_err("nobody listens any more");
}

macro_rules! peers {
    ($($name:ident: $($path:literal)+;)+) => {$(
        mod $name {
            #[tokio::test]
            async fn does_the_work_that_is_measured() {
                $(match $path {
                    "/ws/echo" => super::echoes(stringify!($name)).await,
                    _ => super::fans_out(stringify!($name)).await,
                })+
            }

            #[tokio::test]
            async fn pings_whoever_answers() {
                $(super::pings(stringify!($name), $path).await;)+
            }

            #[tokio::test]
            async fn says_goodbye_and_ends_when_it_is_told_to() {
                $(super::closes(stringify!($name), $path).await;)+
            }
        }
    )+};
}

peers! {
    tungstenite: "/ws/echo" "/ws/rooms/here";
    axum: "/ws/echo" "/ws/rooms/here";
    fastwebsockets: "/ws/echo" "/ws/rooms/here";
    gorilla: "/ws/echo" "/ws/rooms/here";
    ws: "/ws/echo" "/ws/rooms/here";
    nchan: "/ws/rooms/here";
}
