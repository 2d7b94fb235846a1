//! wscat in a pseudo-terminal, as a person at a prompt has it.
//! It only types and reads; what must be seen is for the promises to say.

use std::net::SocketAddr;

use pty_process::Pty;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::{Instant, timeout, timeout_at};

use super::tool::tool;
use super::wait::PATIENCE;

/// A wscat that runs; it ends with the test.
pub struct Wscat {
    terminal: Pty,
    child: Child,
    /// What was printed and not yet waited for.
    screen: String,
    /// All that was waited for.
    seen: String,
}

impl Wscat {
    /// Starts `wscat --connect ws://ADDRESS/TARGET` with more arguments, and waits until it says it
    /// is connected.
    ///
    /// # Panics
    /// When it does not.
    pub async fn connect(address: SocketAddr, target: &str, more: &[&str]) -> Self {
        Self::connect_to(&format!("ws://{address}{target}"), more).await
    }

    /// The same for a whole URL.
    pub async fn connect_to(url: &str, more: &[&str]) -> Self {
        let (terminal, inside) = pty_process::open().expect("there is a pseudo-terminal left");
        terminal.resize(pty_process::Size::new(50, 200)).expect("a terminal has a size");
        let child = pty_process::Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(tool("wscat"))
            .args(["--no-color", "--connect", url])
            .args(more)
            .env("TERM", "dumb")
            .kill_on_drop(true)
            .spawn(inside)
            .expect("wscat starts");
        let mut wscat = Self { terminal, child, screen: String::new(), seen: String::new() };
        wscat.shows("Connected (press CTRL+C to quit)").await;
        wscat
    }

    /// Types a line.
    pub async fn types(&mut self, line: &str) {
        self.terminal.write_all(format!("{line}\r").as_bytes()).await.expect("wscat still reads");
    }

    /// Waits until `text` is printed, and forgets everything up to there.
    ///
    /// # Panics
    /// When it is not printed in time.
    pub async fn shows(&mut self, text: &str) {
        // One deadline for all of it: something else may be printed for ever.
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.screen.find(text) {
                self.seen.extend(self.screen.drain(..at + text.len()));
                return;
            }
            let more = timeout_at(limit, self.read()).await;
            assert!(more.unwrap_or(false), "wscat does not show {text:?}, only {:?}", self.screen);
        }
    }

    /// Whether `text` has been printed by now.
    pub fn has_shown(&self, text: &str) -> bool {
        self.seen.contains(text) || self.screen.contains(text)
    }

    /// Waits for its end and returns its exit code.
    ///
    /// # Panics
    /// When it goes on.
    pub async fn exits(&mut self) -> Option<i32> {
        let end = async {
            while self.read().await {}
            self.child.wait().await
        };
        let status = timeout(PATIENCE, end).await;
        let status = status.unwrap_or_else(|_| panic!("wscat stays, with {:?}", self.screen));
        status.expect("a child can be waited for").code()
    }

    async fn read(&mut self) -> bool {
        let mut printed = [0; 4096];
        // A terminal without a process at its other end is an error on Linux, not an end.
        match self.terminal.read(&mut printed).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.screen += &String::from_utf8_lossy(&printed[..count]);
                true
            }
        }
    }
}
