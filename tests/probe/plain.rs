//! A plain server whose manners are known: when it pings, when it cuts and how.
//! It writes down what it hears and how many are with it; what that proves is for the promises.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::book::{Book, Seen, Shared};
use crate::frames::{self, CLOSE, PING, PONG, TEXT};
use crate::harness::wait::PATIENCE;

/// How a server ends a connection.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// A close frame, the answer to it, FIN.
    Close(u16, &'static str),
    /// FIN without a word.
    Fin,
    /// RST, as Node's `terminate()`.
    Reset,
}

/// What a server does by itself; by default nothing but answering pings and closes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Cuts who has been silent for so long.
    pub idle: Option<(Duration, Cut)>,
    /// Only messages count against that silence, no pings and no pongs.
    pub only_data: bool,
    /// Looks for the silent only each so often.
    pub sweep: Option<Duration>,
    /// Cuts everybody who is so old.
    pub age: Option<(Duration, Cut)>,
    /// Pings so often.
    pub pings: Option<Duration>,
    /// Pings once only.
    pub once: bool,
    /// Cuts who has not answered a ping for so long.
    pub pong_within: Option<(Duration, Cut)>,
    /// Answers no ping.
    pub mute: bool,
    /// Sends a message so often.
    pub speaks: Option<Duration>,
    /// Lets no more in at a time.
    pub most: Option<usize>,
    /// Agrees to compress where that is offered.
    pub deflates: bool,
    /// More header fields of the 101, each with its line end.
    pub fields: &'static str,
}

/// A server that runs until it is dropped.
pub struct Plain {
    /// Where it listens.
    pub address: SocketAddr,
    book: Shared,
    task: AbortHandle,
}

