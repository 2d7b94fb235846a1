//! Checks a text while it arrives, and fails at its first impossible byte.
//! Leaves to `message.rs`: which messages are text.

use std::str;

use super::observed::Fault;

/// How far a growing text is known to be UTF-8.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    /// Everything before this index is whole characters; at most three bytes are behind it.
    valid_upto: usize,
}

impl Utf8 {
    /// Looks at what `text` has more than at the last call.
    pub(super) fn check(&mut self, text: &[u8]) -> Result<(), Fault> {
        match str::from_utf8(&text[self.valid_upto..]) {
            Ok(_) => self.valid_upto = text.len(),
            // A character that is cut off can still become whole, an impossible one cannot.
            Err(error) if error.error_len().is_none() => self.valid_upto += error.valid_up_to(),
            Err(_) => return Err(Fault::BadData),
        }
        Ok(())
    }
}
