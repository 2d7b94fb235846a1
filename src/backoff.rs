//! How long to wait before the next try: exponential backoff with full jitter; pure.
//! Leaves to the callers: what counts as a failure, and the clock.

use std::time::Duration;

use fastrand::Rng;

/// Waits that grow: the n-th is drawn evenly from 0 to `first` × 2ⁿ, at most `max`.
///
/// The jitter is full, because links that were lost together must not come back together: a
/// wait that is only a little uneven keeps the herd together ("Exponential Backoff And Jitter",
/// AWS Architecture Blog, 2015).
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    tries: u32,
    rng: Rng,
}

impl Backoff {
    /// Waits of up to `first` at the beginning and never more than `max`.
    pub fn new(first: Duration, max: Duration, rng: Rng) -> Self {
        Self { first, max, tries: 0, rng }
    }

    /// The next wait.
    pub fn wait(&mut self) -> Duration {
        let ceiling = self.first.saturating_mul(1 << self.tries.min(31)).min(self.max);
        self.tries = self.tries.saturating_add(1);
        self.part_of(ceiling)
    }

    /// A wait of at least `least`, for a server that asked for time; jittered above it by up to
    /// as much again (at most `max` more), so that those who were told the same do not return
    /// together. It counts as a try.
    pub fn wait_at_least(&mut self, least: Duration) -> Duration {
        let own = self.wait();
        own.max(least.saturating_add(self.part_of(least.min(self.max))))
    }

    /// How many waits were given since the last [`reset`](Self::reset).
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// Begins anew, after a success.
    pub fn reset(&mut self) {
        self.tries = 0;
    }

    fn part_of(&mut self, ceiling: Duration) -> Duration {
        Duration::from_nanos(self.rng.u64(..=u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(30);

    fn longest(tries: u32) -> Duration {
        let longest = (0..400).map(|seed| {
            let mut backoff = Backoff::new(FIRST, MAX, Rng::with_seed(seed));
            (0..tries).for_each(|_| _ = backoff.wait());
            backoff.wait()
        });
        longest.max().unwrap()
    }

    #[test]
    fn the_ceiling_doubles_up_to_its_maximum_and_the_whole_of_it_is_used() {
        for (tries, ceiling) in [(0, 100), (1, 200), (3, 800), (8, 25_600), (9, 30_000)] {
            let ceiling = Duration::from_millis(ceiling);
            let longest = longest(tries);
            assert!(longest <= ceiling && longest > ceiling * 9 / 10, "{tries}: {longest:?}");
        }
        assert!(longest(4_000) <= MAX, "a link that has tried for years goes on");
    }

    #[test]
    fn short_waits_are_as_likely_as_long_ones() {
        let mut backoff = Backoff::new(MAX, MAX, Rng::with_seed(7));
        let short = (0..1_000).filter(|_| backoff.wait() < MAX / 4).count();
        assert!((200..300).contains(&short), "a quarter of 1000 expected: {short}");
    }

    #[test]
    fn a_reset_begins_anew() {
        let mut backoff = Backoff::new(FIRST, MAX, Rng::with_seed(7));
        (0..20).for_each(|_| _ = backoff.wait());
        assert_eq!(backoff.tries(), 20);
        backoff.reset();
        assert!(backoff.wait() <= FIRST);
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_and_not_from_all_at_once() {
        let mut backoff = Backoff::new(FIRST, MAX, Rng::with_seed(7));
        let asked = Duration::from_secs(7);
        let waits: Vec<_> = (0..100)
            .map(|_| {
                backoff.reset();
                backoff.wait_at_least(asked)
            })
            .collect();
        assert!(waits.iter().all(|wait| (asked..=asked * 2).contains(wait)), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait > asked * 3 / 2), "{waits:?}");
        assert_eq!(backoff.tries(), 1);
    }
}
