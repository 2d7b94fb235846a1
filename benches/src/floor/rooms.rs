//! Who is in which room.
//! Leaves to `server`: what is sent there.

use std::collections::HashMap;

/// All rooms. A room stays when its last member leaves.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    numbers: HashMap<String, usize>,
    members: Vec<Vec<usize>>,
}

impl Rooms {
    /// A connection enters the room of this name; the room's number.
    pub(crate) fn enter(&mut self, name: &str, connection: usize) -> usize {
        let room = match self.numbers.get(name) {
            Some(room) => *room,
            None => {
                self.members.push(Vec::new());
                self.numbers.insert(name.to_owned(), self.members.len() - 1);
                self.members.len() - 1
            }
        };
        self.members[room].push(connection);
        room
    }

    /// A connection leaves its room.
    pub(crate) fn leave(&mut self, room: usize, connection: usize) {
        let members = &mut self.members[room];
        if let Some(at) = members.iter().position(|member| *member == connection) {
            members.swap_remove(at);
        }
    }

    /// The connections in a room.
    pub(crate) fn members(&self, room: usize) -> &[usize] {
        &self.members[room]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_those_who_entered_and_did_not_leave() {
        let mut rooms = Rooms::default();
        let (a, b) = (rooms.enter("a", 1), rooms.enter("b", 2));
        assert_eq!(rooms.enter("a", 3), a);
        rooms.leave(a, 1);
        assert_eq!((rooms.members(a), rooms.members(b)), (&[3][..], &[2][..]));
    }
}
