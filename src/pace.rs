//! How many messages a second a peer may send; a pure token bucket over `Instant`.
//! Leaves to `connection.rs`: the clock, and what happens to who is too fast.

use std::time::Instant;

/// Pings and pongs that any peer may send in a second: the pongs that it owes us, and what keeps
/// its own heartbeat, may come together with others.
const CONTROL_FRAMES: u32 = 10;

/// A token bucket that holds one second's worth of messages.
#[derive(Debug)]
pub struct Pace {
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Pace {
    /// Allows `per_second` messages a second, and as many at once after a pause.
    pub fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, tokens: per_second, filled: now }
    }

    /// Allows as many pings and pongs as messages, and ten a second at least.
    pub fn of_control(per_second: u32, now: Instant) -> Self {
        Self::new(per_second.max(CONTROL_FRAMES), now)
    }

    /// Whether one more message is within the limit at `now`.
    pub fn allows(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.per_second);
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_heartbeat_is_within_every_limit() {
        let start = Instant::now();
        for (limit, allowed) in [(1, 10), (10, 10), (300, 300)] {
            let mut pace = Pace::of_control(limit, start);
            assert_eq!((0..1000).filter(|_| pace.allows(start)).count(), allowed);
        }
    }

    #[test]
    fn a_second_worth_may_come_at_once_and_then_at_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(10, start);
        assert!((0..10).all(|_| pace.allows(start)));
        assert!(!pace.allows(start));
        assert!(pace.allows(start + Duration::from_millis(100)));
        assert!(!pace.allows(start + Duration::from_millis(150)));
        let later = start + Duration::from_secs(60);
        assert_eq!((0..100).filter(|_| pace.allows(later)).count(), 10);
    }
}
