//! What waits to be sent: while there is no connection, or while its server is slow.
//! Leaves to `talk.rs`: when to send, and what to say when this is full.

use std::collections::VecDeque;

use super::order::Order;

/// As many orders wait at most.
pub(super) const ORDERS_MAX: usize = 100;
/// As many bytes, unless a single larger one waits alone.
const BYTES_MAX: usize = 1024 * 1024;

/// Orders in the order in which they were given.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    orders: VecDeque<Order>,
    bytes: usize,
}

impl Outgoing {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.orders.len()
    }

    /// The newest order.
    pub(super) fn last(&self) -> Option<&Order> {
        self.orders.back()
    }

    /// Takes an order.
    ///
    /// # Errors
    /// The order, when too much waits already.
    pub(super) fn push(&mut self, order: Order) -> Result<(), Order> {
        let bytes = self.bytes.saturating_add(order.len());
        if !self.is_empty() && (self.len() >= ORDERS_MAX || bytes > BYTES_MAX) {
            return Err(order);
        }
        self.bytes = bytes;
        self.orders.push_back(order);
        Ok(())
    }

    /// The oldest order, which no longer waits.
    pub(super) fn pop(&mut self) -> Option<Order> {
        let order = self.orders.pop_front()?;
        self.bytes -= order.len();
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn order(bytes: usize) -> Order {
        Order::Ping(Bytes::from(vec![0; bytes]))
    }

    #[test]
    fn orders_leave_as_they_came() {
        let mut outgoing = Outgoing::default();
        for bytes in 1..=3 {
            outgoing.push(order(bytes)).unwrap();
        }
        assert_eq!((outgoing.pop(), outgoing.pop()), (Some(order(1)), Some(order(2))));
        assert_eq!((outgoing.pop(), outgoing.pop()), (Some(order(3)), None));
    }

    #[test]
    fn neither_too_many_nor_too_large_ones_wait_and_room_comes_back() {
        let mut outgoing = Outgoing::default();
        for _ in 0..ORDERS_MAX {
            outgoing.push(order(0)).unwrap();
        }
        assert_eq!(outgoing.push(order(7)), Err(order(7)));
        outgoing.pop();
        outgoing.push(order(0)).unwrap();

        let mut outgoing = Outgoing::default();
        outgoing.push(order(5 * BYTES_MAX)).expect("a large one may wait alone");
        assert!(outgoing.push(order(1)).is_err());
        outgoing.pop();
        outgoing.push(order(BYTES_MAX)).unwrap();
        assert!(outgoing.push(order(1)).is_err());
    }
}
