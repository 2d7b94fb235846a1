//! What a plain server writes down about those who come to it.
//! Serving them is the plain server's business.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One connection, as its server saw it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The head of the request.
    pub head: String,
    /// Every byte after it.
    pub bytes: Vec<u8>,
    /// The frames that they made, but for closes.
    pub frames: Vec<(u8, Vec<u8>)>,
    /// The code of the far end's close frame, 1005 for none.
    pub closed: Option<u16>,
    /// Whether it was the server that ended it.
    pub cut: bool,
    /// Whether it is over.
    pub over: bool,
}

/// What a server has written down.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Every connection that was upgraded, in the order of coming.
    pub seen: Vec<Seen>,
    /// How many there are now.
    pub live: usize,
    /// How many there were at most.
    pub most: usize,
}

/// A book with many writers.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Book>>);

impl Shared {
    /// What is in it by now.
    pub fn book(&self) -> Book {
        self.lock().clone()
    }

    /// Writes down a newcomer, and tells its number; none when it would be more than `most` at a
    /// time.
    pub fn comes(&self, most: Option<usize>, head: String, bytes: &[u8]) -> Option<usize> {
        let mut book = self.lock();
        if most.is_some_and(|most| book.live >= most) {
            return None;
        }
        book.seen.push(Seen { head, bytes: bytes.to_vec(), ..Seen::default() });
        book.live += 1;
        book.most = book.most.max(book.live);
        Some(book.seen.len() - 1)
    }

    /// Writes something down about this one.
    pub fn note(&self, number: usize, note: impl FnOnce(&mut Seen)) {
        note(&mut self.lock().seen[number]);
    }

    /// This one is gone.
    pub fn goes(&self, number: usize) {
        let mut book = self.lock();
        book.seen[number].over = true;
        book.live -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
