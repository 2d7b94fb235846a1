//! The application behind a node: HTTP/1.1 on a free port, and each answer as the test scripts it.
//! What is asked of it is remembered; what that should have been is for the promises to say.

mod reply;

pub use self::reply::{Gate, Reply};

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp::ReadHalf};
use tokio::task::{AbortHandle, JoinSet};

use super::wait::{PATIENCE, until};

/// One request as it came.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `POST`.
    pub method: String,
    /// Path and query, as they were written.
    pub target: String,
    /// Names as they were written, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The only header of that name, compared without case.
    ///
    /// # Panics
    /// When there is more than one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "two of {name}: {self:?}");
        value
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// An application that runs until it is dropped.
pub struct Application {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Seen>,
    task: AbortHandle,
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<Asked>>,
    now: AtomicUsize,
    most: AtomicUsize,
    abandoned: AtomicUsize,
    connections: AtomicUsize,
}

impl Application {
    /// Starts one that answers each request as `script` says.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), script).await
    }

    /// The same at an address, where one may have stopped before.
    ///
    /// # Panics
    /// When the port is taken.
    pub async fn start_at(
        address: SocketAddr,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port for the application");
        let address = listener.local_addr().expect("it has one");
        let seen = Arc::new(Seen::default());
        let task = tokio::spawn(serve(listener, Arc::new(script), seen.clone()));
        Self { address, seen, task: task.abort_handle() }
    }

    /// Its address as a URL, with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Closes the listener and every connection, as a killed process would.
    pub async fn stop(self) -> SocketAddr {
        self.task.abort();
        let closed = async || TcpStream::connect(self.address).await.is_err();
        until("a stopped application", PATIENCE, closed, |closed| *closed).await;
        self.address
    }

    /// Every request so far, in the order in which their last bytes came.
    pub fn asked(&self) -> Vec<Asked> {
        self.seen.asked.lock().expect("no test panics while it looks").clone()
    }

    /// Waits until this many requests have come, and returns them.
    ///
    /// # Panics
    /// When they do not come in time, or more come.
    pub async fn was_asked(&self, count: usize) -> Vec<Asked> {
        let look = async || self.asked().len();
        until(&format!("{count} requests"), PATIENCE, look, |seen| *seen >= count).await;
        let asked = self.asked();
        assert_eq!(asked.len(), count, "{asked:#?}");
        asked
    }

    /// Requests that came and are not answered yet.
    pub fn under_way(&self) -> usize {
        self.seen.now.load(SeqCst)
    }

    /// The most requests that were under way at one time.
    pub fn most_under_way(&self) -> usize {
        self.seen.most.load(SeqCst)
    }

    /// Requests whose asker closed the connection before it had its answer.
    pub fn abandoned(&self) -> usize {
        self.seen.abandoned.load(SeqCst)
    }

    /// Connections that were opened.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, script: Arc<Script>, seen: Arc<Seen>) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        seen.connections.fetch_add(1, SeqCst);
        connections.spawn(converse(stream, script.clone(), seen.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Answers one request after the other, until an answer or the other end closes the connection.
async fn converse(mut stream: TcpStream, script: Arc<Script>, seen: Arc<Seen>) {
    let mut read = Vec::new();
    while let Some(asked) = request(&mut stream, &mut read).await {
        let reply = script(&asked);
        seen.asked.lock().expect("no test panics while it looks").push(asked.clone());
        let now = seen.now.fetch_add(1, SeqCst) + 1;
        seen.most.fetch_max(now, SeqCst);
        let (mut reader, mut writer) = stream.split();
        let stays = tokio::select! {
            sent = reply.send(&asked, &mut writer) => sent,
            () = gone(&mut reader) => None,
        };
        seen.now.fetch_sub(1, SeqCst);
        match stays {
            Some(true) => {}
            Some(false) => break,
            None => {
                seen.abandoned.fetch_add(1, SeqCst);
                return;
            }
        }
    }
    let _ = stream.shutdown().await;
}

/// Reads one request with its body; none at the end of the stream. What was read beyond it stays.
async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Asked> {
    loop {
        if let Some((asked, length)) = parse(read) {
            read.drain(..length);
            return Some(asked);
        }
        if !matches!(stream.read_buf(read).await, Ok(1..)) {
            assert!(read.is_empty(), "half a request: {:?}", String::from_utf8_lossy(read));
            return None;
        }
    }
}

/// A whole request at the beginning of these bytes, and how many of them it is.
fn parse(read: &[u8]) -> Option<(Asked, usize)> {
    let end = read.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next().expect("a first line").split(' ').map(str::to_owned);
    let (method, target) = (words.next().expect("a method"), words.next().expect("a target"));
    assert_eq!(words.next().as_deref(), Some("HTTP/1.1"), "{head}");
    let field = |line: &str| {
        let (name, value) = line.split_once(':').expect("a header");
        (name.to_owned(), value.trim().to_owned())
    };
    let headers = lines.map(field).collect();
    let mut asked = Asked { method, target, headers, body: Vec::new() };
    assert_eq!(asked.header("transfer-encoding"), None, "a node knows how long its bodies are");
    let length = asked.header("content-length").map_or(0, |text| text.parse().expect("a length"));
    asked.body = read.get(end + 4..end + 4 + length)?.to_vec();
    Some((asked, end + 4 + length))
}

/// Completes when the other end has closed the connection: it sends nothing more before its answer.
async fn gone(stream: &mut ReadHalf<'_>) {
    let mut byte = [0];
    if !matches!(stream.peek(&mut byte).await, Ok(0) | Err(_)) {
        panic!("more than one request at once on a connection");
    }
}
