//! One `holdline link` process: started, asked over HTTP, and gone when the test is gone.
//! What it is linked to is the stage's business.

use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::http::{self, Answer};
use crate::harness::log::Line;
use crate::harness::metrics::Scrape;
use crate::harness::process::Process;
use crate::harness::stage::BINARY;
use crate::harness::{PATIENCE, Stage, until};

/// A bridge that listens.
pub struct Bridge {
    /// Where it listens.
    pub address: SocketAddr,
    /// The process, running or ended.
    pub process: Process,
    folder: TempDir,
}

impl Bridge {
    /// Starts one with these arguments, on a port of its own unless they name one.
    ///
    /// # Panics
    /// When it does not listen.
    pub async fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[]).await
    }

    /// The same with these variables.
    pub async fn start_with(arguments: &[&str], set: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut all = vec!["link"];
        if !arguments.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        all.extend(arguments);
        let mut process = Process::start(BINARY.as_ref(), &all, folder.path(), set);
        let log = process.log.clone();
        let look = async || (log.about("listening").pop(), process.status());
        let seen = until("a bridge that listens", PATIENCE, look, |(line, status)| {
            line.is_some() || status.is_some()
        });
        let line = seen.await.0.unwrap_or_else(|| panic!("no start:\n{}", log.tail(10)));
        let address = line.value("link").parse().expect("an address");
        Self { address, process, folder }
    }

    /// One that is linked to the stage's echo, and open.
    pub async fn to_echo(stage: &Stage, arguments: &[&str]) -> Self {
        let server = url(stage.address(), "/ws/echo");
        let bridge = Self::start(&[&["--server", &server], arguments].concat()).await;
        bridge.is("OPEN").await;
        bridge
    }

    /// One request and its answer, on a connection of its own.
    ///
    /// # Panics
    /// When there is none.
    pub async fn ask(&self, method: &str, target: &str, fields: &[&str], body: &[u8]) -> Answer {
        ask(self.address, method, target, fields, body).await
    }

    /// POSTs a text.
    pub async fn post(&self, target: &str, body: impl AsRef<[u8]>) -> Answer {
        self.ask("POST", target, &[], body.as_ref()).await
    }

    /// GETs.
    pub async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[], b"").await
    }

    /// All links, as `/status` tells of them.
    pub async fn links(&self) -> Vec<Value> {
        let answer = self.get("/status").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        json(&answer)["links"].as_array().cloned().expect("a list of links")
    }

    /// The only link.
    pub async fn link(&self) -> Value {
        let mut links = self.links().await;
        assert_eq!(links.len(), 1, "{links:?}");
        links.remove(0)
    }

    /// Waits until the only link is in this state, and tells of it.
    ///
    /// # Panics
    /// When it does not come to that in time.
    pub async fn is(&self, state: &str) -> Value {
        let look = async || self.link().await;
        until(state, PATIENCE, look, |link| link["state"] == state).await
    }

    /// Waits until every link is in this state.
    pub async fn all_are(&self, state: &str) {
        let look = async || self.links().await;
        let all = |links: &Vec<Value>| links.iter().all(|link| link["state"] == state);
        until(state, PATIENCE, look, all).await;
    }

    /// Waits until the only link has so many requests in this member, `queued` or `in_flight`.
    pub async fn has(&self, member: &str, count: usize) {
        let look = async || self.link().await;
        until(member, PATIENCE, look, |link| link[member] == count).await;
    }

    /// POSTs a text to a `target` with a short timeout until it was sent at least, which a machine
    /// that stands still may need more than one try for.
    pub async fn post_sent(&self, target: &str, body: &str) -> Answer {
        let ask = async || self.post(target, body).await;
        let not_sent = "urn:holdline:problem:not_sent_in_time";
        let sent = |answer: &Answer| answer.status == 200 || json(answer)["type"] != not_sent;
        until("a message that was sent", PATIENCE, ask, sent).await
    }

    /// Has the links try at once, where a try is waited for: the wait may be half a minute.
    ///
    /// # Panics
    /// When the wish is refused.
    pub async fn reconnects(&self) {
        let answer = self.post("/reconnect", "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Its metrics.
    pub async fn scrape(&self) -> Scrape {
        let answer = self.get("/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Scrape::parse(&answer.text())
    }

    /// The lines it wrote that say something went wrong.
    pub fn troubles(&self) -> Vec<Line> {
        self.process.log.troubles(|_| true)
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- bridge ---\n{}", self.process.log.tail(40));
        }
    }
}

/// One request on a connection of its own, and its answer; for tasks that outlive a borrow.
///
/// # Panics
/// When there is none.
pub async fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &[&str],
    body: &[u8],
) -> Answer {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n");
    request.extend(fields.iter().map(|field| format!("{field}\r\n")));
    request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let request = [request.as_bytes(), body].concat();
    let answer = http::send(address, &request).await;
    answer.unwrap_or_else(|why| panic!("{method} {target}: {why}"))
}

/// Closes all links and tells how many messages the last connection to this stage brought: the
/// server's own books, which are exact.
pub async fn messages_at(stage: &Stage, bridge: &Bridge) -> usize {
    let answer = bridge.post("/disconnect", "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let ends = stage.all_ended().await;
    ends.last().map_or(0, |end| end.number("in") as usize)
}

/// A message that waits for its reply as long as the test has patience.
pub async fn ask_patiently(address: SocketAddr, text: &'static str) -> Answer {
    ask(address, "POST", "/sh?timeout=60s", &[], text.as_bytes()).await
}

/// Stops the stage's backend in its tracks: the kernel still takes what comes for it, and nothing
/// is answered. Waits until every thread of it has stopped; a busy machine needs a moment for that.
pub async fn freeze(stage: &mut Stage) {
    let process = &stage.node().process;
    process.signal(Signal::STOP);
    let tasks = format!("/proc/{}/task", process.id());
    let running = async || {
        let tasks = std::fs::read_dir(&tasks).expect("it runs").map_while(Result::ok);
        let status = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("status"));
        tasks.map_while(|task| status(task).ok()).filter(|it| !it.contains("State:\tT")).count()
    };
    until("a backend that stands still", PATIENCE, running, |running| *running == 0).await;
}

/// Takes [`freeze`] back.
pub fn thaw(stage: &mut Stage) {
    stage.node().process.signal(Signal::CONT);
}

/// A `ws:` URL.
pub fn url(address: SocketAddr, path: &str) -> String {
    format!("ws://{address}{path}")
}

/// The body of an answer as JSON.
///
/// # Panics
/// When it is none.
pub fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// Checks that an answer is a problem of this status, word and fate of the message; returns what
/// it says in detail.
///
/// # Panics
/// When it is another.
pub fn problem(answer: &Answer, status: u16, word: &str, sent: Option<&str>) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let problem = json(answer);
    assert_eq!(problem["type"], format!("urn:holdline:problem:{word}"), "{problem}");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["sent"].as_str(), sent, "{problem}");
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
    problem["detail"].as_str().expect("a problem is told in words").to_owned()
}
