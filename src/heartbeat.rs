//! When to ping and when a peer is dead: a pure state machine over [`Instant`].
//! Leaves to `connection.rs`: the clock, the ping itself, and what counts as a whole frame.

use std::time::{Duration, Instant};

use fastrand::Rng;

/// One connection's heartbeat.
///
/// A ping is due every interval, shortened by a fresh 0–10 % each time so that connections that
/// were opened together do not ping together; never lengthened, for the gateway's read timeout
/// is what the interval must stay below. The peer is dead when a ping went out a pong timeout
/// ago and no whole frame has come since: at most interval + pong timeout after its last one.
#[derive(Debug)]
pub struct Heartbeat {
    /// `None`: never pings, never finds anybody dead.
    interval: Option<Duration>,
    pong_timeout: Duration,
    /// From where the moments are counted at which pings are sent; `None`: any moment is one.
    step_origin: Option<Instant>,
    /// When the next ping is due.
    ping_at: Option<Instant>,
    /// The clock of the first ping that nothing has come after.
    pong: PongClock,
    paused: bool,
    /// The latest ping's number.
    sequence: u32,
    /// When the latest ping went out, until it is answered.
    taken_at: Option<Instant>,
    rng: Rng,
}

/// What [`Heartbeat::beat`] found due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing.
    Wait,
    /// A ping, with this payload: its number in eight lower-case hexadecimal digits.
    Ping([u8; 8]),
    /// The end: the peer did not answer in time.
    Dead,
}

/// How many common moments an interval has: of 10,000 connections 50 then ping together.
const STEPS: u32 = 200;

/// How long the peer still has to show that it lives.
#[derive(Clone, Copy, Debug)]
enum PongClock {
    /// As long as it likes: no ping is unanswered.
    Off,
    /// Until then.
    Until(Instant),
    /// This much of the time in which we read.
    Held(Duration),
}

impl Heartbeat {
    /// A heartbeat whose first ping is due an interval after `now`. `None` switches it off.
    /// `rng` shortens the intervals.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use holdline::heartbeat::{Beat, Heartbeat};
    ///
    /// let (second, start) = (Duration::from_secs(1), Instant::now());
    /// let mut heartbeat = Heartbeat::new(Some(20 * second), 10 * second, start, fastrand::Rng::new());
    /// assert_eq!(heartbeat.beat(start + 17 * second), Beat::Wait);
    /// assert!(matches!(heartbeat.beat(start + 20 * second), Beat::Ping(_)));
    /// ```
    pub fn new(interval: Option<Duration>, pong_timeout: Duration, now: Instant, rng: Rng) -> Self {
        let mut heartbeat = Self {
            interval,
            pong_timeout,
            step_origin: None,
            ping_at: None,
            pong: PongClock::Off,
            paused: false,
            sequence: 0,
            taken_at: None,
            rng,
        };
        heartbeat.schedule(now);
        heartbeat
    }

    /// The same heartbeat with its pings at common moments: a whole number of steps after `origin`,
    /// a step being half a hundredth of the interval. Thousands of heartbeats with the same origin
    /// then share their wake-ups, which cost more than the pings. Intervals are as before: shorter by
    /// 0–10 %, never longer.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use holdline::heartbeat::Heartbeat;
    ///
    /// let (second, start) = (Duration::from_secs(1), Instant::now());
    /// let heartbeat = Heartbeat::new(Some(20 * second), 10 * second, start, fastrand::Rng::new());
    /// let due = heartbeat.in_step(start).deadline().unwrap();
    /// assert_eq!((due - start).as_nanos() % (second / 10).as_nanos(), 0);
    /// ```
    pub fn in_step(mut self, origin: Instant) -> Self {
        self.step_origin = Some(origin);
        self.ping_at = self.ping_at.map(|due| self.on_step(due));
        self
    }

    /// A whole frame came from the peer, of whatever kind.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use holdline::heartbeat::{Beat, Heartbeat};
    /// # let (second, start) = (Duration::from_secs(1), Instant::now());
    /// # let mut heartbeat = Heartbeat::new(Some(20 * second), 10 * second, start, fastrand::Rng::new());
    /// heartbeat.ping_taken(start);
    /// heartbeat.alive();
    /// assert_ne!(heartbeat.beat(start + 10 * second), Beat::Dead);
    /// ```
    pub fn alive(&mut self) {
        self.pong = PongClock::Off;
    }

    /// The ping was taken for writing: from here on the peer has the pong timeout to answer.
    /// A ping that waits behind others in the outbox costs the peer nothing.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use holdline::heartbeat::{Beat, Heartbeat};
    /// # let (second, start) = (Duration::from_secs(1), Instant::now());
    /// # let mut heartbeat = Heartbeat::new(Some(20 * second), 10 * second, start, fastrand::Rng::new());
    /// heartbeat.ping_taken(start);
    /// assert_eq!(heartbeat.beat(start + 10 * second), Beat::Dead);
    /// ```
    pub fn ping_taken(&mut self, now: Instant) {
        if self.interval.is_none() {
            return;
        }
        self.taken_at = Some(now);
        if let PongClock::Off = self.pong {
            self.pong = match self.paused {
                true => PongClock::Held(self.pong_timeout),
                false => PongClock::Until(now + self.pong_timeout),
            };
        }
    }

