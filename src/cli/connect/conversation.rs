//! What is said and heard while one connection is open, from its open to its end.
//! Leaves to `talk.rs`: whether there is to be another.

use std::{
    io,
    time::{Duration, Instant},
};

use bytes::Bytes;
use fastrand::Rng;
use futures_util::FutureExt;
use holdline::{
    dial::{End, Event, Line},
    heartbeat::{Beat, Heartbeat},
};

use super::{
    happening::Happening,
    order::Order,
    talk::{Talk, until},
};

/// How long nothing may be written although something waits for it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server may take to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Payloads of typed pings that are remembered, to tell their pongs from the heartbeat's.
const TYPED_PINGS_MAX: usize = 32;

/// How a connection ended.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) end: End,
    pub(super) wish: Wish,
}

/// Whether it was we who wanted the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// No.
    None,
    /// Yes, and the closing handshake was finished.
    Granted,
    /// Yes, but the server did not answer our close within this time.
    Unanswered(Duration),
    /// Yes, and there was no time for a closing handshake.
    Urgent,
}

/// One open connection.
pub(super) struct Conversation<'a> {
    talk: &'a mut Talk,
    line: Line,
    heartbeat: Heartbeat,
    /// A ping of the heartbeat was queued and waits for the kernel to take it.
    ping_queued: bool,
    /// Pings of the heartbeat so far; their payloads are these numbers.
    pings: u32,
    typed_pings: Vec<Bytes>,
    /// Messages queued and not yet taken by the kernel.
    in_doubt: usize,
    /// Since when the closing handshake is under way.
    closing: Option<Instant>,
    /// We want it.
    wished: bool,
    /// The server's close frame came.
    heard_close: bool,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(talk: &'a mut Talk, line: Line) -> Self {
        let (interval, timeout) = (talk.options.ping_interval, talk.options.pong_timeout);
        let heartbeat = Heartbeat::new(interval, timeout, Instant::now(), Rng::new());
        Self {
            talk,
            line,
            heartbeat,
            ping_queued: false,
            pings: 0,
            typed_pings: Vec::new(),
            in_doubt: 0,
            closing: None,
            wished: false,
            heard_close: false,
        }
    }

    /// Talks until the connection is over, and shows how it ended.
    ///
    /// # Errors
    /// When nobody reads what is shown any more; the connection is closed politely.
    pub(super) async fn run(mut self) -> io::Result<Ending> {
        match self.converse().await {
            Ok(ending) => {
                self.talk.screen.show(&Happening::Ended(ending.end.clone()))?;
                if self.in_doubt > 0 && ending.wish != Wish::Granted {
                    let messages = if self.in_doubt == 1 { "message" } else { "messages" };
                    let words = format!(
                        "the last {} {messages} may not have arrived; nothing is sent twice",
                        self.in_doubt
                    );
                    self.talk.trouble(words)?;
                }
                Ok(ending)
            }
            Err(error) => {
                self.line.close(1000, "");
                let _ = self.line.finish(CLOSE_TIMEOUT).await;
                Err(error)
            }
        }
    }

    async fn converse(&mut self) -> io::Result<Ending> {
        loop {
            self.send_what_waits();
            let deadline = self.deadline();
            let listens = self.talk.listens();
            tokio::select! {
                event = self.line.event() => match event {
                    Ok(event) => self.seen(event)?,
                    Err(end) => return Ok(self.ended(end)),
                },
                heard = self.talk.source.next(), if listens => {
                    if self.talk.take(heard, self.wished)?
                        && let Some(ending) = self.asked_to_end()
                    {
                        return Ok(ending);
                    }
                }
                () = self.talk.interrupt.asked() => {
                    if let Some(ending) = self.asked_to_end() {
                        return Ok(ending);
                    }
                }
                () = until(deadline) => {
                    // What has come already counts, however late we are to look at it.
                    match self.line.event().now_or_never() {
                        Some(Ok(event)) => self.seen(event)?,
                        Some(Err(end)) => return Ok(self.ended(end)),
                        None => if let Some(ending) = self.is_due(Instant::now()) {
                            return Ok(ending);
                        },
                    }
                }
            }
        }
    }

    fn send_what_waits(&mut self) {
        while self.line.is_writable()
            && let Some(order) = self.talk.outgoing.pop()
        {
            match order {
                Order::Send(message) => {
                    self.in_doubt += 1;
                    self.line.send(message);
                }
                Order::Ping(payload) => {
                    if self.typed_pings.len() == TYPED_PINGS_MAX {
                        self.typed_pings.remove(0);
                    }
                    self.typed_pings.push(payload.clone());
                    self.line.ping(payload);
                }
                Order::Pong(payload) => self.line.pong(payload),
                Order::Close(code, reason) => self.close(code, &reason),
            }
        }
    }

    fn seen(&mut self, event: Event) -> io::Result<()> {
        let now = Instant::now();
        if event != Event::Flushed {
            self.heartbeat.alive();
        }
        match event {
            Event::Message(message) => self.talk.screen.show(&Happening::Message(message)),
            Event::Ping(payload) if self.talk.options.ping_pong => {
                self.talk.screen.show(&Happening::Ping(payload))
            }
            Event::Ping(_) => Ok(()),
            Event::Pong(payload) => {
                self.heartbeat.pong(&payload, now);
                match self.is_for_the_user(&payload) && self.talk.options.ping_pong {
                    true => self.talk.screen.show(&Happening::Pong(payload)),
                    false => Ok(()),
                }
            }
            Event::Close => {
                self.heard_close = true;
                self.closing.get_or_insert(now);
                Ok(())
            }
            Event::Flushed => {
                self.in_doubt = 0;
                if std::mem::take(&mut self.ping_queued) {
                    self.heartbeat.ping_taken(now);
                }
                Ok(())
            }
        }
    }

    /// Pongs that answer the heartbeat are our own affair, unless the same was typed.
    fn is_for_the_user(&mut self, payload: &Bytes) -> bool {
        if let Some(at) = self.typed_pings.iter().position(|typed| typed == payload) {
            self.typed_pings.remove(at);
            return true;
        }
        let number = std::str::from_utf8(payload).ok().filter(|digits| digits.len() == 8);
        let number = number.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        !number.is_some_and(|number| (1..=self.pings).contains(&number))
    }

    /// Ctrl-C, Ctrl-D or a signal: says goodbye; who is in a hurry says it twice.
    fn asked_to_end(&mut self) -> Option<Ending> {
        if self.wished {
            let end = self.line.closed().cloned().unwrap_or(End::ClosedByUs(1000));
            return Some(Ending { end, wish: Wish::Urgent });
        }
        self.close(1000, "");
        None
    }

    fn close(&mut self, code: u16, reason: &str) {
        self.wished = true;
        self.closing.get_or_insert_with(Instant::now);
        self.line.close(code, reason);
    }

    /// When something is due although nothing is heard.
    fn deadline(&mut self) -> Option<Instant> {
        let last = match self.closing {
            Some(since) => Some(self.progress_after(since) + CLOSE_TIMEOUT),
            None => [self.talk.over_at(), self.heartbeat.deadline()].into_iter().flatten().min(),
        };
        [last, self.stuck_at()].into_iter().flatten().min()
    }

    /// When writing has been stuck for too long.
    fn stuck_at(&self) -> Option<Instant> {
        Some(self.line.stuck_since()? + WRITE_TIMEOUT)
    }

    /// A server that takes a large message slowly is not stuck.
    fn progress_after(&self, since: Instant) -> Instant {
        self.line.notes().wrote_at.map_or(since, |wrote| wrote.max(since))
    }

    fn is_due(&mut self, now: Instant) -> Option<Ending> {
        let lost = |end| Some(Ending { end, wish: Wish::None });
        if let Some(since) = self.closing {
            let over = self.progress_after(since) + CLOSE_TIMEOUT <= now;
            return over.then(|| self.hung_up());
        }
        if self.stuck_at().is_some_and(|stuck| stuck <= now) {
            return lost(End::WriteTimeout(WRITE_TIMEOUT));
        }
        if self.talk.over_at().is_some_and(|over| over <= now) {
            self.close(1000, "");
            return None;
        }
        match self.heartbeat.beat(now) {
            Beat::Dead => return lost(End::NoPong(self.talk.options.pong_timeout)),
            Beat::Ping(payload) => {
                self.pings = self.pings.wrapping_add(1);
                self.ping_queued = true;
                self.line.ping(payload.to_vec());
            }
            Beat::Wait => {}
        }
        None
    }

    /// The closing handshake takes too long: its first half says who closed.
    fn hung_up(&mut self) -> Ending {
        let end = self.line.closed().cloned().unwrap_or(End::ClosedByUs(1006));
        let wish = match self.wished {
            true if !self.heard_close => Wish::Unanswered(CLOSE_TIMEOUT),
            true => Wish::Granted,
            false => Wish::None,
        };
        Ending { end, wish }
    }

    fn ended(&self, end: End) -> Ending {
        Ending { end, wish: if self.wished { Wish::Granted } else { Wish::None } }
    }
}
