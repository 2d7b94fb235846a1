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
