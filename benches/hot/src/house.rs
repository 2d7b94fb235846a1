//! A worker's part of a hub with peers in one room of it, who have taken everything so far.
//! Leaves to `main.rs` what of that is counted.

use std::{
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use actix_rt::{System, SystemRunner};
use actix_web::body::MessageBody;
use bytes::Bytes;
use holdline::{
    config::Config,
    heartbeat::{Beat, Heartbeat},
    measuring::{Budget, Caller, Charged, Hub, OutboxBody, Seat, Shard, message},
    message::{Message, Room},
    metrics::Metrics,
    route::Route,
};

/// What every member hears: 64 bytes.
const WORDS: &str = "sixty-four bytes are what a short line of a conversation comes to";

/// How often pings are due.
const INTERVAL: Duration = Duration::from_secs(20);

/// One worker's connections, all in one room.
pub struct House {
    room: Room,
    said: Bytes,
    /// The same, as it is queued.
    frame: Rc<Charged>,
    lines: Vec<OutboxBody>,
    seats: Vec<Seat>,
    shard: Rc<Shard>,
    _system: SystemRunner,
}

impl House {
    fn new(members: usize) -> Self {
        let mut config = Config::default();
        config.server.workers = 1;
        let system = System::new();
        let shard = system.block_on(async { Shard::attach(&Hub::new(&config, &Metrics::new())) });
        let room: Room = "lobby".parse().expect("a room's name");
        let seats: Vec<_> = (0..members).map(|_| join(&shard, &room)).collect();
        let line = |seat: &Seat| OutboxBody::new(Rc::clone(&seat.outbox));
        let said = message(&Message::from(&WORDS[..64]));
        let frame = Charged::new(said.clone(), &Budget::new(usize::MAX, Arc::default()));
        let lines = seats.iter().map(line).collect();
        Self { room, said, frame, lines, seats, shard, _system: system }
    }

    /// One member, and how many frames are to come.
    pub fn of_one(frames: usize) -> (Self, usize) {
        let mut house = Self::new(1);
        house.queue(frames);
        house.take_all();
        (house, frames)
    }

    /// A thousand members, who have heard something already.
    pub fn of_many() -> Self {
        let mut house = Self::new(1000);
        house.publish();
        assert!(house.seats.iter().all(|seat| seat.outbox.bytes() == house.said.len()));
        house.take_all();
        house
    }

    /// Pushes so many frames to each member.
    pub fn queue(&self, frames: usize) {
        let now = Instant::now();
        for seat in &self.seats {
            for _ in 0..frames {
                assert!(seat.outbox.push(&self.frame, now));
            }
        }
    }

    /// Tells the room.
    pub fn publish(&self) {
        assert_eq!(self.shard.publish(&self.room, &self.said), Ok(()));
    }

    /// Has every member take what is queued, until it would wait.
    pub fn take_all(&mut self) {
        for line in &mut self.lines {
            while take(line).is_some() {}
        }
    }
}

fn join(shard: &Rc<Shard>, room: &Room) -> Seat {
    let peer = [192, 0, 2, 1].into();
    let place = shard.reserve(peer).expect("there is room");
    let (id, route, request) = (place.id(), Route::Room(room.clone()), "-".to_owned());
    let caller = Caller { id, request, route, peer, user: None, subprotocol: None };
    place.join(Arc::new(caller), None).expect("there is room")
}

fn take(line: &mut OutboxBody) -> Option<Bytes> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(line).poll_next(&mut cx) {
        std::task::Poll::Ready(frame) => frame.and_then(Result::ok),
        std::task::Poll::Pending => None,
    }
}

/// One connection's heartbeat, and the queue through which its pings leave.
pub struct Pulse {
    house: House,
    heartbeat: Heartbeat,
    now: Instant,
}

impl Pulse {
    /// A connection that has answered before.
    pub fn new() -> Self {
        let now = Instant::now();
        let rng = fastrand::Rng::with_seed(7);
        let heartbeat = Heartbeat::new(Some(INTERVAL), INTERVAL / 2, now, rng);
        let mut pulse = Self { house: House::new(1), heartbeat, now };
        pulse.tick();
        pulse
    }

    /// The next ping, from its deadline to its answer, as the connection's task does it.
    pub fn tick(&mut self) {
        self.now += INTERVAL;
        let outbox = &self.house.seats[0].outbox;
        let Beat::Ping(payload) = self.heartbeat.beat(self.now) else { panic!("one is due") };
        assert!(outbox.push_ping(&payload, self.now));
        assert!(take(&mut self.house.lines[0]).is_some());
        let taken = outbox.take_ping_taken();
        self.heartbeat.ping_taken(taken.expect("it has left"));
        assert!(self.heartbeat.pong(&payload, self.now).is_some());
        assert!(self.heartbeat.deadline().is_some());
    }
}
