//! Who may still come in: the node's number of connections and each address's share of it.
//! Leaves to `server.rs`: how a refusal is answered.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::disconnect::{Close, Disconnect};

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The node is shutting down.
    Draining,
    /// The node holds `server.connections_max` connections.
    Full,
    /// The peer's address holds `limits.connections_per_ip_max` connections.
    AddressFull,
    /// The room would be one more than `limits.rooms_max`.
    RoomsFull,
    /// The connection is in `limits.rooms_per_connection_max` rooms.
    RoomsPerConnection,
}

impl Refused {
    /// The word for `holdline_handshakes_rejected_total{reason}`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::Full => "connections_max",
            Self::AddressFull => "connections_per_ip_max",
            Self::RoomsFull => "rooms_max",
            Self::RoomsPerConnection => "rooms_per_connection_max",
        }
    }

    /// The same as the cause of an end, for whoever had let the newcomer in already.
    pub fn why(self) -> Disconnect {
        match self {
            Self::Draining => Disconnect::Drain,
            _ => Disconnect::Kicked(Close::new(1013, self.label())),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draining => "this node is shutting down",
            Self::Full => "this node holds server.connections_max connections",
            Self::AddressFull => "your address holds limits.connections_per_ip_max connections",
            Self::RoomsFull => "this node holds limits.rooms_max rooms",
            Self::RoomsPerConnection => {
                "the connection is in limits.rooms_per_connection_max rooms"
            }
        })
    }
}

/// Counts connections, per node and per address.
#[derive(Debug)]
pub(super) struct Admission {
    count: AtomicUsize,
    max: usize,
    per_address: Mutex<HashMap<IpAddr, usize>>,
    per_address_max: Option<usize>,
}

impl Admission {
    pub(super) fn new(max: usize, per_address_max: Option<usize>) -> Self {
        Self { count: AtomicUsize::new(0), max, per_address: Mutex::default(), per_address_max }
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Relaxed)
    }

    pub(super) fn enter(&self, address: IpAddr) -> Result<(), Refused> {
        let below_max = |count| (count < self.max).then_some(count + 1);
        self.count.fetch_update(Relaxed, Relaxed, below_max).map_err(|_| Refused::Full)?;
        let entered = self.enter_address(address);
        if entered.is_err() {
            self.count.fetch_sub(1, Relaxed);
        }
        entered
    }

    pub(super) fn leave(&self, address: IpAddr) {
        self.count.fetch_sub(1, Relaxed);
        if self.per_address_max.is_none() {
            return;
        }
        let mut addresses = self.per_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = addresses.get_mut(&household(address)) {
            *held -= 1;
            if *held == 0 {
                addresses.remove(&household(address));
            }
        }
    }

    fn enter_address(&self, address: IpAddr) -> Result<(), Refused> {
        let Some(max) = self.per_address_max else { return Ok(()) };
        let mut addresses = self.per_address.lock().unwrap_or_else(PoisonError::into_inner);
        let held = addresses.get(&household(address)).copied().unwrap_or(0);
        if held >= max {
            return Err(Refused::AddressFull);
        }
        addresses.insert(household(address), held + 1);
        Ok(())
    }
}

/// One IPv6 customer usually has a whole /64 (RFC 6177): count the network, not the address.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_node_is_full_at_its_maximum_and_has_room_again_after_a_leave() {
        let admission = Admission::new(2, None);
        assert_eq!(admission.enter(ip("192.0.2.1")), Ok(()));
        assert_eq!(admission.enter(ip("192.0.2.1")), Ok(()));
        assert_eq!(admission.enter(ip("192.0.2.2")), Err(Refused::Full));
        admission.leave(ip("192.0.2.1"));
        assert_eq!(admission.enter(ip("192.0.2.2")), Ok(()));
    }

    #[test]
    fn an_address_over_its_share_is_refused_and_takes_nothing_from_the_node() {
        let admission = Admission::new(10, Some(1));
        assert_eq!(admission.enter(ip("2001:db8::1")), Ok(()));
        assert_eq!(admission.enter(ip("2001:db8::2")), Err(Refused::AddressFull));
        assert_eq!(admission.enter(ip("2001:db8:0:1::1")), Ok(()));
        assert_eq!(admission.count(), 2);
        admission.leave(ip("2001:db8::1"));
        admission.leave(ip("2001:db8:0:1::1"));
        assert_eq!((admission.count(), admission.per_address.lock().unwrap().len()), (0, 0));
    }
}
