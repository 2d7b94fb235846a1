//! One message of a batch: where it goes and what it says, each said in exactly one way.
//! Leaves to `batch.rs`: its place among the others.

use std::{borrow::Cow, fmt::Display, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, de::Error};

use crate::{
    message::{ConnectionId, Message, Room},
    node::To,
    problem::Problem,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    #[serde(default, deserialize_with = "spelt")]
    room: Option<Room>,
    #[serde(default, deserialize_with = "spelt")]
    connection: Option<ConnectionId>,
    #[serde(default, deserialize_with = "present")]
    everyone: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    text: Option<String>,
    #[serde(default, deserialize_with = "base64")]
    binary: Option<Vec<u8>>,
}

/// What is wrong with an item: with this part of it, or with the whole where none is named.
pub(super) enum Fault {
    Rule(&'static str, &'static str),
    TooBig(&'static str, usize),
}

impl Fault {
    /// As a problem; `to_blame` says what the part is called in the whole.
    pub(super) fn problem(&self, to_blame: &impl Fn(&str) -> String) -> Problem {
        match self {
            Self::Rule(part, rule) => Problem::bad_field(to_blame(part), rule),
            Self::TooBig(part, max) => {
                let field = to_blame(part);
                let rule = "a message has at most this many bytes";
                Problem::too_big(format!("{field}: {rule}: {max} (limits.message_bytes_max)"))
                    .field(field)
            }
        }
    }
}

impl Item {
    /// The message and where it goes.
    pub(super) fn check(self, bytes_max: usize) -> Result<(To, Message), Fault> {
        let to = match (self.room, self.connection, self.everyone) {
            (Some(room), None, None) => To::Room(room),
            (None, Some(id), None) => To::Connection(id),
            (None, None, Some(true)) => To::Everyone,
            (None, None, Some(false)) => return Err(Fault::Rule("everyone", "can only be true")),
            _ => return Err(Fault::Rule("", "needs one of room, connection and everyone")),
        };
        let (part, message) = match (self.text, self.binary) {
            (Some(text), None) => ("text", Message::Text(text.into())),
            (None, Some(bytes)) => ("binary", Message::Binary(bytes.into())),
            _ => return Err(Fault::Rule("", "needs one of text and binary")),
        };
        if message.len() > bytes_max {
            return Err(Fault::TooBig(part, bytes_max));
        }
        Ok((to, message))
    }
}

/// A value that may be left out, but not null.
pub(super) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A name with rules of its own.
fn spelt<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    let bytes = STANDARD.decode(text.as_bytes());
    let words = |error| D::Error::custom(format!("must be base64 (RFC 4648 section 4): {error}"));
    bytes.map(Some).map_err(words)
}
