//! Who a peer is, as the handshake has established it.
//! Leaves to `claims.rs`: reading it from a token.

use super::denied::Denied;
use crate::message::Room;

/// Who a peer is. The default is somebody unknown who may join any room, as everybody is while
/// nobody is asked for a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The claim `sub`: 1 to [`Identity::USER_BYTES_MAX`] bytes, printable.
    pub user: Option<String>,
    /// The claim `rooms`; `None` is any room.
    pub rooms: Option<Vec<Room>>,
}

impl Identity {
    /// The longest `user`, in bytes.
    pub const USER_BYTES_MAX: usize = 256;

    /// Whether the peer may join this room of its own accord. What the application has it join is
    /// the application's affair.
    ///
    /// # Errors
    /// That it may not.
    pub fn may_join(&self, room: &Room) -> Result<(), Denied> {
        match &self.rooms {
            Some(rooms) if !rooms.contains(room) => Err(Denied::room(room)),
            _ => Ok(()),
        }
    }
}
