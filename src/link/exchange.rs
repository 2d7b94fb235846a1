//! The life of a link on one connection: sends what waits, matches replies in order, pings, and
//! closes when that is wished.
//! Leaves to `supervisor.rs`: what comes before and after.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use fastrand::Rng;
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::sleep_until,
};

use super::{
    Failure, Loss, Options, State,
    board::Board,
    order::{Command, Kind, Order, Wanted, Wish},
    queue::Queue,
};
use crate::{
    dial::{End, Event, Line},
    heartbeat::{Beat, Heartbeat},
    message::Message,
};

/// Why the connection is over.
#[derive(Debug)]
pub(super) enum Over {
    Ended(End),
    /// A request got no reply within its time, this long.
    OutOfStep(Duration),
}

/// A request that was sent.
struct Sent {
    began: Instant,
    limit: Duration,
    reply: oneshot::Sender<Result<Message, Failure>>,
}

/// One connection.
pub(super) struct Exchange<'a> {
    options: &'a Options,
    line: Line,
    board: &'a Board,
    unasked: &'a broadcast::Sender<Message>,
    heartbeat: Heartbeat,
    /// A ping is on its way to the kernel.
    pinging: bool,
    in_flight: VecDeque<Sent>,
    /// No request's deadline is before this. It may be too early, never too late.
    earliest: Option<Instant>,
    /// Told when the kernel has taken their messages.
    sending: Vec<oneshot::Sender<Result<(), Failure>>>,
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
        unasked: &'a broadcast::Sender<Message>,
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
                () = &mut timer => if let Some(over) = self.due(queue) {
                    break over;
                },
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
        match wanted {
            Wanted::Sent(sent) => self.sending.push(sent),
            Wanted::Reply(reply) => {
                self.earliest = Some(self.earliest.map_or(deadline, |it| it.min(deadline)));
                self.in_flight.push_back(Sent { began, limit, reply });
                self.board.in_flight(self.in_flight.len());
            }
        }
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
            Event::Close => {
                self.board.set(State::Closing);
                self.closing.get_or_insert(now + self.options.close_timeout);
            }
            Event::Flushed => {
                for sent in self.sending.drain(..) {
                    let _ = sent.send(Ok(()));
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
                self.board.replied(sent.began);
                // Whoever has stopped waiting has had its place in the order all the same.
                let _ = sent.reply.send(Ok(message));
            }
            None => {
                self.board.unasked();
                // Without a subscriber nobody wants it.
                let _ = self.unasked.send(message);
            }
        }
    }

    fn take(&mut self, command: Option<Command>, queue: &mut Queue) {
        self.orphaned |= command.is_none();
        let wish = match Wish::of(command) {
            Err(order) if self.wish.is_some() => {
                self.board.failed(order.wanted, Failure::Down(None));
                return;
            }
            Err(order) => {
                queue.push(order);
                return;
            }
            Ok(wish) => wish,
        };
        match &mut self.wish {
            Some(earlier) => earlier.also(wish),
            // It is open; the answer is the sender's end.
            None if wish.kind == Kind::Reconnect => {}
            None => {
                self.wish = Some(wish);
                queue.fail_all(&Failure::Down(None));
                self.line.close(1000, "");
                self.board.set(State::Closing);
                self.closing.get_or_insert(Instant::now() + self.options.close_timeout);
            }
        }
    }

    fn deadline(&self, queue: &Queue) -> Instant {
        let own = match self.closing {
            Some(closing) => Some(closing),
            None => [self.heartbeat.deadline(), self.earliest, self.stuck_at()]
                .into_iter()
                .flatten()
                .min(),
        };
        let soonest = [own, queue.deadline()].into_iter().flatten().min();
        soonest.unwrap_or_else(|| Instant::now() + Duration::from_secs(24 * 60 * 60))
    }

    fn stuck_at(&self) -> Option<Instant> {
        self.line.stuck_since().map(|since| since + self.options.write_timeout)
    }

    /// Does what is due; tells when the connection is over.
    fn due(&mut self, queue: &mut Queue) -> Option<Over> {
        let now = Instant::now();
        queue.expire(now, None);
        if let Some(closing) = self.closing {
            let closed = || self.line.closed().cloned().unwrap_or(End::ClosedByUs(1000));
            return (now >= closing).then(|| Over::Ended(closed()));
        }
        if self.stuck_at().is_some_and(|at| now >= at) {
            return Some(Over::Ended(End::WriteTimeout(self.options.write_timeout)));
        }
        if self.earliest.is_some_and(|earliest| now >= earliest) {
            if let Some(late) = self.in_flight.iter().find(|sent| sent.deadline() <= now) {
                return Some(Over::OutOfStep(late.limit));
            }
            self.earliest = self.in_flight.iter().map(Sent::deadline).min();
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

    /// Tells everybody who waits for something of this connection, and lets go of it.
    fn wind_up(mut self, over: &Over) {
        let now = Instant::now();
        let loss = match over {
            Over::Ended(end) => Loss::Ended(end.clone()),
            Over::OutOfStep(limit) => Loss::OutOfStep(*limit),
        };
        for sent in self.in_flight.drain(..) {
            let failure = match over {
                Over::OutOfStep(_) if sent.deadline() <= now => Failure::NoReplyInTime(sent.limit),
                _ => Failure::Lost(loss.clone()),
            };
            self.board.failed(Wanted::Reply(sent.reply), failure);
        }
        self.board.in_flight(0);
        for sent in self.sending.drain(..) {
            self.board.failed(Wanted::Sent(sent), Failure::Lost(loss.clone()));
        }
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

impl Sent {
    fn deadline(&self) -> Instant {
        self.began + self.limit
    }
}
