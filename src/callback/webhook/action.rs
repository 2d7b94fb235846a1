//! The JSON of an answer, strictly: what is unknown or impossible makes the whole of it void.
//! Leaves to `answer.rs`: which answers are JSON.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{answer::bad, fault::Fault};
use crate::{
    auth::Identity,
    callback::{Action, Welcome},
    disconnect::Close,
    message::{Message, Room},
};

/// Of what is wrong the log is told so many bytes at most.
const WORDS_BYTES_MAX: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    user: Option<String>,
    #[serde(default)]
    actions: Vec<Deed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Deed {
    Reply(Payload),
    Publish(Publication),
    Join(String),
    Leave(String),
    Close(Closing),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    text: Option<String>,
    binary: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publication {
    room: String,
    text: Option<String>,
    binary: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Closing {
    code: u16,
    #[serde(default)]
    text: String,
}

/// Reads `{"user": …, "actions": […]}`, all of it or nothing.
pub(super) fn read(json: &[u8]) -> Result<Welcome, Fault> {
    let Answered { user, actions } =
        serde_json::from_slice(json).map_err(|error| bad(without_values(&error.to_string())))?;
    if let Some(user) = &user
        && (user.is_empty() || user.len() > Identity::USER_BYTES_MAX)
    {
        return Err(bad(format!("a user's name has 1 to {} bytes", Identity::USER_BYTES_MAX)));
    }
    let numbered = actions.into_iter().enumerate();
    let actions = numbered.map(|(index, deed)| {
        action(deed).map_err(|words| bad(format!("actions[{index}]: {words}")))
    });
    Ok(Welcome { user, actions: actions.collect::<Result<_, _>>()? })
}

fn action(deed: Deed) -> Result<Action, String> {
    let room = |name: String| name.parse::<Room>().map_err(|error| error.to_string());
    Ok(match deed {
        Deed::Reply(Payload { text, binary }) => Action::Reply(message(text, binary)?),
        Deed::Publish(Publication { room: name, text, binary }) => {
            Action::Publish(room(name)?, message(text, binary)?)
        }
        Deed::Join(name) => Action::Join(room(name)?),
        Deed::Leave(name) => Action::Leave(room(name)?),
        Deed::Close(Closing { code, text }) => {
            let close = Close::new(code, text);
            close.check().map_err(str::to_owned)?;
            Action::Close(close)
        }
    })
}

fn message(text: Option<String>, binary: Option<String>) -> Result<Message, String> {
    match (text, binary) {
        (Some(text), None) => Ok(text.into()),
        (None, Some(base64)) => match STANDARD.decode(base64) {
            Ok(bytes) => Ok(bytes::Bytes::from(bytes).into()),
            Err(_) => Err("\"binary\" must be base64, with its padding".to_owned()),
        },
        _ => Err("a message needs either \"text\" or \"binary\"".to_owned()),
    }
}

/// serde's words without the value that it found: what an application writes is for its peers, not
/// for the log. Names of fields stay.
fn without_values(words: &str) -> String {
    let found = words.starts_with("invalid type: ") || words.starts_with("invalid value: ");
    let words = match words.rfind(", expected").filter(|_| found) {
        Some(place) => format!("its JSON has something else{}", &words[place..]),
        None => format!("its JSON is wrong: {words}"),
    };
    words[..words.floor_char_boundary(WORDS_BYTES_MAX)].to_owned()
}
