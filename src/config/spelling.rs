//! How a value is written: from TOML or the environment to Rust, and back for people to read.
//! Whether a well-written value makes sense is left to `rules`.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ::config::{Value, ValueKind};
use ipnet::IpNet;
use url::Url;

use super::{
    public_key::PublicKey,
    secret::{self, Secret},
    sections::{CompressionMode, LogFormat},
};

/// What a reader gives: the value, or the rule that the written one breaks.
pub(super) type Read<T> = Result<T, String>;

/// Longer than any timer here can mean; it also keeps `Instant + Duration` from overflowing.
const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

const DURATION_RULE: &str =
    "must be a whole number with one unit of ms, s, m, h, d, such as \"20s\"";

/// A duration, `<integer>(ms|s|m|h|d)`: the spellings nginx reads alike, so that one variable can
/// feed both. Nginx also takes a bare number, several parts and `M` for months; nobody else does.
pub(super) fn duration(value: &Value) -> Read<Duration> {
    let text = match &value.kind {
        ValueKind::String(text) => text.as_str(),
        ValueKind::I64(number) => return Err(without_unit(number)),
        _ => return Err(DURATION_RULE.into()),
    };
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit {
        _ if number.is_empty() => return Err(DURATION_RULE.into()),
        "" => return Err(without_unit(number)),
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return Err(DURATION_RULE.into()),
    };
    let milliseconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match milliseconds.map(Duration::from_millis) {
        Some(duration) if duration <= DURATION_MAX => Ok(duration),
        _ => Err("must be at most \"365d\"".into()),
    }
}

/// The same from a text, for arguments of commands.
///
/// # Errors
/// The rule that the text breaks.
///
/// ```
/// use std::time::Duration;
/// use holdline::config::parse_duration;
///
/// assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
/// assert!(parse_duration("90").is_err(), "of what?");
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(&Value::new(None, text))
}

fn without_unit(number: impl std::fmt::Display) -> String {
    format!(
        "{DURATION_RULE}; a bare number means seconds to some tools and milliseconds to others: \
         write \"{number}s\" or \"{number}ms\""
    )
}

/// A whole number that counts something.
pub(super) fn count<T: TryFrom<u64>>(value: &Value) -> Read<T> {
    const RULE: &str = "must be a whole number, digits only";
    let number = match &value.kind {
        ValueKind::I64(number) => u64::try_from(*number).map_err(|_| RULE.to_owned())?,
        ValueKind::String(text) => digits(text).ok_or(RULE)?,
        _ => return Err(RULE.into()),
    };
    T::try_from(number).map_err(|_| format!("is too large: {number} does not fit"))
}

/// A size: a whole number of bytes, or of `KiB`, `MiB`, `GiB`. `64k`, `64KB` are refused because
/// half of the world reads them as 64000.
pub(super) fn bytes(value: &Value) -> Read<usize> {
    const RULE: &str =
        "must be a whole number of bytes, or one with KiB, MiB or GiB such as \"64KiB\"";
    let ValueKind::String(text) = &value.kind else {
        return count(value).map_err(|_| RULE.into());
    };
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(RULE.into()),
    };
    let number = digits(number).ok_or(RULE)?;
    let bytes = number.checked_mul(factor).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| "is too large for this machine".into())
}

/// The same from a text, for arguments of commands.
///
/// # Errors
/// The rule that the text breaks.
///
/// ```
/// use holdline::config::parse_bytes;
///
/// assert_eq!(parse_bytes("64KiB"), Ok(65_536));
/// assert!(parse_bytes("64k").is_err(), "of 1000 or of 1024?");
/// ```
pub fn parse_bytes(text: &str) -> Result<usize, String> {
    bytes(&Value::new(None, text))
}

/// An address and port to listen on. Names are refused: they may mean several addresses.
pub(super) fn address(value: &Value) -> Read<SocketAddr> {
    const RULE: &str =
        "must be an IP address and a port, such as \"127.0.0.1:9000\" or \"[::]:9000\"";
    string(value).and_then(|text| text.parse().ok()).ok_or_else(|| RULE.into())
}

/// A list of texts: a TOML array, or one text separated by commas, which is how a variable says it.
pub(super) fn list(value: &Value) -> Read<Vec<String>> {
    const RULE: &str = "must be a list: [\"a\", \"b\"] in a file, a,b in a variable";
    let items: Vec<&str> = match &value.kind {
        ValueKind::String(text) if text.trim().is_empty() => Vec::new(),
        ValueKind::String(text) => text.split(',').map(str::trim).collect(),
        ValueKind::Array(items) => items.iter().map(string).collect::<Option<_>>().ok_or(RULE)?,
        _ => return Err(RULE.into()),
    };
    if items.contains(&"") {
        return Err("must not have an empty item: check the commas".into());
    }
    Ok(items.into_iter().map(str::to_owned).collect())
}

