//! The life of one connection: one task, one exit.
//! Leaves to `outbox.rs` what waits for the peer, to `inbound.rs` what a valid message is, to
//! `heartbeat.rs` when a peer is dead, to `socket.rs` the write deadline.

mod alarm;
mod closing;
mod farewell;
mod record;
mod work;

use std::{
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use actix_web::dev;
use futures_core::Stream;

pub use self::farewell::Farewell;
use self::{alarm::Alarm, work::Work};
use crate::{
    callback::{Action, Callback, Reaction},
    disconnect::Disconnect,
    heartbeat::{Beat, Heartbeat},
    hub::Seat,
    inbound::{Guard, Observed, Received},
    node::Node,
    outbox::{Outbox, Stage},
    pace::Pace,
    rest::Rest,
    socket::{SocketControl, SocketEnd},
};

/// After this many messages in a row a connection lets the others of its worker have a turn.
const MESSAGES_PER_TURN: u32 = 64;

/// What the handshake hands over to the connection's task.
pub struct Upgraded {
    /// The place in the hub, taken before the 101 was sent.
    pub seat: Seat,
    /// The stream under the connection.
    pub socket: SocketControl,
    /// What `guard` sees.
    pub observed: Rc<Observed>,
    /// Reads what the peer sends.
    pub guard: Guard<dev::Payload>,
    /// Who is told of messages, if anybody, and must be told of the end.
    pub callback: Option<(Arc<dyn Callback>, Farewell)>,
    /// What the messages of `/ws/rest` become; of no use on other routes.
    pub rest: Option<Rest>,
    /// What the application wants done first.
    pub actions: Vec<Action>,
    /// The peer's `User-Agent`, shortened, for the log.
    pub user_agent: String,
}

/// One connection, from its 101 until its stream is gone.
pub struct Connection {
    node: Node,
    seat: Seat,
    socket: SocketControl,
    observed: Rc<Observed>,
    guard: Guard<dev::Payload>,
    work: Work,
    farewell: Option<Farewell>,
    heartbeat: Heartbeat,
    pace: Option<Pace>,
    /// The same for pings and pongs, which are no messages.
    control_pace: Option<Pace>,
    alarm: Alarm,
    /// Frames of the peer that the heartbeat knows of.
    frames_known: u64,
    /// Frames of the peer that the hub knows of.
    frames_noted: u64,
    turn: u32,
    reading_paused: bool,
    /// When reading last went on after a pause.
    resumed: Option<Instant>,
}

enum Event {
    /// Something from the peer, validated by the guard.
    Received(Received),
    /// An answer to one of its messages.
    Answered(Reaction),
    /// Nothing more can be read.
    ReadEnded,
    /// A deadline has come.
    Due,
    /// An end was decided elsewhere: the hub, the outbox or the stream.
    Ended,
}

impl Connection {
    /// Opens the connection's account: log, metrics and heartbeat start now.
    pub fn open(node: &Node, upgraded: Upgraded) -> Self {
        let Upgraded { seat, socket, observed, guard, .. } = upgraded;
        let Upgraded { callback, rest, actions, user_agent, .. } = upgraded;
        let now = Instant::now();
        let config = node.config();
        let (interval, timeout) = (config.heartbeat.ping_interval, config.heartbeat.pong_timeout);
        let (callback, farewell) = callback.unzip();
        record::open(&seat.entry.caller, &user_agent, node.metrics());
        let mut connection = Self {
            heartbeat: Heartbeat::new(interval, timeout, now, fastrand::Rng::new())
                .in_step(node.made()),
            pace: config.limits.messages_per_second.map(|limit| Pace::new(limit, now)),
            control_pace: config
                .limits
                .messages_per_second
                .map(|limit| Pace::of_control(limit, now)),
            alarm: Alarm::default(),
            frames_known: 0,
            frames_noted: 0,
            turn: 0,
            reading_paused: false,
            resumed: None,
            work: Work::new(callback, rest),
            farewell,
            node: node.clone(),
            seat,
            socket,
            observed,
            guard,
        };
        connection.act(actions);
        connection
    }

    /// Serves the connection until its stream is gone. Dropped before, it ends as `internal_error`.
    ///
    /// By reference: a future keeps what it is given by value twice, and there is one for each
    /// connection.
    pub async fn run(&mut self) {
        while self.outbox().stage() == Stage::Open {
            match poll_fn(|cx| self.poll_event(cx)).await {
                Event::Received(received) => self.receive(received, Instant::now()),
                Event::Answered(reaction) => self.react(reaction),
                Event::ReadEnded => self.end(self.why_gone()),
                Event::Due => self.due(Instant::now()),
                Event::Ended => {}
            }
        }
        self.close().await;
        self.leave_unanswered();
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.outbox().register_task(cx.waker());
        if let Some(at) = self.outbox().take_ping_taken() {
            self.heartbeat.ping_taken(at);
            self.node.metrics().pings_sent.inc();
        }
        if self.outbox().stage() == Stage::Gone {
            self.end(self.why_gone());
        }
        if self.outbox().stage() != Stage::Open {
            return Poll::Ready(Event::Ended);
        }
        if self.observed.frames() != self.frames_noted {
            self.note_frames(Instant::now());
        }
        if let Poll::Ready(reaction) = self.work.poll_answer(cx) {
            return Poll::Ready(Event::Answered(reaction));
        }
        self.pause_or_resume();
        if self.turn == MESSAGES_PER_TURN {
            // The deadlines get their turn too: a peer that never pauses is pinged all the same.
            self.turn = 0;
            cx.waker().wake_by_ref();
        } else if !self.reading_paused {
            match Pin::new(&mut self.guard).poll_next(cx) {
                Poll::Ready(Some(Ok(received))) => {
                    self.turn += 1;
                    return Poll::Ready(Event::Received(received));
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Event::ReadEnded),
                Poll::Pending => self.turn = 0,
            }
        }
        self.alarm.poll(self.deadline(), cx).map(|()| Event::Due)
    }

    /// `now` is the time of all that follows: asking for it costs as much as much of the rest.
    fn receive(&mut self, received: Received, now: Instant) {
        if self.observed.frames() != self.frames_noted {
            self.note_frames(now);
        }
        let is_control = matches!(received, Received::Ping(_) | Received::Pong(_));
        let too_fast = |pace: &mut Pace| !pace.allows(now);
        if is_control && self.control_pace.as_mut().is_some_and(too_fast) {
            return self.end(Disconnect::RateLimited);
        }
        match received {
            Received::Message(message) => self.act_on(message, now),
            Received::Ping(payload) => {
                self.outbox().push_pong(&payload, now);
            }
            Received::Pong(payload) => {
                self.node.metrics().pongs_received.inc();
                if let Some(rtt) = self.heartbeat.pong(&payload, now) {
                    // Else every ping would have its vain wake-up, a pong timeout later.
                    self.alarm.forget();
                    self.node.metrics().ping_rtt.observe(rtt.as_secs_f64());
                    self.seat.entry.activity.round_trip(rtt);
                    if let Some(callback) = self.work.callback() {
                        callback.on_pong(&self.seat.entry.caller, rtt);
                    }
                }
            }
            Received::Close(close) => self.end(Disconnect::PeerClosed(close)),
            Received::Fault(why) => self.end(why),
        }
    }

    fn due(&mut self, now: Instant) {
        let limits = &self.node.config().limits;
        let passed = |since: Option<Instant>, timeout| since.is_some_and(|at| at + timeout <= now);
        if passed(self.outbox().oldest(), limits.write_timeout) {
            self.end(Disconnect::WriteTimeout);
            return self.socket.kill();
        }
        if passed(self.unfinished_since(), limits.message_timeout) {
            return self.end(Disconnect::MessageTimeout);
        }
        if self.observed.frames() != self.frames_known {
            self.frames_known = self.observed.frames();
            self.heartbeat.alive();
        }
        match self.heartbeat.beat(now) {
            Beat::Wait => {}
            Beat::Dead => return self.end(Disconnect::NoPong),
            Beat::Ping(payload) => {
                self.outbox().push_ping(&payload, now);
            }
        }
        if self.work.retry_at().is_some_and(|at| at <= now) {
            self.carry_on();
        }
    }

    /// The earliest moment at which [`due`](Self::due) has something to do.
    fn deadline(&self) -> Option<Instant> {
        let limits = &self.node.config().limits;
        let written = self.outbox().watch_oldest().map(|since| since + limits.write_timeout);
        let finished = self.unfinished_since().map(|since| since + limits.message_timeout);
        let retried = self.work.retry_at();
        let heard = self.heartbeat.deadline();
        written.into_iter().chain(finished).chain(retried).chain(heard).min()
    }

    /// Since when the peer could have finished its message: not while we did not read.
    fn unfinished_since(&self) -> Option<Instant> {
        let began = self.observed.unfinished_since().filter(|_| !self.reading_paused)?;
        Some(self.resumed.map_or(began, |resumed| began.max(resumed)))
    }

    fn pause_or_resume(&mut self) {
        let pause = self.work.is_full(self.in_flight_max())
            || !self.outbox().has_control_room()
            || self.outbox().is_congested();
        if pause == self.reading_paused {
            return;
        }
        self.reading_paused = pause;
        if pause {
            self.socket.pause_reading();
            self.heartbeat.pause(Instant::now());
        } else {
            let now = Instant::now();
            self.socket.resume_reading();
            self.heartbeat.resume(now);
            self.resumed = Some(now);
        }
    }

    /// Notes for whoever asks the hub when the peer was last heard.
    fn note_frames(&mut self, now: Instant) {
        self.frames_noted = self.observed.frames();
        self.seat.entry.activity.frame(now);
    }

    /// Why the stream is gone, or gives nothing more.
    fn why_gone(&self) -> Disconnect {
        match self.socket.end() {
            Some(SocketEnd::WriteTimeout) => Disconnect::WriteTimeout,
            _ => Disconnect::PeerGone,
        }
    }

    fn end(&self, why: Disconnect) {
        self.outbox().end(why, Instant::now());
    }

    fn outbox(&self) -> &Outbox {
        &self.seat.outbox
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Without an end so far the task was dropped or panicked: the peer is told so.
        self.end(Disconnect::InternalError);
        self.outbox().expect_no_answer();
        // So that the books agree as soon as the last connection is gone.
        self.seat.shard.tally().flush();
        let ended = self.ended();
        record::close(&self.seat.entry.caller, &ended, self.node.metrics());
        if let Some(farewell) = &mut self.farewell {
            farewell.ended = ended;
        }
    }
}
