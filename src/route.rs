//! The routes that a WebSocket can be opened on, and their words.
//! Leaves to `server.rs`: their addresses; to `connection.rs`: what is done with a message.

use std::fmt;

use crate::message::Room;

/// What a connection was opened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Every message returns to its sender.
    Echo,
    /// Every message goes to everyone in the room, its sender included.
    Room(Room),
    /// Every message goes to the application's callback; its answer says what to do.
    App,
    /// Every message becomes an HTTP request.
    Rest,
}

impl Route {
    /// Every label; bounds the metrics' label sets.
    pub const LABELS: [&'static str; 4] = ["/ws/echo", "/ws/rooms", "/ws/app", "/ws/rest"];

    /// The route as a metric label: bounded, so without the room's name.
    ///
    /// ```
    /// use holdline::route::Route;
    ///
    /// let lobby = Route::Room("lobby".parse()?);
    /// assert_eq!((lobby.label(), lobby.to_string().as_str()), ("/ws/rooms", "/ws/rooms/lobby"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn label(&self) -> &'static str {
        Self::LABELS[match self {
            Self::Echo => 0,
            Self::Room(_) => 1,
            Self::App => 2,
            Self::Rest => 3,
        }]
    }

    /// The room that a connection is a member of from its first moment.
    ///
    /// ```
    /// # use holdline::route::Route;
    /// assert_eq!(Route::Room("lobby".parse()?).room(), Some(&"lobby".parse()?));
    /// assert_eq!(Route::Echo.room(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn room(&self) -> Option<&Room> {
        match self {
            Self::Room(room) => Some(room),
            Self::Echo | Self::App | Self::Rest => None,
        }
    }
}

impl fmt::Display for Route {
    /// The route as the peer asked for it, for the log and the application.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())?;
        self.room().map_or(Ok(()), |room| write!(f, "/{room}"))
    }
}