/// A text of any kind; an empty one is none.
pub(super) fn text(value: &Value) -> Read<Option<String>> {
    let text = string(value).ok_or("must be a text; \"\" is none")?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A text that must not be shown; an empty one is none.
pub(super) fn secret(value: &Value) -> Read<Option<Secret>> {
    Ok(text(value)?.map(Secret::new))
}

/// A public key in PEM; an empty text is none.
pub(super) fn public_key(value: &Value) -> Read<Option<PublicKey>> {
    text(value)?.as_deref().map(PublicKey::from_pem).transpose()
}

/// The base of an HTTP address; an empty text is none.
pub(super) fn http_url(value: &Value) -> Read<Option<Url>> {
    const RULE: &str = "must be an address such as \"http://127.0.0.1:3000/path\"; \"\" is none";
    let Some(text) = text(value)? else { return Ok(None) };
    let url = Url::parse(&text).map_err(|error| format!("{RULE}; {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{RULE}; the scheme must be http or https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{RULE}; without credentials, which listings would show"));
    }
    if url.fragment().is_some() {
        return Err(format!("{RULE}; without a fragment (#…), which is never sent"));
    }
    Ok(Some(url))
}

/// Yes or no.
pub(super) fn switch(value: &Value) -> Read<bool> {
    match &value.kind {
        ValueKind::Boolean(on) => Ok(*on),
        ValueKind::String(text) if text == "true" => Ok(true),
        ValueKind::String(text) if text == "false" => Ok(false),
        _ => Err("must be true or false".into()),
    }
}

/// A list of networks, each an address or `address/prefix`.
pub(super) fn networks(value: &Value) -> Read<Vec<IpNet>> {
    list(value)?.iter().map(|text| network(text)).collect()
}

fn network(text: &str) -> Read<IpNet> {
    let network = text.parse::<IpNet>().ok();
    let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let network = network.ok_or_else(|| {
        format!("must list addresses or networks such as \"10.0.0.0/8\"; {text:?} is neither")
    })?;
    if network != network.trunc() {
        let meant = network.trunc();
        return Err(format!(
            "must list networks by their first address: {text:?} lies within {meant}; write \
             \"{meant}\", or the address alone"
        ));
    }
    Ok(network)
}

/// The form of the log.
pub(super) fn log_format(value: &Value) -> Read<LogFormat> {
    match string(value) {
        Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        _ => Err("must be \"text\" or \"json\"".into()),
    }
}

/// Whether messages are deflated.
pub(super) fn compression_mode(value: &Value) -> Read<CompressionMode> {
    match string(value) {
        Some("off") => Ok(CompressionMode::Off),
        Some("shared") => Ok(CompressionMode::Shared),
        _ => Err("must be \"off\" or \"shared\"".into()),
    }
}

/// A value that may also be `"off"`.
pub(super) fn or_off<T>(value: &Value, read: fn(&Value) -> Read<T>) -> Read<Option<T>> {
    if string(value) == Some("off") {
        return Ok(None);
    }
    read(value).map(Some).map_err(|rule| format!("{rule}; or \"off\""))
}

/// A value that may also be `"auto"`, which stands for `auto`.
pub(super) fn or_auto<T>(value: &Value, auto: T, read: impl Fn(&Value) -> Read<T>) -> Read<T> {
    if string(value) == Some("auto") {
        return Ok(auto);
    }
    read(value).map_err(|rule| format!("{rule}; or \"auto\""))
}

fn string(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::String(text) => Some(text),
        _ => None,
    }
}

/// Only digits: `u64::from_str` alone would also take `+1`.
fn digits(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// A value as its author wrote it, for messages.
pub(super) fn show_written(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => show_text(text),
        ValueKind::Array(items) => show_list(items.iter().map(show_written)),
        ValueKind::Table(_) => "{…}".into(),
        _ => value.to_string(),
    }
}

/// A text in quotes.
pub(super) fn show_text(text: impl ToString) -> String {
    format!("{:?}", text.to_string())
}

/// A text that may be none.
pub(super) fn show_optional(text: Option<impl ToString>) -> String {
    text.map_or_else(|| show_text(""), show_text)
}

/// What is shown of a secret.
pub(super) fn show_hidden() -> String {
    show_text(secret::HIDDEN)
}

/// Whether there is a secret, and nothing of it.
pub(super) fn show_secret(hidden: Option<&Secret>) -> String {
    hidden.map_or_else(|| show_text(""), |_| show_hidden())
}

/// Already quoted items as a TOML array.
pub(super) fn show_list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

/// A duration in seconds if it is whole seconds, else in milliseconds; what [`duration`] reads.
pub(super) fn show_duration(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("\"{}s\"", duration.as_secs())
    } else {
        format!("\"{}ms\"", duration.as_millis())
    }
}

/// A size in the largest unit that divides it; what [`bytes()`] reads.
pub(super) fn show_bytes(bytes: usize) -> String {
    let unit = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        .into_iter()
        .find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor));
    match unit {
        Some((unit, factor)) => format!("\"{}{unit}\"", bytes / factor),
        None => bytes.to_string(),
    }
}

/// A value that may be off.
pub(super) fn show_or_off<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "\"off\"".into(), show)
}

#[cfg(test)]
mod tests;
