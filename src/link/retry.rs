//! What to do after a loss: at once, after a wait, or never; pure.
//! Leaves to `supervisor.rs`: the clock, and doing it.

use std::time::Duration;

use fastrand::Rng;

use crate::{
    backoff::Backoff,
    dial::{End, Refusal},
};

/// The longest that a server's `Retry-After` is obeyed: a mistake there must not part us for days.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// How patient a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The first wait is drawn from 0 to this; each further one from 0 to twice as much.
    pub backoff_first: Duration,
    /// No wait is drawn from more than this.
    pub backoff_max: Duration,
    /// A connection that lived this long was a good one: after its loss all begins anew.
    pub stable_after: Duration,
    /// The least wait after 1013 (try again later), and after 503 or 429 without `Retry-After`.
    pub busy_wait: Duration,
}

impl Default for Patience {
    /// 500 ms, 30 s, 10 s, 5 s.
    fn default() -> Self {
        Self {
            backoff_first: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            stable_after: Duration::from_secs(10),
            busy_wait: Duration::from_secs(5),
        }
    }
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Now: the connection had been good, and what ended it is over as a rule.
    AtOnce,
    /// After this wait.
    Wait(Duration),
    /// Not by ourselves: the server knows us and does not want us.
    Never,
}

/// Remembers how it went, and says when to try again.
#[derive(Clone, Debug)]
pub struct Retry {
    patience: Patience,
    backoff: Backoff,
}

impl Retry {
    /// As patient as told; `rng` draws the waits.
    ///
    /// ```
    /// use holdline::link::{Patience, Retry};
    ///
    /// let retry = Retry::new(Patience::default(), fastrand::Rng::new());
    /// assert_eq!(retry.tries(), 0);
    /// ```
    pub fn new(patience: Patience, rng: Rng) -> Self {
        let backoff = Backoff::new(patience.backoff_first, patience.backoff_max, rng);
        Self { patience, backoff }
    }

    /// After the end of a connection that had lived this long.
    ///
    /// Never after 1008 (policy violation); slower after 1013 (try again later); at once after
    /// the first loss of a long-lived connection, whatever else ended it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use holdline::{dial::End, link::{Next, Patience, Retry}};
    /// # let mut retry = Retry::new(Patience::default(), fastrand::Rng::new());
    /// let day = Duration::from_secs(86_400);
    /// assert_eq!(retry.after_end(&End::Fin, day), Next::AtOnce);
    /// assert_eq!(retry.after_end(&End::ClosedByServer(1008, "no".into()), day), Next::Never);
    /// ```
    pub fn after_end(&mut self, end: &End, lived: Duration) -> Next {
        let good = lived >= self.patience.stable_after;
        if good {
            self.backoff.reset();
        }
        match end {
            End::ClosedByServer(1008, _) => Next::Never,
            End::ClosedByServer(1013, _) => self.slowly(None),
            _ if good => Next::AtOnce,
            _ => Next::Wait(self.backoff.wait()),
        }
    }

    /// After a try that opened nothing.
    ///
    /// Never after 401 and 403; as slowly as `Retry-After` says after 503 and 429.
    ///
    /// ```
    /// # use holdline::{dial::End, link::{Next, Patience, Retry}};
    /// # let mut retry = Retry::new(Patience::default(), fastrand::Rng::new());
    /// use holdline::dial::{Answer, Refusal};
    ///
    /// let refusal = Refusal::Status(Answer { status: 403, ..Answer::default() });
    /// assert_eq!(retry.after_refusal(&refusal), Next::Never);
    /// ```
    pub fn after_refusal(&mut self, refusal: &Refusal) -> Next {
        match refusal {
            Refusal::Status(answer) => match answer.status {
                401 | 403 => Next::Never,
                429 | 503 => self.slowly(answer.retry_after()),
                _ => Next::Wait(self.backoff.wait()),
            },
            _ => Next::Wait(self.backoff.wait()),
        }
    }

