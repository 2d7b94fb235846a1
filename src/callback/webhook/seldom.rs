//! What would be said too often: said at once, and then once in a while, with how often it was so.
//! Leaves to whoever asks: the words.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The shortest time between two lines about the same thing.
const PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// It happened again, `now`. How often since it was last said, if it is to be said now.
    pub(super) fn count(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, unsaid) = &mut *state;
        *unsaid += 1;
        if said.is_some_and(|said| now < said + PAUSE) {
            return None;
        }
        *said = Some(now);
        Some(std::mem::take(unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_said_at_once_and_the_others_are_summed_up() {
        let (seldom, now) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.count(now), Some(1));
        assert_eq!(seldom.count(now + Duration::from_secs(1)), None);
        assert_eq!(seldom.count(now + Duration::from_secs(9)), None);
        assert_eq!(seldom.count(now + PAUSE), Some(3));
        assert_eq!(seldom.count(now + PAUSE), None);
    }
}