    /// A pong came, which is a whole frame too. The round-trip time if it answers the latest
    /// ping; an old or unsolicited one does no harm.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use holdline::heartbeat::{Beat, Heartbeat};
    /// # let (second, start) = (Duration::from_secs(1), Instant::now());
    /// # let mut heartbeat = Heartbeat::new(Some(20 * second), 10 * second, start, fastrand::Rng::new());
    /// let Beat::Ping(payload) = heartbeat.beat(start + 20 * second) else { panic!("one is due") };
    /// heartbeat.ping_taken(start + 20 * second);
    /// assert_eq!(heartbeat.pong(&payload, start + 21 * second), Some(second));
    /// ```
    pub fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        self.alive();
        if payload != payload_of(self.sequence) {
            return None;
        }
        let taken_at = self.taken_at.take()?;
        Some(now.saturating_duration_since(taken_at))
    }

    /// Reading is paused: what the peer sends cannot be seen, so its time stands still.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use holdline::heartbeat::{Beat, Heartbeat};
    /// # let (second, start) = (Duration::from_secs(1), Instant::now());
    /// # let mut heartbeat = Heartbeat::new(Some(20 * second), 10 * second, start, fastrand::Rng::new());
    /// heartbeat.ping_taken(start);
    /// heartbeat.pause(start + 9 * second);
    /// assert_ne!(heartbeat.beat(start + 60 * second), Beat::Dead);
    /// ```
    pub fn pause(&mut self, now: Instant) {
        self.paused = true;
        if let PongClock::Until(deadline) = self.pong {
            self.pong = PongClock::Held(deadline.saturating_duration_since(now));
        }
    }

    /// Reading goes on: the peer has what was left of its time at the pause.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use holdline::heartbeat::{Beat, Heartbeat};
    /// # let (second, start) = (Duration::from_secs(1), Instant::now());
    /// # let mut heartbeat = Heartbeat::new(Some(20 * second), 10 * second, start, fastrand::Rng::new());
    /// heartbeat.ping_taken(start);
    /// heartbeat.pause(start + 9 * second);
    /// heartbeat.resume(start + 60 * second);
    /// assert_ne!(heartbeat.beat(start + 60 * second), Beat::Dead);
    /// assert_eq!(heartbeat.beat(start + 61 * second), Beat::Dead);
    /// ```
    pub fn resume(&mut self, now: Instant) {
        self.paused = false;
        if let PongClock::Held(left) = self.pong {
            self.pong = PongClock::Until(now + left);
        }
    }

    /// What is due now. A ping that is given out is not due again; the next one is scheduled.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use holdline::heartbeat::{Beat, Heartbeat};
    /// # let (second, start) = (Duration::from_secs(1), Instant::now());
    /// # let mut heartbeat = Heartbeat::new(Some(20 * second), 10 * second, start, fastrand::Rng::new());
    /// assert!(matches!(heartbeat.beat(start + 20 * second), Beat::Ping(_)));
    /// assert_eq!(heartbeat.beat(start + 20 * second), Beat::Wait, "it was given out");
    /// ```
    pub fn beat(&mut self, now: Instant) -> Beat {
        if let PongClock::Until(deadline) = self.pong
            && now >= deadline
        {
            return Beat::Dead;
        }
        if self.ping_at.is_none_or(|due| now < due) {
            return Beat::Wait;
        }
        self.schedule(now);
        self.sequence = self.sequence.wrapping_add(1);
        self.taken_at = None;
        Beat::Ping(payload_of(self.sequence))
    }

    /// When to call [`beat`](Self::beat) next; `None`: not at all, as things are.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use holdline::heartbeat::{Beat, Heartbeat};
    /// # let (second, start) = (Duration::from_secs(1), Instant::now());
    /// # let mut heartbeat = Heartbeat::new(Some(20 * second), 10 * second, start, fastrand::Rng::new());
    /// heartbeat.ping_taken(start);
    /// assert_eq!(heartbeat.deadline(), Some(start + 10 * second));
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        match self.pong {
            PongClock::Until(deadline) => {
                Some(self.ping_at.map_or(deadline, |due| due.min(deadline)))
            }
            PongClock::Off | PongClock::Held(_) => self.ping_at,
        }
    }

    fn schedule(&mut self, now: Instant) {
        let Some(interval) = self.interval else { return };
        // What is left of a tenth is for the way to the step before.
        let jitter = (interval / 10).saturating_sub(interval / STEPS);
        let jitter = u64::try_from(jitter.as_nanos()).unwrap_or(u64::MAX);
        let due = now + interval - Duration::from_nanos(self.rng.u64(..=jitter));
        self.ping_at = Some(self.on_step(due));
    }

    /// The last common moment until `due`.
    fn on_step(&self, due: Instant) -> Instant {
        let step = self.interval.map_or(0, |interval| (interval / STEPS).as_nanos());
        match self.step_origin.and_then(|origin| due.checked_duration_since(origin)) {
            Some(since) if step > 0 => due - Duration::from_nanos((since.as_nanos() % step) as u64),
            _ => due,
        }
    }
}

fn payload_of(sequence: u32) -> [u8; 8] {
    std::array::from_fn(|digit| {
        let value = sequence >> (28 - 4 * digit) & 0xf;
        b"0123456789abcdef"[value as usize]
    })
}

#[cfg(test)]
mod tests;