    /// Begins anew, when told to try from outside.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use holdline::{dial::End, link::{Next, Patience, Retry}};
    /// # let mut retry = Retry::new(Patience::default(), fastrand::Rng::new());
    /// retry.after_end(&End::Fin, Duration::ZERO);
    /// retry.reset();
    /// assert_eq!(retry.tries(), 0);
    /// ```
    pub fn reset(&mut self) {
        self.backoff.reset();
    }

    /// Waits given since the last good connection.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use holdline::{dial::End, link::{Next, Patience, Retry}};
    /// # let mut retry = Retry::new(Patience::default(), fastrand::Rng::new());
    /// retry.after_end(&End::Fin, Duration::ZERO);
    /// assert_eq!(retry.tries(), 1);
    /// ```
    pub fn tries(&self) -> u32 {
        self.backoff.tries()
    }

    fn slowly(&mut self, asked: Option<Duration>) -> Next {
        let least = asked.unwrap_or(self.patience.busy_wait).min(RETRY_AFTER_MAX);
        Next::Wait(self.backoff.wait_at_least(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dial::Answer;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(20);

    fn retry() -> Retry {
        Retry::new(Patience::default(), Rng::with_seed(7))
    }

    fn closed(code: u16) -> End {
        End::ClosedByServer(code, String::new())
    }

    fn status(status: u16, retry_after: Option<&str>) -> Refusal {
        let headers = retry_after.map(|value| ("retry-after".to_owned(), value.to_owned()));
        let headers = headers.into_iter().collect();
        Refusal::Status(Answer { status, headers, body: String::new() })
    }

    fn wait(next: Next) -> Duration {
        match next {
            Next::Wait(wait) => wait,
            other => panic!("a wait was due, not {other:?}"),
        }
    }

    #[test]
    fn a_long_lived_connection_is_replaced_at_once_but_only_the_first_time() {
        for end in [End::Fin, End::Reset, End::NoPong(SHORT), closed(1000), closed(1012)] {
            let mut retry = retry();
            let just = Patience::default().stable_after;
            assert_eq!(retry.after_end(&end, just), Next::AtOnce, "{end}");
            wait(retry.after_end(&end, SHORT));
            assert_eq!(retry.tries(), 1);
        }
    }

    #[test]
    fn a_flapping_server_is_tried_less_and_less_often() {
        let mut retry = retry();
        let longest = (0..60).map(|_| wait(retry.after_end(&End::Reset, SHORT))).max().unwrap();
        assert!(longest > Duration::from_secs(20) && longest <= Duration::from_secs(30));
        assert_eq!(retry.tries(), 60);
        // A connection that was good for once wipes the slate clean.
        assert_eq!(retry.after_end(&End::Reset, LONG), Next::AtOnce);
        assert!(wait(retry.after_end(&End::Reset, SHORT)) <= Duration::from_millis(500));
    }

    #[test]
    fn a_server_that_does_not_want_us_is_left_alone() {
        assert_eq!(retry().after_end(&closed(1008), LONG), Next::Never);
        assert_eq!(retry().after_refusal(&status(401, None)), Next::Never);
        assert_eq!(retry().after_refusal(&status(403, None)), Next::Never);
        wait(retry().after_refusal(&status(404, None)));
    }

    #[test]
    fn a_busy_server_gets_the_time_that_it_asks_for() {
        let seconds = Duration::from_secs;
        assert!(wait(retry().after_end(&closed(1013), LONG)) >= seconds(5));
        assert!(wait(retry().after_refusal(&status(503, Some("17")))) >= seconds(17));
        assert!(wait(retry().after_refusal(&status(429, None))) >= seconds(5));
        let days = wait(retry().after_refusal(&status(503, Some("999999"))));
        assert!((seconds(300)..=seconds(330)).contains(&days), "{days:?}");
    }
}
