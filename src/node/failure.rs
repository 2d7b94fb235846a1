//! Why a node could not do what it was asked for.
//! Leaves to `control.rs`: how that is answered over HTTP.

use std::fmt;

use crate::hub::{Busy, Late};

/// Why a node could not do what it was asked for, or cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A worker's queue is full (`limits.mailbox_bytes_max`): nothing was done, try again a little
    /// later.
    Busy,
    /// A worker did not reply within `server.stall_timeout`. What it was asked for stands in its
    /// queue and may still be done.
    Late,
    /// There is no such connection, or it has ended.
    NoConnection,
    /// There is no such room: it has no members.
    NoRoom,
    /// A page was to begin behind a connection of another node, or of this one before it was
    /// restarted: begin again.
    Stale,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => return fmt::Display::fmt(&Busy, f),
            Self::Late => "a worker did not reply in time (server.stall_timeout)",
            Self::NoConnection => "there is no such connection, or it has ended",
            Self::NoRoom => "there is no such room: it has no members",
            Self::Stale => {
                "the page was to begin behind a connection of another node, or of this one before \
                 it was restarted"
            }
        })
    }
}

impl std::error::Error for Failure {}

impl From<Busy> for Failure {
    fn from(Busy: Busy) -> Self {
        Self::Busy
    }
}

impl From<Late> for Failure {
    fn from(Late: Late) -> Self {
        Self::Late
    }
}
