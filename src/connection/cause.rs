//! Why nothing more comes from a peer: from what the guard and the stream have seen.
//! Leaves to `connection.rs`: every other cause of an end.

use actix_ws::ProtocolError;

use super::Connection;
use crate::{disconnect::Disconnect, outbox::Stage, socket::SocketEnd};

impl Connection {
    /// actix-ws will give nothing more.
    pub(super) fn read_ended(&mut self, error: Option<ProtocolError>) {
        let why = self.why_closed();
        if let (Some(error), Disconnect::InternalError) = (error, &why) {
            log::error!(id:% = self.seat.id(), error:%; "actix-ws refused what the guard let through");
        }
        self.end(why);
    }

    /// Why nothing more comes from the peer.
    pub(super) fn why_closed(&self) -> Disconnect {
        if let Some(fault) = self.observed.fault() {
            return fault;
        }
        if let Some(close) = self.observed.peer_close() {
            return Disconnect::PeerClosed(close);
        }
        let gone = self.observed.ended() || self.socket.end().is_some();
        if gone || self.outbox().stage() == Stage::Gone {
            return self.why_gone();
        }
        Disconnect::InternalError
    }

    /// Why the stream is gone.
    pub(super) fn why_gone(&self) -> Disconnect {
        match self.socket.end() {
            Some(SocketEnd::WriteTimeout) => Disconnect::WriteTimeout,
            _ => Disconnect::PeerGone,
        }
    }
}
