//! One connection's timer.
//! Leaves to `connection.rs`: what is due.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use actix_rt::time::{Sleep, sleep_until};

/// One timer for all of a connection's deadlines. By itself it is only ever set earlier: a deadline
/// that has moved away costs one vain wake-up, not a timer operation per message.
#[derive(Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    set_to: Option<Instant>,
}

impl Alarm {
    /// Has the next poll set it to whatever the deadline is then, be it later.
    pub(super) fn forget(&mut self) {
        self.set_to = None;
    }

    pub(super) fn poll(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(deadline) = deadline
            && self.set_to.is_none_or(|set_to| deadline < set_to)
        {
            self.set_to = Some(deadline);
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(deadline.into()),
                None => self.sleep = Some(Box::pin(sleep_until(deadline.into()))),
            }
        }
        match &mut self.sleep {
            Some(sleep) if self.set_to.is_some() => {
                ready!(sleep.as_mut().poll(cx));
                self.set_to = None;
                Poll::Ready(())
            }
            _ => Poll::Pending,
        }
    }
}
