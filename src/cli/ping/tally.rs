//! Which pings are out, which pong answers which, and what the round trips were like; pure.
//! Leaves to `watch.rs`: the clock and the connection.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use hdrhistogram::{CreationError, Histogram};

/// Longer round trips are counted as this long by the percentile, and only there.
const PERCENTILE_MAX: Duration = Duration::from_secs(3600);

/// The account of one run. Its size depends on the pings that are out, not on those answered.
#[derive(Debug)]
pub(super) struct Tally {
    /// What our payloads begin with, so that no pong is taken for an answer by chance.
    token: u64,
    sent: u64,
    /// Number and departure of each unanswered ping, the oldest first.
    out: VecDeque<(u64, Instant)>,
    pongs: u64,
    passed_over: u64,
    duplicates: u64,
    strange: u64,
    min: Duration,
    max: Duration,
    sum: Duration,
    /// In microseconds, to three digits.
    histogram: Histogram<u64>,
}

/// What a pong turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pong {
    /// The answer to the ping of this number, after this time. So many older pings are answered
    /// with it: a server may answer the latest of several only (RFC 6455 section 5.5.3).
    Answer(u64, Duration, u64),
    /// Another answer to a ping that was answered already.
    Duplicate(u64),
    /// The answer to nothing of ours.
    Strange,
}

/// The round trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trips {
    pub(super) min: Duration,
    pub(super) avg: Duration,
    pub(super) max: Duration,
    /// To three digits.
    pub(super) p99: Duration,
}

impl Tally {
    /// An empty account.
    ///
    /// # Errors
    /// Never: the bounds of the histogram are constants, and good.
    pub(super) fn new(token: u64) -> Result<Self, CreationError> {
        let max = u64::try_from(PERCENTILE_MAX.as_micros()).unwrap_or(u64::MAX);
        Ok(Self {
            token,
            sent: 0,
            out: VecDeque::new(),
            pongs: 0,
            passed_over: 0,
            duplicates: 0,
            strange: 0,
            min: Duration::MAX,
            max: Duration::ZERO,
            sum: Duration::ZERO,
            histogram: Histogram::new_with_bounds(1, max, 3)?,
        })
    }

    /// Counts a ping that leaves now, and gives its payload.
    pub(super) fn ping(&mut self, now: Instant) -> Vec<u8> {
        self.sent += 1;
        self.out.push_back((self.sent, now));
        format!("holdline ping {:016x} {}", self.token, self.sent).into_bytes()
    }

    /// Counts a pong.
    pub(super) fn pong(&mut self, payload: &[u8], now: Instant) -> Pong {
        let Some(number) = self.number(payload) else {
            self.strange += 1;
            return Pong::Strange;
        };
        let Some(at) = self.out.iter().position(|(out, _)| *out == number) else {
            self.duplicates += 1;
            return Pong::Duplicate(number);
        };
        let passed_over = at as u64;
        let departure = self.out.drain(..=at).next_back().map_or(now, |(_, departure)| departure);
        let trip = now.saturating_duration_since(departure);
        self.pongs += 1;
        self.passed_over += passed_over;
        self.min = self.min.min(trip);
        self.max = self.max.max(trip);
        self.sum += trip;
        let micros = trip.saturating_add(Duration::from_nanos(500)).as_micros();
        self.histogram.saturating_record(u64::try_from(micros).unwrap_or(u64::MAX).max(1));
        Pong::Answer(number, trip, passed_over)
    }

