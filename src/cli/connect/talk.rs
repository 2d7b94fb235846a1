//! One talk with a server, over as many connections as it takes: dials, waits, takes orders.
//! Leaves to `conversation.rs`: what is said while a connection is open.

use std::{
    future::Future,
    io,
    time::{Duration, Instant},
};

use fastrand::Rng;
use holdline::{
    dial::{Dial, End},
    link::{Next, Patience, Retry},
};
use tokio::time::{sleep, sleep_until};

use super::{
    conversation::{Conversation, Ending, Wish},
    editor::Typed,
    happening::Happening,
    order::{Order, Reading},
    outgoing::{ORDERS_MAX, Outgoing},
    screen::Screen,
    source::{Heard, Source},
};
use crate::cli::interrupt::Interrupt;

/// What the talk is to be like.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) dial: Dial,
    pub(super) reading: Reading,
    /// Do not reconnect.
    pub(super) once: bool,
    /// Show pings and pongs.
    pub(super) ping_pong: bool,
    /// How long to stay when there is no more to send; `None`: until the other side ends it.
    pub(super) wait: Option<Duration>,
    pub(super) ping_interval: Option<Duration>,
    pub(super) pong_timeout: Duration,
}

/// The talk.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) options: Options,
    pub(super) screen: Screen,
    pub(super) source: Source,
    pub(super) interrupt: Interrupt,
    pub(super) outgoing: Outgoing,
    /// No more orders will come.
    input_over: bool,
    /// When the last order was given to a connection.
    done_at: Option<Instant>,
    /// Something that a program asked for was not done.
    faulty: bool,
}

/// How something went that was waited for.
enum Meanwhile<T> {
    Done(T),
    /// The end was asked for first, or there is nothing left to wait for.
    Over,
}

impl Talk {
    pub(super) fn new(
        options: Options,
        screen: Screen,
        source: Source,
        interrupt: Interrupt,
    ) -> Self {
        let outgoing = Outgoing::default();
        let (input_over, done_at, faulty) = (false, None, false);
        Self { options, screen, source, interrupt, outgoing, input_over, done_at, faulty }
    }

    /// Talks until it is over. True when all went well.
    ///
    /// # Errors
    /// When nobody reads what is shown any more.
    pub(super) async fn run(&mut self) -> io::Result<bool> {
        let mut retry = Retry::new(Patience::default(), Rng::new());
        let mut again = false;
        loop {
            let dial = self.options.dial.clone();
            let next = match self.meanwhile(dial.open()).await? {
                Meanwhile::Over => return self.gave_up(),
                Meanwhile::Done(Ok((line, opened))) => {
                    self.screen.show(&Happening::Opened(opened, again))?;
                    again = true;
                    let since = Instant::now();
                    let ending = Conversation::new(self, line).run().await?;
                    if let Some(good) = self.verdict(&ending)? {
                        return Ok(good);
                    }
                    retry.after_end(&ending.end, since.elapsed())
                }
                Meanwhile::Done(Err(refusal)) => {
                    let next = retry.after_refusal(&refusal);
                    self.screen.show(&Happening::Refused(refusal))?;
                    if self.options.once {
                        return self.gave_up();
                    }
                    next
                }
            };
            let wait = match next {
                Next::AtOnce => Duration::ZERO,
                Next::Wait(wait) => wait,
                Next::Never => {
                    self.screen.show(&Happening::Unwanted)?;
                    return self.gave_up();
                }
            };
            self.screen.show(&Happening::Reconnecting(wait, retry.tries()))?;
            if let Meanwhile::Over = self.meanwhile(sleep(wait)).await? {
                return self.gave_up();
            }
        }
    }

    /// Whether the source should be asked: what is piped waits in its pipe while something else
    /// waits here; keys are always heard.
    pub(super) fn listens(&self) -> bool {
        !self.input_over && (self.source.is_keyboard() || self.outgoing.is_empty())
    }

