//! All that is known of one connection, from whichever logs there are.
//! Leaves to `verdict.rs`: what follows from it.

use std::net::IpAddr;

use super::{
    access::Access,
    cause::Cause,
    error::{Fault, Kind},
    moment::{Moment, SECOND},
    own::Own,
};

/// How far two logs' accounts of one moment may lie apart: nginx writes whole seconds, and an end
/// takes its time from one side of a gateway to the other.
pub(super) const SLACK: i64 = 2 * SECOND;

/// How far a gateway's own end may lie from that of its connections, which a busy machine sees late.
const GATEWAY_SLACK: i64 = 5 * SECOND;

/// Which logs there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) own: bool,
    pub(super) access: bool,
    pub(super) error: bool,
    /// Whether the error log has a line at `info`; without, nginx may have kept cuts to itself.
    pub(super) info: bool,
}

/// Our line at a connection's open.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) peer: Option<IpAddr>,
    pub(super) route: Box<str>,
}

impl Opened {
    pub(super) fn of(own: &Own) -> Self {
        let peer = own.get("peer").and_then(|peer| peer.parse().ok());
        Self { peer, route: own.get("route").unwrap_or_default().into() }
    }
}

/// Our line at its end.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) time: Moment,
    /// A label of a later version is better named as it is not than wrongly: `unknown`.
    pub(super) cause: Cause,
    pub(super) code: Option<u16>,
    pub(super) age: Option<i64>,
}

impl Ended {
    pub(super) fn of(own: &Own) -> Self {
        Self {
            time: own.time,
            cause: own.get("reason").and_then(Cause::named).unwrap_or(Cause::Unknown),
            code: own.get("code").and_then(|code| code.parse().ok()),
            age: own.age(),
        }
    }
}

/// What the logs say of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    pub(super) given: Given,
    pub(super) opened: Option<Opened>,
    pub(super) ended: Option<Ended>,
    /// Why we refused it, which we log at `debug` only.
    pub(super) refused: Option<String>,
    pub(super) access: Option<Access>,
    /// What nginx complained about.
    pub(super) faults: Vec<Fault>,
    /// What became of the gateway's processes while it lived.
    pub(super) around: Vec<Fault>,
    /// By how much the gateway's clock is ahead of UTC.
    pub(super) ahead: i64,
}

impl Evidence {
    pub(super) fn is_empty(&self) -> bool {
        let own = self.opened.is_some() || self.ended.is_some() || self.refused.is_some();
        !own && self.access.is_none()
    }

    /// When it ended.
    pub(super) fn end(&self) -> Option<Moment> {
        let own = self.ended.as_ref().map(|own| own.time);
        own.or_else(|| self.access.as_ref().map(|access| access.time))
    }

    /// How long it lived, in milliseconds.
    pub(super) fn life(&self) -> Option<i64> {
        let own = self.ended.as_ref().and_then(|ended| ended.age);
        own.or_else(|| self.access.as_ref()?.life)
    }

    /// Who was at its other end, as far as the gateway could tell.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        let own = || self.opened.as_ref()?.peer;
        self.access.as_ref().and_then(|access| access.peer).or_else(own)
    }

    pub(super) fn uri(&self) -> Option<&str> {
        let own = || self.opened.as_ref().map(|opened| &*opened.route);
        self.access.as_ref().and_then(|access| access.uri.as_deref()).or_else(own)
    }

    /// The first moment of the gateway's error log that may be about it.
    pub(super) fn first_moment(&self) -> Option<Moment> {
        // A line may claim any length.
        let begin = self.end()?.saturating_sub(self.life().unwrap_or(0));
        Some(begin.saturating_sub(SLACK).saturating_add(self.ahead))
    }

    /// Whether a moment of the gateway's error log lies within its life.
    pub(super) fn lived_at(&self, gateway: Moment) -> bool {
        let (Some(begin), Some(end)) = (self.first_moment(), self.end()) else { return false };
        (begin..=end + SLACK + self.ahead).contains(&gateway)
    }

    /// Whether this moment of the gateway's error log is that of its end.
    pub(super) fn ended_at(&self, gateway: Moment) -> bool {
        self.end().is_some_and(|end| (end - gateway + self.ahead).abs() <= SLACK)
    }

    /// Whether a line of the error log is about this connection: by its serial number, or else by
    /// what a line says of client, request and time.
    pub(super) fn is_about(&self, fault: &Fault) -> bool {
        let Some(serial) = fault.serial else { return false };
        match self.access.as_ref().and_then(|access| Some((access.serial?, access.worker))) {
            Some((mine, worker)) => {
                mine == serial
                    && worker.is_none_or(|worker| worker == fault.process)
                    && self.lived_at(fault.time)
            }
            None => {
                self.peer().is_some_and(|peer| fault.client == Some(peer))
                    && self.uri().is_some_and(|uri| fault.uri.as_deref() == Some(uri))
                    && self.ended_at(fault.time)
            }
        }
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.faults.iter().any(|fault| fault.kind == kind)
    }

    /// Whether its worker was being replaced while it lived. Of which worker it was, a foreign format
    /// may say nothing.
    pub(super) fn worker_was_shutting_down(&self) -> bool {
        let worker = self.access.as_ref().and_then(|access| access.worker);
        self.around.iter().any(|fault| {
            fault.kind == Kind::ShuttingDown
                && worker.is_none_or(|worker| worker == fault.process)
                && self.lived_at(fault.time)
        })
    }

    /// The first moment of the gateway's error log at which the gateway may have ended with it.
    pub(super) fn first_gateway_end(&self) -> Option<Moment> {
        self.end().map(|end| end + self.ahead - GATEWAY_SLACK)
    }

    /// Whether this moment of the gateway's error log could be that of its end with the gateway's.
    pub(super) fn gateway_ended_at(&self, gateway: Moment) -> bool {
        self.end().is_some_and(|end| (end - gateway + self.ahead).abs() <= GATEWAY_SLACK)
    }

    /// Whether the gateway, or one of its workers, ended at the moment of its end.
    pub(super) fn gateway_ended(&self) -> Option<Kind> {
        let ends = |kind: &Kind| matches!(kind, Kind::WorkerDied(_) | Kind::Stopped);
        let near = self.around.iter().filter(|fault| self.gateway_ended_at(fault.time));
        near.map(|fault| fault.kind).find(ends)
    }
}