    /// When the oldest unanswered ping left.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.out.front().map(|(_, departure)| *departure)
    }

    /// Pings sent.
    pub(super) fn pings(&self) -> u64 {
        self.sent
    }

    /// Pings answered by a pong of their own.
    pub(super) fn pongs(&self) -> u64 {
        self.pongs
    }

    /// Pings answered together with a later one.
    pub(super) fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// Pongs that answered a ping once more.
    pub(super) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Pongs that answered nothing of ours.
    pub(super) fn strange(&self) -> u64 {
        self.strange
    }

    /// Pings that are unanswered.
    pub(super) fn out(&self) -> u64 {
        self.out.len() as u64
    }

    /// The round trips, if there were any.
    pub(super) fn trips(&self) -> Option<Trips> {
        if self.pongs == 0 {
            return None;
        }
        let avg = self.sum.as_secs_f64() / self.pongs as f64;
        let p99 = Duration::from_micros(self.histogram.value_at_quantile(0.99));
        Some(Trips {
            min: self.min,
            avg: Duration::try_from_secs_f64(avg).unwrap_or(self.max),
            max: self.max,
            p99: p99.clamp(self.min, self.max),
        })
    }

    fn number(&self, payload: &[u8]) -> Option<u64> {
        let text = std::str::from_utf8(payload).ok()?.strip_prefix("holdline ping ")?;
        let (token, number) = text.split_once(' ')?;
        let token = u64::from_str_radix(token, 16).ok()?;
        let number = number.parse().ok()?;
        (token == self.token && (1..=self.sent).contains(&number)).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn tally() -> (Tally, Instant) {
        (Tally::new(7).unwrap(), Instant::now())
    }

    #[test]
    fn a_pong_answers_the_ping_with_its_payload() {
        let (mut tally, now) = tally();
        let first = tally.ping(now);
        let second = tally.ping(now + 10 * MS);
        assert_eq!(tally.pong(&first, now + 15 * MS), Pong::Answer(1, 15 * MS, 0));
        assert_eq!(tally.oldest(), Some(now + 10 * MS));
        assert_eq!(tally.pong(&second, now + 15 * MS), Pong::Answer(2, 5 * MS, 0));
        assert_eq!((tally.oldest(), tally.pings(), tally.pongs()), (None, 2, 2));
    }

    #[test]
    fn a_server_that_answers_only_the_latest_ping_has_lost_none() {
        let (mut tally, now) = tally();
        let pings: Vec<_> = (0..4).map(|number| tally.ping(now + number * MS)).collect();
        assert_eq!(tally.pong(&pings[2], now + 9 * MS), Pong::Answer(3, 7 * MS, 2));
        assert_eq!((tally.pongs(), tally.passed_over(), tally.out()), (1, 2, 1));
        assert_eq!(tally.oldest(), Some(now + 3 * MS));
    }

    #[test]
    fn pongs_that_answer_nothing_are_no_sign_of_an_answer() {
        let (mut tally, now) = tally();
        let ping = tally.ping(now);
        let mut other = Tally::new(8).unwrap();
        let foreign = other.ping(now);
        for payload in [&b""[..], b"holdline ping", b"\xff", &foreign, &ping[..ping.len() - 1]] {
            assert_eq!(tally.pong(payload, now), Pong::Strange);
        }
        let future = String::from_utf8(ping.clone()).unwrap().replace(" 1", " 2");
        assert_eq!(tally.pong(future.as_bytes(), now), Pong::Strange);
        assert_eq!((tally.oldest(), tally.strange(), tally.pongs()), (Some(now), 6, 0));
        tally.pong(&ping, now);
        assert_eq!(tally.pong(&ping, now), Pong::Duplicate(1));
        assert_eq!((tally.duplicates(), tally.pongs()), (1, 1));
    }

    #[test]
    fn round_trips_are_summed_up_without_keeping_them() {
        let (mut tally, now) = tally();
        assert_eq!(tally.trips(), None);
        for number in 1..=1000 {
            let ping = tally.ping(now);
            tally.pong(&ping, now + number * MS);
        }
        let trips = tally.trips().unwrap();
        assert_eq!((trips.min, trips.max), (MS, 1000 * MS));
        assert!(trips.avg.abs_diff(Duration::from_micros(500_500)) < MS / 1000, "{trips:?}");
        assert!(trips.p99.abs_diff(990 * MS) <= MS, "to three digits: {trips:?}");
        assert_eq!(tally.out.len(), 0);
    }

    #[test]
    fn one_round_trip_is_all_four() {
        let (mut tally, now) = tally();
        let ping = tally.ping(now);
        tally.pong(&ping, now + 12_345 * MS / 1000);
        let trip = 12_345 * MS / 1000;
        assert_eq!(tally.trips(), Some(Trips { min: trip, avg: trip, max: trip, p99: trip }));
    }
}