    /// Takes what came from the source. True when the end is asked for.
    pub(super) fn take(&mut self, heard: Heard, closing: bool) -> io::Result<bool> {
        match heard {
            Heard::Key(event) => match self.screen.key(&event)? {
                Some(Typed::Line(line)) => self.order(&line, closing)?,
                Some(Typed::Interrupt | Typed::End) => return Ok(true),
                Some(Typed::TooLong(bytes)) => {
                    self.trouble(format!("{bytes} bytes make the line too long to be typed"))?;
                }
                Some(Typed::Clear | Typed::Resized(_)) | None => {}
            },
            Heard::Line(line) => self.order(&line, closing)?,
            Heard::Unfit(why) => self.trouble(why)?,
            Heard::Over => {
                self.input_over = true;
                return Ok(self.source.is_keyboard());
            }
        }
        Ok(false)
    }

    /// When to end by ourselves, once there is no more to send.
    pub(super) fn over_at(&mut self) -> Option<Instant> {
        if !self.input_over || !self.outgoing.is_empty() {
            return None;
        }
        let done_at = *self.done_at.get_or_insert_with(Instant::now);
        Some(done_at + self.options.wait?)
    }

    /// Says what could not be done. A program learns it from the exit code.
    pub(super) fn trouble(&mut self, words: String) -> io::Result<()> {
        self.faulty |= !self.source.is_keyboard();
        self.screen.show(&Happening::Trouble(words))
    }

    fn order(&mut self, line: &str, closing: bool) -> io::Result<()> {
        match self.options.reading.order(line) {
            Err(why) => self.trouble(why),
            Ok(_) if closing => self.trouble("not sent: the connection is closing".to_owned()),
            Ok(order) => match self.outgoing.push(order) {
                Ok(()) => Ok(()),
                Err(_) => self.trouble(format!(
                    "not sent: {} lines wait already (at most {ORDERS_MAX}, or 1 MiB)",
                    self.outgoing.len()
                )),
            },
        }
    }

    /// Waits for `future`, taking orders beside it.
    async fn meanwhile<F: Future>(&mut self, future: F) -> io::Result<Meanwhile<F::Output>> {
        tokio::pin!(future);
        loop {
            let over_at = self.over_at();
            tokio::select! {
                output = &mut future => return Ok(Meanwhile::Done(output)),
                () = self.interrupt.asked() => return Ok(Meanwhile::Over),
                () = until(over_at) => return Ok(Meanwhile::Over),
                heard = self.source.next(), if self.listens() => {
                    let before = self.outgoing.len();
                    if self.take(heard, false)? {
                        return Ok(Meanwhile::Over);
                    }
                    if self.source.is_keyboard() && self.outgoing.len() > before {
                        if let Some(Order::Close(..)) = self.outgoing.last() {
                            return Ok(Meanwhile::Over);
                        }
                        let waiting = self.outgoing.len();
                        let words = format!("Kept until connected ({waiting} waiting)");
                        self.screen.show(&Happening::Note(words))?;
                    }
                }
            }
        }
    }

    /// What to make of an end; `None`: try again.
    fn verdict(&mut self, ending: &Ending) -> io::Result<Option<bool>> {
        if let Wish::Unanswered(limit) = ending.wish {
            self.screen.show(&Happening::Unanswered(limit))?;
        }
        if ending.wish != Wish::None {
            let sent = self.all_was_sent()?;
            return Ok(Some(sent && ending.wish == Wish::Granted && !self.faulty));
        }
        let normal = matches!(ending.end, End::ClosedByServer(1000 | 1001 | 1005, _));
        let done = self.input_over && self.outgoing.is_empty() && self.options.wait.is_some();
        if self.options.once || (done && normal) {
            let sent = self.all_was_sent()?;
            return Ok(Some(sent && normal && !self.faulty));
        }
        Ok(None)
    }

    /// The end without a connection.
    fn gave_up(&mut self) -> io::Result<bool> {
        self.all_was_sent()?;
        Ok(false)
    }

    /// Whether nothing is left that was to be sent; says so if not.
    fn all_was_sent(&mut self) -> io::Result<bool> {
        let left = self.outgoing.len() + self.source.left();
        if left > 0 {
            let lines = if left == 1 { "line was" } else { "lines were" };
            // What nobody read cannot be counted.
            let unread = matches!(self.source, Source::Input(_)) && !self.input_over;
            let more = if unread { ", nor what the input still holds" } else { "" };
            self.trouble(format!("{left} {lines} not sent{more}"))?;
        }
        Ok(left == 0)
    }
}

/// Sleeps until `deadline`; without one for ever.
pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
