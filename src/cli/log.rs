//! How a log line looks: text for people, JSON for collectors.
//! Leaves to `RUST_LOG` which lines there are.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use env_logger::{Builder, Env, fmt::Formatter};
use holdline::config::LogFormat;
use log::{
    Level, Record,
    kv::{self, Key, Value, VisitSource},
};

/// What is logged unless `RUST_LOG` says otherwise. actix's own account of its threads is left
/// out, and its line for every malformed request: anybody could fill a disk with these.
const FILTER: &str = "info,actix_server=warn,actix_http=off";

/// Who says again and again that no connection can be accepted, and how often that is passed on:
/// actix tries each listener twice a second, for as long as there are no descriptors.
const ACCEPTOR: &str = "actix_server::accept";
const SELDOM: Duration = Duration::from_secs(1);

/// Starts logging to standard error.
pub(super) fn start(format: LogFormat) {
    let mut builder = Builder::from_env(Env::default().default_filter_or(FILTER));
    let line = match format {
        LogFormat::Text => text,
        LogFormat::Json => json,
    };
    let told = Mutex::new(None);
    builder.format(move |out, record| match is_too_soon(record.target(), &told, Instant::now()) {
        true => Ok(()),
        false => line(out, record),
    });
    builder.init();
}

/// Whether somebody below us is about to log what a message says: tungstenite writes whole frames
/// at `trace`, and messages are in no log, whatever `RUST_LOG` asks for.
fn tells_contents(record: &Record<'_>) -> bool {
    record.level() >= Level::Debug && record.target().split("::").next() == Some("tungstenite")
}

/// A message with its control characters written out: whatever somebody far away has a part in, a
/// line stays one line and says nothing to a terminal.
fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for c in message.chars() {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

/// Whether the acceptor has been heard a moment ago, at `told`.
fn is_too_soon(target: &str, told: &Mutex<Option<Instant>>, now: Instant) -> bool {
    if target != ACCEPTOR {
        return false;
    }
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    let too_soon = told.is_some_and(|told| now < told + SELDOM);
    if !too_soon {
        *told = Some(now);
    }
    too_soon
}

/// `TIME LEVEL words key=value …`.
fn text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    if tells_contents(record) {
        return Ok(());
    }
    let time = out.timestamp_millis();
    write!(out, "{time} {:<5} {}", record.level(), one_line(&record.args().to_string()))?;
    let mut pairs = String::new();
    let _ = record.key_values().visit(&mut Text(&mut pairs));
    writeln!(out, "{pairs}")
}

struct Text<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Text<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let value = match value.to_f64() {
            Some(fraction) if value.to_u64().is_none() => format!("{fraction:.3}"),
            _ => value.to_string(),
        };
        // Quoted where it could be mistaken for something else; escaped, so that what a peer
        // wrote can never begin a line of its own.
        let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '=' && c != '\\';
        let value = match !value.is_empty() && value.chars().all(plain) {
            true => value,
            false => format!("{value:?}"),
        };
        self.0.push_str(&format!(" {key}={value}"));
        Ok(())
    }
}

/// One object per line: time, level, message, then the same keys as in text.
fn json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    if tells_contents(record) {
        return Ok(());
    }
    let mut object = serde_json::Map::new();
    object.insert("time".into(), out.timestamp_millis().to_string().into());
    object.insert("level".into(), record.level().as_str().to_lowercase().into());
    object.insert("message".into(), record.args().to_string().into());
    let _ = record.key_values().visit(&mut Json(&mut object));
    writeln!(out, "{}", seven_bit_controls(&serde_json::Value::Object(object).to_string()))
}

/// JSON leaves the control characters beyond the first 32 as they are; some begin a terminal's
/// sequences too. They can only be inside a string, where each has an escape.
fn seven_bit_controls(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c.is_control() {
            true => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => safe.push(c),
        }
    }
    safe
}

