//! What all outboxes of one hub shard hold together, a shared frame counted once.
//! Leaves to `hub.rs`: who has to go when it is too much.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;

/// The bytes that queued frames of one shard occupy, against the shard's part of
/// `limits.outbox_bytes_total`.
#[derive(Debug)]
pub struct Budget {
    /// Written by the shard's own thread only, read by whoever renders metrics: loads and
    /// stores suffice, and cost what a plain integer costs.
    used: Arc<AtomicUsize>,
    max: usize,
}

impl Budget {
    /// A budget of `max` bytes whose use can be read elsewhere through `used`.
    pub fn new(max: usize, used: Arc<AtomicUsize>) -> Rc<Self> {
        Rc::new(Self { used, max })
    }

    /// Bytes held now by frames that somebody still queues.
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// Whether the shard holds more than it may.
    pub fn is_exceeded(&self) -> bool {
        self.used() > self.max
    }
}

/// An encoded frame that is charged to a budget once, however many outboxes queue it.
#[derive(Debug)]
pub struct Charged {
    bytes: Bytes,
    budget: Rc<Budget>,
}

impl Charged {
    /// Charges `bytes` until the last clone of the result is gone.
    pub fn new(bytes: Bytes, budget: &Rc<Budget>) -> Rc<Self> {
        budget.used.store(budget.used() + bytes.len(), Relaxed);
        Rc::new(Self { bytes, budget: Rc::clone(budget) })
    }

    /// The encoded frame.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The encoded frame, given up by one of those who queued it. The last one gets it as it is:
    /// sharing what nobody else has would cost an allocation.
    pub fn into_bytes(mut this: Rc<Self>) -> Bytes {
        match Rc::get_mut(&mut this) {
            Some(last) => {
                last.give_back();
                std::mem::take(&mut last.bytes)
            }
            None => this.bytes.clone(),
        }
    }

    fn give_back(&self) {
        self.budget.used.store(self.budget.used() - self.bytes.len(), Relaxed);
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_shared_by_many_is_charged_once_and_given_back_with_the_last() {
        let budget = Budget::new(10, Arc::default());
        let frame = Charged::new(Bytes::from_static(b"12345678"), &budget);
        let copies = vec![Rc::clone(&frame); 1000];
        assert_eq!((budget.used(), budget.is_exceeded()), (8, false));
        let other = Charged::new(Bytes::from_static(b"123"), &budget);
        assert!(budget.is_exceeded());
        drop((frame, other));
        assert_eq!(budget.used(), 8);
        let bytes = copies.into_iter().map(Charged::into_bytes);
        assert!(bytes.eq(std::iter::repeat_n(&b"12345678"[..], 1000)));
        assert_eq!(budget.used(), 0);
    }
}
