//! Every cause of an end by its name: who ended it, why, and what to do about it.
//! Leaves to `verdict.rs`: which one it was; to `docs/ends.md`: what each looks like.

mod rows;

use std::fmt;

pub(super) use self::rows::Concern;
use self::rows::{ROWS, Row};

/// Why a connection ended, or a handshake was refused: the labels of
/// [`Disconnect`](crate::disconnect::Disconnect), and what only a gateway's logs can tell.
///
/// `peer_gone` is left where TCP ended without a close frame and no log says more.
///
/// What each looks like, and what to do about it, is in `docs/ends.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is explained once, in its row below")]
pub enum Cause {
    PeerClosed,
    PeerGone,
    NoPong,
    WriteTimeout,
    Slow,
    TooBig,
    BadData,
    ProtocolError,
    RateLimited,
    MessageTimeout,
    InternalError,
    Kicked,
    CallbackClosed,
    CallbackFailed,
    Drain,
    ClientHungUp,
    GatewayReadTimeout,
    GatewaySendTimeout,
    GatewayReload,
    GatewayStopped,
    GatewayKilled,
    BackendClosed,
    BackendReset,
    RefusedByBackend,
    RefusedByGateway,
    RefusedByLimit,
    NoBackend,
    BackendSilent,
    ClientGaveUp,
    StillOpen,
    NotAWebsocket,
    Unknown,
}

impl Cause {
    /// Every cause, in the order of the documentation.
    ///
    /// ```
    /// use holdline::{disconnect::Disconnect, why::Cause};
    ///
    /// let names: Vec<_> = Cause::all().map(Cause::name).collect();
    /// assert!(names.starts_with(&Disconnect::LABELS));
    /// assert!(names.contains(&"gateway_read_timeout"));
    /// ```
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.cause)
    }

    /// Its name: what `docs/ends.md` calls its row.
    ///
    /// ```
    /// use holdline::why::Cause;
    ///
    /// assert!(Cause::all().all(|cause| cause.name().is_ascii()));
    /// ```
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The cause of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::all().find(|cause| cause.name() == name)
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Who ended it.
    pub(super) fn who(self) -> &'static str {
        self.row().who
    }

    /// Why, as the rest of a sentence.
    pub(super) fn why(self) -> &'static str {
        self.row().why
    }

    /// What to do.
    pub(super) fn advice(self) -> &'static str {
        self.row().advice
    }

    pub(super) fn concern(self) -> Concern {
        self.row().concern
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disconnect::Disconnect;

    #[test]
    fn every_cause_has_a_name_of_its_own_and_the_labels_come_first() {
        let names: Vec<_> = Cause::all().map(Cause::name).collect();
        assert_eq!(names[..Disconnect::LABELS.len()], Disconnect::LABELS);
        for cause in Cause::all() {
            assert_eq!((Cause::named(cause.name()), cause.row().cause), (Some(cause), cause));
        }
    }
}
