//! The life of a link on one connection: sends what waits, matches replies in order, pings, and
//! closes when that is wished.
//! Leaves to `supervisor.rs`: what comes before and after.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use fastrand::Rng;
use futures_util::FutureExt;
use tokio::{sync::mpsc, time::sleep_until};

use super::{
    Failure, Loss, Options, State,
    board::Board,
    order::{Command, Kind, Order, Sent, Wanted, Wish},
    queue::Queue,
    unasked::Unasked,
};
use crate::{
    dial::{End, Event, Line},
    heartbeat::{Beat, Heartbeat},
    message::Message,
};

/// How many events are caught up with before a deadline is kept, at most.
const CATCH_UP_MAX: usize = 256;

/// Why the connection is over.
#[derive(Debug)]
pub(super) enum Over {
    Ended(End),
    /// A request got no reply within its time, this long.
    OutOfStep(Duration),
}

/// One connection.
pub(super) struct Exchange<'a> {
    options: &'a Options,
    line: Line,
    board: &'a Board,
    unasked: &'a Unasked,
    heartbeat: Heartbeat,
    /// A ping is on its way to the kernel.
    pinging: bool,
    in_flight: VecDeque<Sent>,
    /// No deadline of what was sent is before this. It may be too early, never too late.
    earliest: Option<Instant>,
    /// Told when the kernel has taken their messages.
    sending: Vec<Sent>,
    /// Until when the closing handshake must be over, once it has begun.
    closing: Option<Instant>,
    wish: Option<Wish>,
    /// No handle of the link is left.
    orphaned: bool,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        options: &'a Options,
        line: Line,
        board: &'a Board,
        unasked: &'a Unasked,
    ) -> Self {
        let (interval, timeout) = (options.ping_interval, options.pong_timeout);
        Self {
            options,
            line,
            board,
            unasked,
            heartbeat: Heartbeat::new(interval, timeout, Instant::now(), Rng::new()),
            pinging: false,
            in_flight: VecDeque::new(),
            earliest: None,
            sending: Vec::new(),
            closing: None,
            wish: None,
            orphaned: false,
        }
    }

    /// Lives until the connection is over; tells why, and what was wished meanwhile.
    pub(super) async fn run(
        mut self,
        queue: &mut Queue,
        commands: &mut mpsc::Receiver<Command>,
    ) -> (Over, Option<Wish>) {
        let timer = sleep_until(Instant::now().into());
        tokio::pin!(timer);
        let over = loop {
            self.fill(queue);
            // The timer is only touched when it must change: that costs more than the rest.
            let deadline = tokio::time::Instant::from(self.deadline(queue));
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            tokio::select! {
                event = self.line.event() => match event {
                    Ok(event) => self.see(event),
                    Err(end) => break Over::Ended(end),
                },
                command = commands.recv(), if !self.orphaned => self.take(command, queue),
                () = &mut timer => {
                    let over = self.catch_up().map(Over::Ended);
                    if let Some(over) = over.or_else(|| self.due(queue)) {
                        break over;
                    }
                }
            }
        };
        let wish = self.wish.take();
        self.wind_up(&over);
        (over, wish)
    }

    /// Gives to the line what it has room for.
    fn fill(&mut self, queue: &mut Queue) {
        while self.closing.is_none() && self.line.is_writable() {
            let replies = self.in_flight.len() < self.options.in_flight_max;
            let Some(order) = queue.pop(replies) else { return };
            let now = Instant::now();
            if order.deadline() <= now {
                let failure = Failure::NotSentInTime(order.limit, None);
                self.board.failed(order.wanted, failure);
                continue;
            }
            self.send(order);
        }
    }

    fn send(&mut self, order: Order) {
        let deadline = order.deadline();
        let Order { message, began, limit, wanted } = order;
        self.board.message("out", &message);
        self.line.send(message);
        self.earliest = Some(self.earliest.map_or(deadline, |it| it.min(deadline)));
        let is_request = matches!(wanted, Wanted::Reply(_));
        let sent = Sent { began, limit, wanted: Some(wanted) };
        if is_request {
            self.in_flight.push_back(sent);
            self.board.in_flight(self.in_flight.len());
        } else {
            self.sending.push(sent);
        }
    }

    /// Sees what has come already, which counts however late we are to look at it: a machine that
    /// stood still for a while must not take its server for dead. Tells the end, if that has come.
    fn catch_up(&mut self) -> Option<End> {
        for _ in 0..CATCH_UP_MAX {
            match self.line.event().now_or_never()? {
                Ok(event) => self.see(event),
                Err(end) => return Some(end),
            }
        }
        None
    }

    fn see(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Message(message) => {
                self.heartbeat.alive();
                self.board.message("in", &message);
                self.deliver(message);
            }
            Event::Ping(_) => self.heartbeat.alive(),
            Event::Pong(payload) => self.board.ponged(self.heartbeat.pong(&payload, now)),
            Event::Close if self.closing.is_some() => {}
            Event::Close => {
                self.board.set(State::Closing);
                self.closing = Some(now + self.options.close_timeout);
            }
            Event::Flushed => {
                for sent in self.sending.drain(..) {
                    if let Some(Wanted::Sent(sent)) = sent.wanted {
                        let _ = sent.send(Ok(()));
                    }
                }
                if std::mem::take(&mut self.pinging) {
                    self.heartbeat.ping_taken(now);
                }
            }
        }
    }

    /// To whoever has waited longest; to the subscribers when nobody waits.
    fn deliver(&mut self, message: Message) {
        match self.in_flight.pop_front() {
            Some(sent) => {
                self.board.in_flight(self.in_flight.len());
                // Whoever has stopped waiting has had its place in the order all the same.
                if let Some(Wanted::Reply(reply)) = sent.wanted {
                    self.board.replied(sent.began);
                    let _ = reply.send(Ok(message));
                }
            }
            None => {
                self.board.unasked();
                self.unasked.push(message);
            }
        }
    }

    fn take(&mut self, command: Option<Command>, queue: &mut Queue) {
        self.orphaned |= command.is_none();
        let wish = match Wish::of(command) {
            Err(order) => {
                return match self.wish.as_ref().and_then(Wish::refusal) {
                    Some(failure) => self.board.failed(order.wanted, failure),
                    None => queue.push(order),
                };
            }
            Ok(wish) => wish,
        };
        match &mut self.wish {
            Some(earlier) => earlier.also(wish),
            // The server has closed: nothing more comes, and its TCP need not be waited for.
            None if wish.kind == Kind::Reconnect && self.closing.is_some() => {
                self.closing = Some(Instant::now());
                self.wish = Some(wish);
            }
            // It is open; the answer is the sender's end.
            None if wish.kind == Kind::Reconnect => {}
            None => {
                if let Some(failure) = wish.refusal() {
                    queue.fail_all(&failure);
                }
                self.wish = Some(wish);
                self.line.close(1000, "");
                self.board.set(State::Closing);
                self.closing.get_or_insert(Instant::now() + self.options.close_timeout);
            }
        }
    }

    fn deadline(&self, queue: &Queue) -> Instant {
        let own = match self.closing {
            Some(closing) => [Some(closing), None],
            None => [self.heartbeat.deadline(), self.stuck_at()],
        };
        let all = own.into_iter().chain([self.earliest, queue.deadline()]);
        let soonest = all.flatten().min();
        soonest.unwrap_or_else(|| Instant::now() + Duration::from_secs(24 * 60 * 60))
    }

    fn stuck_at(&self) -> Option<Instant> {
        self.line.stuck_since().map(|since| since + self.options.write_timeout)
    }

    /// Does what is due; tells when the connection is over.
    fn due(&mut self, queue: &mut Queue) -> Option<Over> {
        let now = Instant::now();
        queue.expire(now, None);
        if self.closing.is_some_and(|closing| now >= closing) {
            let closed = self.line.closed().cloned();
            return Some(Over::Ended(closed.unwrap_or(End::ClosedByUs(1000))));
        }
        if self.closing.is_none() && self.stuck_at().is_some_and(|at| now >= at) {
            return Some(Over::Ended(End::WriteTimeout(self.options.write_timeout)));
        }
        if self.earliest.is_some_and(|earliest| now >= earliest) {
            let late = self.in_flight.iter().find(|sent| sent.deadline() <= now);
            if let (None, Some(late)) = (self.closing, late) {
                return Some(Over::OutOfStep(late.limit));
            }
            self.expire(now);
        }
        if self.closing.is_some() {
            return None;
        }
        match self.heartbeat.beat(now) {
            Beat::Wait => None,
            Beat::Dead => Some(Over::Ended(End::NoPong(self.options.pong_timeout))),
            Beat::Ping(payload) => {
                self.line.ping(payload.to_vec());
                self.board.pinged();
                self.pinging = true;
                None
            }
        }
    }

    /// Tells those whose deadline has passed, while the connection may live on.
    fn expire(&mut self, now: Instant) {
        for sent in self.in_flight.iter_mut().chain(&mut self.sending) {
            if sent.deadline() <= now
                && let Some(wanted) = sent.wanted.take()
            {
                self.board.failed(wanted, Failure::NoReplyInTime(sent.limit));
            }
        }
        self.sending.retain(|sent| sent.wanted.is_some());
        let waiting = self.in_flight.iter().chain(&self.sending);
        let waiting = waiting.filter(|sent| sent.wanted.is_some());
        self.earliest = waiting.map(Sent::deadline).min();
    }

    /// Tells everybody who waits for something of this connection, and lets go of it.
    fn wind_up(mut self, over: &Over) {
        let now = Instant::now();
        let loss = match over {
            Over::Ended(end) => Loss::Ended(end.clone()),
            Over::OutOfStep(limit) => Loss::OutOfStep(*limit),
        };
        self.expire(now);
        for sent in self.in_flight.drain(..).chain(self.sending.drain(..)) {
            if let Some(wanted) = sent.wanted {
                self.board.failed(wanted, Failure::Lost(loss.clone()));
            }
        }
        self.board.in_flight(0);
        match over {
            Over::OutOfStep(_) => {
                // In the background: the next connection need not wait for this one's goodbye.
                self.line.close(1000, "no reply in time");
                tokio::spawn(self.line.finish(self.options.close_timeout));
            }
            // Nobody is there to read it: the kernel need not try either.
            Over::Ended(End::NoPong(_) | End::WriteTimeout(_)) => self.line.abort(),
            Over::Ended(_) => {}
        }
    }
}
