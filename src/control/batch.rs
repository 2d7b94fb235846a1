//! Many messages at once: checked whole, then sent in their order, each with a result of its own.
//! Leaves to `node.rs`: sending them.

mod item;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CONTENT_TYPE},
    web,
};
use serde::{Deserialize, Serialize};

use self::item::{Item, present};
use super::{Shared, json, publish::Delivered, query::Query};
use crate::{
    message::Message,
    node::To,
    problem::Problem,
    request::{body, media_type},
};

/// The most messages of one batch.
const MESSAGES_MAX: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    #[serde(default, deserialize_with = "present")]
    messages: Option<Vec<Item>>,
}

#[derive(Serialize)]
struct Results {
    results: Vec<Outcome>,
}

/// What became of one message.
#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Delivered(Delivered),
    Failed { error: Problem },
}

pub(super) async fn publish(
    request: HttpRequest,
    payload: web::Payload,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    Query::of(&request)?.finish()?;
    is_json(&media_type(&request))?;
    let config = shared.node.config();
    let (max, patience) = (config.control.body_bytes_max, config.server.handshake_timeout);
    let body = body(&request, payload, max, patience, |_| Ok(())).await?;
    let messages = understand(&body, config.limits.message_bytes_max)?;
    // It may be large, and its messages are here.
    drop(body);
    let results = shared.node.deliver_all(messages).await.into_iter();
    let results = results.map(|result| match result {
        Ok(delivered) => Outcome::Delivered(Delivered { delivered }),
        Err(failure) => Outcome::Failed { error: failure.into() },
    });
    Ok(json(StatusCode::OK, &Results { results: results.collect() }))
}

/// What is called by no name is taken for JSON, but not what is called by another one.
fn is_json(media_type: &str) -> Result<(), Problem> {
    if matches!(media_type, "" | "application/json" | "text/json") || media_type.ends_with("+json")
    {
        return Ok(());
    }
    let detail = format!("{CONTENT_TYPE}: a batch is application/json, and this is {media_type}");
    let title = "The body is of another type";
    Err(Problem::new(415, "media_type", title, detail).field(CONTENT_TYPE))
}

/// Reads the whole batch; the first thing that is wrong refuses all of it.
fn understand(body: &[u8], message_bytes_max: usize) -> Result<Vec<(To, Message)>, Problem> {
    // Serde would take a list of a struct's fields for the struct.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(no_batch(&"it is no object"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let batch: Batch = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, why) = (error.path().to_string(), error.inner());
        match why.is_data() && path != "." {
            true => Problem::bad_field(path, why),
            false => no_batch(&why),
        }
    })?;
    json.end().map_err(|error| no_batch(&error))?;
    let items = batch.messages.ok_or_else(|| Problem::bad_field("messages", "is missing"))?;
    if items.len() > MESSAGES_MAX {
        let rule = format!("a batch has at most {MESSAGES_MAX}, this one has {}", items.len());
        return Err(Problem::bad_field("messages", rule));
    }
    let checked = items.into_iter().enumerate().map(|(index, item)| {
        let to_blame = |part: &str| match part {
            "" => format!("messages[{index}]"),
            part => format!("messages[{index}].{part}"),
        };
        item.check(message_bytes_max).map_err(|fault| fault.problem(&to_blame))
    });
    checked.collect()
}

fn no_batch(why: &dyn std::fmt::Display) -> Problem {
    Problem::bad_request(format!(
        r#"the body must be {{"messages": [{{"room": "…", "text": "…"}}, …]}}: {why}"#
    ))
}

#[cfg(test)]
mod tests;