impl Plain {
    /// Starts one.
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let book = Shared::default();
        let shared = book.clone();
        let began = Instant::now();
        let task = tokio::spawn(async move {
            let mut serving = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while serving.try_join_next().is_some() {}
                serving.spawn(serve(stream, manner, shared.clone(), began));
            }
        });
        Self { address, book, task: task.abort_handle() }
    }

    /// The URL of its root.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// What it has written down so far.
    pub fn book(&self) -> Book {
        self.book.book()
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection and the times that matter to it.
struct Serving {
    manner: Manner,
    book: Shared,
    number: usize,
    opened: Instant,
    heard: Instant,
    /// When it pings next.
    due: Option<Instant>,
    /// When it speaks next.
    word: Option<Instant>,
    /// The oldest ping that waits for an answer.
    asked: Option<Instant>,
    began: Instant,
}

async fn serve(mut stream: TcpStream, manner: Manner, book: Shared, began: Instant) {
    let _ = stream.set_nodelay(true);
    let Some((head, answer, read)) = asked(&mut stream, &manner).await else { return };
    let Some(number) = book.comes(manner.most, head, &read) else {
        let full = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        let _ = stream.write_all(full).await;
        return;
    };
    let opened = Instant::now();
    let _ = stream.write_all(answer.as_bytes()).await;
    let due = manner.pings.map(|every| opened + every);
    let word = manner.speaks.map(|every| opened + every);
    let mut serving =
        Serving { manner, book, number, opened, heard: opened, due, word, asked: None, began };
    let end = serving.run(&mut stream, read).await;
    serving.write(|seen| seen.cut = end.is_some());
    if let Some(cut) = end {
        serving.cut(stream, cut).await;
    }
    serving.book.goes(number);
}

impl Serving {
    /// Serves until the far end is gone, or until it is to be cut.
    async fn run(&mut self, stream: &mut TcpStream, mut read: Vec<u8>) -> Option<Cut> {
        loop {
            while let Some((opcode, payload)) = frames::take(&mut read) {
                let answer = self.hears(opcode, payload);
                if let Some(answer) = answer {
                    let _ = stream.write_all(&answer).await;
                }
                if opcode == CLOSE {
                    return None;
                }
            }
            let (at, what) = self.next();
            let before = read.len();
            tokio::select! {
                biased;
                got = stream.read_buf(&mut read) => match got {
                    Ok(1..) => self.write(|seen| seen.bytes.extend(&read[before..])),
                    _ => return None,
                },
                () = sleep_until(at) => match what {
                    Some(cut) => return Some(cut),
                    None if self.due.is_some_and(|due| due <= at) => {
                        let _ = stream.write_all(&frames::frame(PING, b"well?")).await;
                        let again = self.manner.pings.filter(|_| !self.manner.once);
                        self.due = again.map(|every| at + every);
                        self.asked = self.asked.or(Some(at));
                    }
                    None => {
                        let _ = stream.write_all(&frames::frame(TEXT, b"news")).await;
                        self.word = self.manner.speaks.map(|every| at + every);
                    }
                },
            }
        }
    }

    /// Takes note of a frame, and tells what is to be said.
    fn hears(&mut self, opcode: u8, payload: Vec<u8>) -> Option<Vec<u8>> {
        if !self.manner.only_data || opcode == TEXT {
            self.heard = Instant::now();
        }
        if opcode == CLOSE {
            let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
            self.write(|seen| seen.closed = Some(code));
            return Some(frames::frame(CLOSE, &payload));
        }
        self.write(|seen| seen.frames.push((opcode, payload.clone())));
        match opcode {
            PING if !self.manner.mute => Some(frames::frame(PONG, &payload)),
            PONG => {
                self.asked = None;
                None
            }
            _ => None,
        }
    }

    /// When something is to be done next, and the cut where it is one.
    fn next(&self) -> (Instant, Option<Cut>) {
        let manner = &self.manner;
        let idle = manner.idle.map(|(after, cut)| (self.swept(self.heard + after), Some(cut)));
        let age = manner.age.map(|(after, cut)| (self.opened + after, Some(cut)));
        let unanswered = manner.pong_within.zip(self.asked);
        let unanswered = unanswered.map(|((within, cut), asked)| (asked + within, Some(cut)));
        let ping = self.due.map(|due| (due, None));
        let word = self.word.map(|word| (word, None));
        let never = (self.opened + 100 * PATIENCE, None);
        let all = [idle, age, unanswered, ping, word, Some(never)];
        all.into_iter().flatten().min_by_key(|(at, _)| *at).expect("never is among them")
    }

    /// The first sweep at or after this time.
    fn swept(&self, at: Instant) -> Instant {
        let Some(every) = self.manner.sweep else { return at };
        let sweeps = (at - self.began).as_nanos().div_ceil(every.as_nanos());
        self.began + every * sweeps as u32
    }

    async fn cut(&self, mut stream: TcpStream, cut: Cut) {
        match cut {
            Cut::Close(code, text) => {
                let _ = stream.write_all(&frames::close(code, text)).await;
                self.sees_out(stream).await;
            }
            Cut::Fin => {
                let _ = stream.shutdown().await;
                self.sees_out(stream).await;
            }
            Cut::Reset => {
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            }
        }
    }

    /// Waits for the far end's FIN, so that ours is no RST; a while only, as servers do.
    async fn sees_out(&self, mut stream: TcpStream) {
        let mut read = Vec::new();
        let rest = async {
            while matches!(stream.read_buf(&mut read).await, Ok(1..)) {
                while let Some((opcode, payload)) = frames::take(&mut read) {
                    if opcode == CLOSE {
                        let code = payload.first_chunk().map_or(1005, |it| u16::from_be_bytes(*it));
                        self.write(|seen| seen.closed = Some(code));
                        return;
                    }
                }
            }
        };
        let _ = timeout(Duration::from_secs(2), rest).await;
    }

    fn write(&self, note: impl FnOnce(&mut Seen)) {
        self.book.note(self.number, note);
    }
}

/// The head of the request, the good answer to it, and what came behind it; none when the far end
/// has gone.
async fn asked(stream: &mut TcpStream, manner: &Manner) -> Option<(String, String, Vec<u8>)> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        stream.read_buf(&mut read).await.ok().filter(|count| *count > 0)?;
    };
    let rest = read.split_off(end);
    let head = String::from_utf8_lossy(&read).into_owned();
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    })?;
    let deflates = manner.deflates && head.contains("permessage-deflate");
    let deflates = if deflates { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
    let fields = manner.fields;
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{deflates}{fields}\r\n"
    );
    Some((head, answer, rest))
}