struct Json<'a>(&'a mut serde_json::Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Json<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let number = value.to_u64().map(serde_json::Value::from);
        let number = number.or_else(|| value.to_f64().map(serde_json::Value::from));
        let value = number.unwrap_or_else(|| value.to_string().into());
        self.0.insert(key.to_string(), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs<'a>(value: impl Into<Value<'a>>) -> String {
        let mut text = String::new();
        let _ = kv::Source::visit(&("key", value.into()), &mut Text(&mut text));
        text
    }

    #[test]
    fn an_acceptor_that_cannot_accept_is_heard_once_a_second_and_all_others_always() {
        let (told, start) = (Mutex::default(), Instant::now());
        let times = [0, 500, 999, 1000, 1500, 2100].map(Duration::from_millis);
        let heard = times.map(|at| !is_too_soon(ACCEPTOR, &told, start + at));
        assert_eq!(heard, [true, false, false, true, false, true]);
        assert!(!is_too_soon("holdline::connection", &told, start));
        assert!(!is_too_soon("holdline::connection", &told, start));
    }

    #[test]
    fn seconds_have_three_decimals_and_counts_have_none() {
        assert_eq!(pairs(0.0), " key=0.000");
        assert_eq!(pairs(1.5), " key=1.500");
        assert_eq!(pairs(3_u64), " key=3");
    }

    #[test]
    fn plain_values_stay_plain_and_others_are_quoted() {
        assert_eq!(pairs("/ws/echo"), " key=/ws/echo");
        assert_eq!(pairs("Mozilla 5.0"), " key=\"Mozilla 5.0\"");
        assert_eq!(pairs(""), " key=\"\"");
    }

    #[test]
    fn nothing_that_a_peer_wrote_can_forge_a_line_or_a_key() {
        assert_eq!(pairs("x\n2026 INFO end"), " key=\"x\\n2026 INFO end\"");
        assert_eq!(pairs("x reason=drain"), " key=\"x reason=drain\"");
        assert_eq!(pairs("\u{1b}[2J"), " key=\"\\u{1b}[2J\"");
    }

    #[test]
    fn a_message_is_one_line_whoever_wrote_a_part_of_it() {
        assert_eq!(one_line("Grüße: \"a\""), "Grüße: \"a\"");
        assert_eq!(one_line("bye\n2026 INFO end\r\t"), "bye\\n2026 INFO end\\r\\t");
        assert_eq!(one_line("\u{1b}[2J\u{9b}31m\u{7f}"), "\\u{1b}[2J\\u{9b}31m\\u{7f}");
    }

    #[test]
    fn json_has_no_control_characters_and_still_means_the_same() {
        let said = "\u{1b}[2J\u{9b}31m\u{7f}\nGrüße";
        let json = seven_bit_controls(&serde_json::Value::from(said).to_string());
        assert!(!json.contains(char::is_control), "{json:?}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), said);
    }

    #[test]
    fn who_would_log_contents_is_not_listened_to() {
        let tells = |target: &str, level: Level| {
            tells_contents(&Record::builder().target(target).level(level).build())
        };
        assert!(tells("tungstenite::protocol::frame", Level::Trace));
        assert!(tells("tungstenite::protocol", Level::Debug));
        assert!(!tells("tungstenite::protocol", Level::Warn), "troubles are heard");
        assert!(!tells("tungstenites", Level::Trace) && !tells("holdline::link", Level::Trace));
    }

    #[test]
    fn numbers_stay_numbers_in_json() {
        let mut object = serde_json::Map::new();
        let source = [("in", Value::from(3_u64)), ("age", Value::from(1.5)), ("id", "07".into())];
        let _ = kv::Source::visit(&source[..], &mut Json(&mut object));
        let json = serde_json::Value::Object(object).to_string();
        assert_eq!(json, r#"{"age":1.5,"id":"07","in":3}"#);
    }
}
