//! The end of a connection's life: what is queued, the close frame, the peer's answer, TCP.
//! Leaves to `connection.rs`: everything before an end was decided.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_core::Stream;

use super::{Connection, alarm::Alarm};
use crate::outbox::Stage;

/// How long actix may take to let go of a stream that was killed.
const LETTING_GO: Duration = Duration::from_secs(1);

impl Connection {
    /// Sees the closing handshake through (RFC 6455 section 7.1): each of its steps has a
    /// deadline, behind the last one the stream is reset.
    pub(super) async fn close(&mut self) {
        self.carry_on_for_the_last_time();
        self.observed.swallow();
        self.socket.resume_reading();
        self.alarm = Alarm::default();
        let mut closing = Closing { readable: true, since: Instant::now(), killed: false };
        poll_fn(|cx| self.poll_close(&mut closing, cx)).await;
    }

    fn poll_close(&mut self, closing: &mut Closing, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.outbox().register_task(cx.waker());
            self.read_answer(closing, cx);
            let stage = self.outbox().stage();
            if stage == Stage::Gone {
                return Poll::Ready(());
            }
            if self.outbox().is_cut() && !closing.killed {
                self.kill(closing);
            }
            if closing.killed && !self.socket.is_attached() {
                // Whoever accepted the stream has to end it; here nothing is left to wait for.
                return Poll::Ready(());
            }
            let deadline = self.close_deadline(stage, closing);
            std::task::ready!(self.alarm.poll(Some(deadline), cx));
            if Instant::now() < deadline {
                continue;
            }
            match stage {
                Stage::CloseTaken => self.outbox().stop_waiting(),
                _ if closing.killed => {
                    log::error!(id:% = self.seat.id(); "actix kept a killed stream");
                    return Poll::Ready(());
                }
                _ => self.kill(closing),
            }
            closing.since = Instant::now();
        }
    }

    /// Reads until the peer's close frame or its end: then nothing is left to wait for.
    fn read_answer(&mut self, closing: &mut Closing, cx: &mut Context<'_>) {
        while closing.readable {
            match Pin::new(&mut self.guard).poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => closing.readable = false,
            }
        }
        if self.observed.ended() || !closing.readable || self.observed.peer_close().is_some() {
            self.outbox().expect_no_answer();
        }
    }

    fn kill(&self, closing: &mut Closing) {
        self.socket.kill();
        if !self.socket.is_attached() {
            self.outbox().give_up();
        }
        closing.killed = true;
        closing.since = Instant::now();
    }

    fn close_deadline(&self, stage: Stage, closing: &Closing) -> Instant {
        let limits = &self.node.config().limits;
        if closing.killed {
            return closing.since + LETTING_GO;
        }
        match stage {
            // What is queued, the close included, is held to the age that any frame is.
            Stage::Open | Stage::Closing => {
                self.outbox().oldest().unwrap_or(closing.since) + limits.write_timeout
            }
            Stage::CloseTaken => {
                self.outbox().close_taken().unwrap_or(closing.since) + limits.close_timeout
            }
            Stage::Finished | Stage::Gone => closing.since + limits.close_timeout,
        }
    }
}

struct Closing {
    /// Whether anything may still come from the peer.
    readable: bool,
    /// When the current step began.
    since: Instant,
    killed: bool,
}
