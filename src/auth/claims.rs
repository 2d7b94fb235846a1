//! The claims of a token that has a good signature and is neither too old nor too young.
//! Leaves to `jsonwebtoken`: `exp`, `nbf`, `iss`, and `aud` where one is configured.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{denied::Denied, identity::Identity};
use crate::message::Room;

/// Claims as a token has them. A claim that is there twice fails the reading: two readers could
/// each take another one (RFC 7519 section 4).
#[derive(Deserialize)]
pub(super) struct Claims {
    #[serde(default, deserialize_with = "even_null")]
    sub: Option<Value>,
    #[serde(default, deserialize_with = "even_null")]
    aud: Option<Value>,
    #[serde(default, deserialize_with = "even_null")]
    iss: Option<Value>,
    #[serde(default, deserialize_with = "even_null")]
    rooms: Option<Value>,
}

/// A claim that is null is there, and is not what it should be: taken for an absent one, `rooms`
/// would open every room.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Claims {
    /// Who the token is about. `has_audience`: whether `aud` has been compared with
    /// `auth.audience`.
    pub(super) fn identity(self, has_audience: bool) -> Result<Identity, Denied> {
        if self.aud.is_some() && !has_audience {
            let words = "the token has an aud, and there is no auth.audience that it could hold";
            return Err(Denied::invalid(words));
        }
        // The library would take one of a list for the issuer.
        if self.iss.is_some_and(|iss| !iss.is_string()) {
            return Err(Denied::invalid("the iss of the token is no text"));
        }
        let user = self.sub.map(user).transpose()?;
        let rooms = self.rooms.map(rooms).transpose()?.flatten();
        Ok(Identity { user, rooms })
    }
}

fn user(sub: Value) -> Result<String, Denied> {
    match sub {
        Value::String(user)
            if (1..=Identity::USER_BYTES_MAX).contains(&user.len()) && is_printable(&user) =>
        {
            Ok(user)
        }
        _ => Err(Denied::invalid(format!(
            "the sub of the token is no text of 1 to {} printable bytes",
            Identity::USER_BYTES_MAX
        ))),
    }
}

/// Whether every character can be shown: what is no letter, mark, number, punctuation, symbol or
/// plain space is what Rust's `{:?}` writes as a number.
fn is_printable(text: &str) -> bool {
    let shown = |c: char| {
        // Behind a letter, a combining mark is shown as it is.
        let pair = ['a', c].iter().collect::<String>();
        matches!(c, '"' | '\'' | '\\') || pair.escape_debug().eq(pair.chars())
    };
    text.chars().all(shown)
}

/// The rooms that are listed; `None` where one of them is `"*"`.
fn rooms(claim: Value) -> Result<Option<Vec<Room>>, Denied> {
    let refused = || Denied::invalid("the rooms of the token are no list of room names, or *");
    let Value::Array(names) = claim else { return Err(refused()) };
    let mut rooms = Vec::with_capacity(names.len());
    let mut any = false;
    for name in names {
        match name.as_str() {
            Some("*") => any = true,
            Some(name) => rooms.push(name.parse().map_err(|_| refused())?),
            None => return Err(refused()),
        }
    }
    Ok((!any).then_some(rooms))
}
