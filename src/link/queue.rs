//! The orders that wait to be sent: bounded in number and bytes, each up to its deadline.
//! Leaves to `exchange.rs`: sending them.

use std::{collections::VecDeque, time::Instant};

use super::{
    Failure, Loss,
    board::Board,
    order::{Order, Wanted},
};

/// Orders in the order in which they came.
#[derive(Debug)]
pub(super) struct Queue {
    orders: VecDeque<Order>,
    bytes: usize,
    max: usize,
    bytes_max: usize,
    /// No order's deadline is before this. It may be too early, never too late.
    earliest: Option<Instant>,
    board: Board,
}

impl Queue {
    pub(super) fn new(max: usize, bytes_max: usize, board: Board) -> Self {
        Self { orders: VecDeque::new(), bytes: 0, max, bytes_max, earliest: None, board }
    }

    /// Takes an order in, or tells its caller that there is no room.
    pub(super) fn push(&mut self, order: Order) {
        if self.is_full_for(&order) {
            // Room that is held for nobody is given up first.
            self.drop_abandoned();
        }
        if self.is_full_for(&order) {
            self.board.failed(order.wanted, Failure::QueueFull(self.max));
            return;
        }
        self.bytes += order.message.len();
        let deadline = order.deadline();
        self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        self.orders.push_back(order);
        self.told();
    }

    /// The next order that somebody still waits for; with `replies` false only if it wants none.
    pub(super) fn pop(&mut self, replies: bool) -> Option<Order> {
        loop {
            let next = self.orders.front()?;
            let abandoned = next.is_abandoned();
            if !abandoned && !replies && matches!(next.wanted, Wanted::Reply(_)) {
                return None;
            }
            let order = self.orders.pop_front()?;
            self.bytes -= order.message.len();
            self.told();
            if !abandoned {
                return Some(order);
            }
        }
    }

    /// When to call [`expire`](Self::expire) next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.earliest
    }

    /// Fails the orders whose deadline has passed. `loss` is why they were not sent.
    pub(super) fn expire(&mut self, now: Instant, loss: Option<&Loss>) {
        if self.earliest.is_none_or(|earliest| now < earliest) {
            return;
        }
        let orders = std::mem::take(&mut self.orders);
        let (late, waiting): (VecDeque<_>, VecDeque<_>) =
            orders.into_iter().partition(|order| order.deadline() <= now);
        self.orders = waiting;
        self.recount();
        for order in late {
            let failure = Failure::NotSentInTime(order.limit, loss.cloned());
            self.board.failed(order.wanted, failure);
        }
    }

    /// Fails everything that waits.
    pub(super) fn fail_all(&mut self, failure: &Failure) {
        for order in std::mem::take(&mut self.orders) {
            self.board.failed(order.wanted, failure.clone());
        }
        self.recount();
    }

    fn is_full_for(&self, order: &Order) -> bool {
        let bytes = self.bytes + order.message.len();
        // A single message of any allowed size finds room in an empty queue.
        self.orders.len() >= self.max || (bytes > self.bytes_max && !self.orders.is_empty())
    }

    fn drop_abandoned(&mut self) {
        self.orders.retain(|order| !order.is_abandoned());
        self.recount();
    }

    fn recount(&mut self) {
        self.bytes = self.orders.iter().map(|order| order.message.len()).sum();
        self.earliest = self.orders.iter().map(Order::deadline).min();
        self.told();
    }

    fn told(&self) {
        self.board.queued(self.orders.len());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;
    use crate::message::Message;

    type Told = oneshot::Receiver<Result<Message, Failure>>;

    fn queue(max: usize, bytes_max: usize) -> Queue {
        Queue::new(max, bytes_max, Board::new(None).0)
    }

    fn order(text: &str, limit: Duration) -> (Order, Told) {
        let (reply, told) = oneshot::channel();
        let (message, began) = (Message::from(text), Instant::now());
        (Order { message, began, limit, wanted: Wanted::Reply(reply) }, told)
    }

    fn push(queue: &mut Queue, text: &str) -> Told {
        let (order, told) = order(text, Duration::from_secs(60));
        queue.push(order);
        told
    }

    fn popped(queue: &mut Queue) -> Option<Message> {
        queue.pop(true).map(|order| order.message)
    }

    #[test]
    fn orders_leave_in_the_order_in_which_they_came() {
        let mut queue = queue(8, 100);
        let _told: Vec<_> = ["a", "b", "c"].map(|text| push(&mut queue, text)).into();
        for text in ["a", "b", "c"] {
            assert_eq!(popped(&mut queue), Some(text.into()));
        }
        assert_eq!(popped(&mut queue), None);
    }

    #[test]
    fn over_either_limit_the_newcomer_is_told_and_nobody_else_notices() {
        for (max, bytes_max) in [(2, 100), (8, 9), (8, 8)] {
            let mut queue = queue(max, bytes_max);
            let mut first = push(&mut queue, "1234");
            let mut second = push(&mut queue, "1234");
            let mut third = push(&mut queue, "1234");
            assert_eq!(third.try_recv(), Ok(Err(Failure::QueueFull(max))));
            assert!(first.try_recv().is_err() && second.try_recv().is_err(), "still waiting");
            assert_eq!(popped(&mut queue), Some("1234".into()));
            let mut fourth = push(&mut queue, "1234");
            assert!(fourth.try_recv().is_err(), "there is room again");
        }
    }

    #[test]
    fn a_message_larger_than_all_the_room_passes_alone() {
        let mut queue = queue(8, 4);
        let _told = push(&mut queue, "123456");
        assert_eq!(popped(&mut queue), Some("123456".into()));
    }

    #[test]
    fn whoever_no_longer_waits_holds_no_place_and_is_not_sent() {
        let mut queue = queue(2, 100);
        drop((push(&mut queue, "a"), push(&mut queue, "b")));
        let mut told = push(&mut queue, "c");
        assert!(told.try_recv().is_err(), "there was room");
        assert_eq!(popped(&mut queue), Some("c".into()));
    }

    #[test]
    fn without_room_for_replies_only_what_wants_none_leaves() {
        let mut queue = queue(8, 100);
        let (sent, _told) = oneshot::channel();
        let (first, _first) = order("a", Duration::from_secs(60));
        queue.push(Order { wanted: Wanted::Sent(sent), ..first });
        let _second = push(&mut queue, "b");
        assert_eq!(queue.pop(false).map(|order| order.message), Some("a".into()));
        assert!(queue.pop(false).is_none());
        assert_eq!(popped(&mut queue), Some("b".into()));
    }

    #[test]
    fn who_is_late_is_told_why_and_the_others_wait_on() {
        let mut queue = queue(8, 100);
        let (soon, mut told) = order("soon", Duration::from_millis(5));
        let mut later = push(&mut queue, "later");
        let now = soon.began;
        queue.push(soon);
        queue.expire(now, None);
        assert!(told.try_recv().is_err(), "its time is not over");
        let loss = Loss::Ended(crate::dial::End::Fin);
        assert_eq!(queue.deadline(), Some(now + Duration::from_millis(5)));
        queue.expire(now + Duration::from_millis(10), Some(&loss));
        let failure = Failure::NotSentInTime(Duration::from_millis(5), Some(loss));
        assert_eq!(told.try_recv(), Ok(Err(failure)));
        assert!(later.try_recv().is_err());
        assert_eq!(popped(&mut queue), Some("later".into()));
    }
}
