//! The nouns that every floor shares: what is sent, where to, and by whom.
//! Leaves to `frame.rs`: how a message looks on the wire.

use std::{fmt, str::FromStr, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;

/// One application message: whole, validated, and typed as RFC 6455 section 5.6 types it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message; always valid UTF-8.
    Text(ByteString),
    /// A binary message.
    Binary(Bytes),
}

impl Message {
    /// The payload as bytes, without its type.
    ///
    /// ```
    /// use holdline::message::Message;
    ///
    /// assert_eq!(Message::from("hello").as_bytes(), "hello");
    /// ```
    pub fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Payload length in bytes, without any framing.
    ///
    /// ```
    /// # use holdline::message::Message;
    /// assert_eq!(Message::from("ünïcödé").len(), 11);
    /// ```
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty; an empty message is still a message.
    ///
    /// ```
    /// # use holdline::message::Message;
    /// assert!(Message::from("").is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A text message.
impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// A text message.
impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

/// A binary message.
impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

/// Names one connection for as long as its node lives, and says which hub shard holds it.
///
/// 24 random bits of the node, 8 bits of the shard, 32 bits of a serial number; written as
/// 16 hexadecimal digits. It is a name, not a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// Puts an identifier together; only the low 24 bits of `node` are used.
    pub(crate) fn new(node: u32, shard: u8, serial: u32) -> Self {
        Self(u64::from(node & 0x00ff_ffff) << 40 | u64::from(shard) << 32 | u64::from(serial))
    }

    /// The node's 24 bits.
    pub(crate) fn node(self) -> u32 {
        (self.0 >> 40) as u32
    }

    /// The hub shard (worker) that holds the connection.
    pub(crate) fn shard(self) -> usize {
        (self.0 >> 32 & 0xff) as usize
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ConnectionId {
    type Err = BadConnectionId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let well_formed = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = if well_formed { u64::from_str_radix(text, 16).ok() } else { None };
        id.map(Self).ok_or_else(|| BadConnectionId(text.chars().take(32).collect()))
    }
}

/// A text that is no connection id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadConnectionId(String);

impl fmt::Display for BadConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a connection id: expected 16 hexadecimal digits", self.0)
    }
}

impl std::error::Error for BadConnectionId {}

/// A room's name: 1 to 128 bytes of `[A-Za-z0-9._~-]`, the characters that mean the same in
/// a URL path encoded or not (RFC 3986 section 2.3). Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Room(Arc<str>);

impl Room {
    /// The longest name allowed, in bytes.
    pub const BYTES_MAX: usize = 128;

    /// The name.
    ///
    /// ```
    /// use holdline::message::Room;
    ///
    /// let room: Room = "lobby".parse()?;
    /// assert_eq!(room.as_str(), "lobby");
    /// assert!("no such/room".parse::<Room>().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Room {
    type Err = BadRoom;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
        if name.is_empty() {
            return Err(BadRoom("a room name must not be empty".to_owned()));
        }
        if name.len() > Self::BYTES_MAX {
            let words = format!("a room name has at most 128 bytes, this one has {}", name.len());
            return Err(BadRoom(words));
        }
        match name.bytes().find(|&b| !allowed(b)) {
            None => Ok(Self(name.into())),
            Some(byte) => Err(BadRoom(format!(
                "a room name is made of A-Z a-z 0-9 . _ ~ - and this one holds {:?}",
                byte.escape_ascii().to_string()
            ))),
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no room name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRoom(String);

impl fmt::Display for BadRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadRoom {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_id_reads_back_as_written_and_knows_its_node_and_shard() {
        let id = ConnectionId::new(0xabcdef, 7, 42);
        assert_eq!(id.to_string(), "abcdef070000002a");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!((id.node(), id.shard()), (0xabcdef, 7));
    }

    #[test]
    fn what_is_no_connection_id_is_refused_in_words() {
        for text in ["", "abcdef", "+bcdef070000002a", "abcdef070000002a0", "ünïcödé"] {
            let error = text.parse::<ConnectionId>().unwrap_err().to_string();
            assert!(error.contains("16 hexadecimal digits"), "{error}");
        }
    }

    #[test]
    fn a_room_name_has_1_to_128_unreserved_bytes() {
        assert!("lobby.v2_~-".parse::<Room>().is_ok());
        assert!("x".repeat(128).parse::<Room>().is_ok());
        for (name, words) in [
            ("", "must not be empty"),
            (&*"x".repeat(129), "this one has 129"),
            ("a/b", "\"/\""),
            ("a b", "\" \""),
            ("é", "\\\\xc3"),
        ] {
            let error = name.parse::<Room>().unwrap_err().to_string();
            assert!(error.contains(words), "{name}: {error}");
        }
    }
}
