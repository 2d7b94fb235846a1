//! From a message to what is done with it: the two built-in behaviours, echo and room.
//! Leaves to `connection.rs`: carrying the action out.

use crate::message::{Message, Room};

/// What a connection's route does with its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callback {
    /// Every message returns to its sender.
    Echo,
    /// Every message goes to everyone in the room, its sender included.
    Room(Room),
}

/// What is to be done with one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send to the connection that the message came from.
    Reply(Message),
    /// Send to everyone in the room.
    Publish(Room, Message),
}

impl Callback {
    /// Decides about one message.
    pub fn on_message(&self, message: Message) -> Action {
        match self {
            Self::Echo => Action::Reply(message),
            Self::Room(room) => Action::Publish(room.clone(), message),
        }
    }

    /// The room that the connection is a member of from its first moment.
    pub fn room(&self) -> Option<&Room> {
        match self {
            Self::Echo => None,
            Self::Room(room) => Some(room),
        }
    }

    /// The route as a metric label: bounded, so without the room's name.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Echo => "/ws/echo",
            Self::Room(_) => "/ws/rooms",
        }
    }
}

impl std::fmt::Display for Callback {
    /// The route as the peer asked for it, for the log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Echo => f.write_str("/ws/echo"),
            Self::Room(room) => write!(f, "/ws/rooms/{room}"),
        }
    }
}
