//! A person at a terminal in which `holdline` runs; what they see is what an emulator shows.
//! It only types and looks; what must be seen is for the promises to say.

use std::num::NonZero;
use std::time::Duration;

use pty_process::Pty;
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::{Instant, timeout_at};

use crate::harness::stage::BINARY;
use crate::harness::wait::PATIENCE;
use crate::script::LATE;

const ROWS: u16 = 50;
/// Few, so that a long line meets the edge.
pub const COLUMNS: u16 = 100;

/// A person; their holdline ends with the test.
pub struct Person {
    terminal: Pty,
    child: Child,
    screen: vt100::Parser<Title>,
    /// Every byte that came.
    pub raw: Vec<u8>,
}

/// What a terminal does for whoever asks, and a harmless text does not ask for.
#[derive(Debug, Default)]
pub struct Title {
    /// How often the title was set.
    pub set: usize,
}

impl vt100::Callbacks for Title {
    fn set_window_title(&mut self, _: &mut vt100::Screen, _: &[u8]) {
        self.set += 1;
    }
}

impl Person {
    /// Starts `holdline` with these arguments in a terminal.
    pub fn starts(arguments: &[&str]) -> Self {
        let (terminal, inside) = pty_process::open().expect("there is a pseudo-terminal left");
        terminal.resize(pty_process::Size::new(ROWS, COLUMNS)).expect("a terminal has a size");
        let child = pty_process::Command::new("setpriv")
            .args(["--pdeathsig", "KILL", BINARY])
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .kill_on_drop(true)
            .spawn(inside)
            .expect("holdline starts");
        let size = |length| NonZero::new(length).expect("a terminal has a size");
        let (rows, columns) = (size(ROWS), size(COLUMNS));
        let screen = vt100::Parser::new_with_callbacks(rows, columns, 500, Title::default());
        Self { terminal, child, screen, raw: Vec::new() }
    }

    /// Starts `holdline connect URL` and waits until it says that it is connected.
    pub async fn connects(url: &str, more: &[&str]) -> Self {
        let mut person = Self::starts(&[&["connect", url], more].concat());
        person.sees("Connected (press CTRL+C to quit)").await;
        person
    }

    /// Presses keys.
    pub async fn types(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).await.expect("the terminal is open");
    }

    /// Types a line and presses Enter.
    pub async fn enters(&mut self, line: &str) {
        self.types(&format!("{line}\r")).await;
    }

    /// Waits until `text` is on the screen, behind waits that grow with each vain try.
    pub async fn sees_at_last(&mut self, text: &str) {
        let what = format!("{text:?} on the screen");
        self.looks_for(PATIENCE * 3, &what, |screen| screen.contents().contains(text)).await;
    }

    /// Waits until `text` is on the screen.
    pub async fn sees(&mut self, text: &str) {
        self.looks(&format!("{text:?} on the screen"), |screen| screen.contents().contains(text))
            .await;
    }

    /// Waits until the lowest row with anything on it is `text`, and the cursor is in this column.
    pub async fn is_at(&mut self, text: &str, column: u16) {
        self.looks(&format!("{text:?} at the bottom, the cursor at {column}"), |screen| {
            let (row, at) = screen.cursor_position();
            let rows: Vec<_> = screen.rows(0, COLUMNS).collect();
            let below = rows[usize::from(row) + 1..].iter().all(String::is_empty);
            below && at == column && rows[usize::from(row)].trim_end() == text
        })
        .await;
    }

    /// Waits until the screen is as wanted.
    pub async fn looks(&mut self, what: &str, good: impl Fn(&vt100::Screen) -> bool) {
        self.looks_for(PATIENCE, what, good).await;
    }

    async fn looks_for(
        &mut self,
        within: Duration,
        what: &str,
        good: impl Fn(&vt100::Screen) -> bool,
    ) {
        let limit = Instant::now() + within;
        while !good(self.screen.screen()) {
            let more = timeout_at(limit, self.read()).await;
            let seen = self.screen.screen();
            let (contents, cursor) = (seen.contents(), seen.cursor_position());
            assert!(more.unwrap_or(false), "no {what}, but, cursor at {cursor:?}:\n{contents}");
        }
    }

    /// Looks on for a while.
    pub async fn watches(&mut self, span: Duration) {
        let limit = Instant::now() + span;
        while let Ok(true) = timeout_at(limit, self.read()).await {}
    }

    /// What is on the screen.
    pub fn contents(&self) -> String {
        self.screen.screen().contents()
    }

    /// Whether the server took longer for its goodbye than is waited for, which nothing configures.
    pub fn was_late(&self) -> bool {
        self.contents().replace('\n', "").contains(LATE)
    }

    /// How often the text is on the screen.
    pub fn count(&self, text: &str) -> usize {
        self.contents().matches(text).count()
    }

    /// How often somebody set the title of the terminal.
    pub fn titles(&self) -> usize {
        self.screen.callbacks().set
    }

    /// Sends a signal.
    pub fn signals(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(id.expect("it runs"), signal).expect("a child can be signalled");
    }

    /// Waits for its end; the exit code.
    pub async fn exits(&mut self) -> Option<i32> {
        let limit = Instant::now() + PATIENCE;
        let end = async {
            while self.read().await {}
            self.child.wait().await
        };
        let status = timeout_at(limit, end).await;
        let status = status.unwrap_or_else(|_| panic!("it stays, with:\n{}", self.contents()));
        status.expect("a child can be waited for").code()
    }

    /// Whether the terminal is as a shell wants it.
    pub fn has_the_terminal_back(&self) -> bool {
        let modes = tcgetattr(&self.terminal).expect("the terminal is open").local_modes;
        let wanted = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        modes.contains(wanted) && !self.screen.screen().bracketed_paste()
    }

    async fn read(&mut self) -> bool {
        let mut printed = [0; 4096];
        // A terminal without a process at its other end is an error on Linux, not an end.
        match self.terminal.read(&mut printed).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.screen.process(&printed[..count]);
                self.raw.extend_from_slice(&printed[..count]);
                true
            }
        }
    }
}
