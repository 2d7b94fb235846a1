//! Which paths a message may name: nothing that could lead out of the base, however it is encoded.
//! Leaves to `base.rs`: the address that comes of it; to `request.rs`: which prefixes are allowed.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// How often a path may be percent-encoded over: servers decode it once, a chain of them more often.
const DECODINGS_MAX: usize = 4;

/// Checks a path with its query and returns the path alone.
///
/// The rule is stricter than RFC 3986 section 3.3: every reading that some server is known for
/// must lead to the same place. So the path is looked at as it is written, decoded once, twice
/// and so on; there must be no dot segment in any of them, and no slash that was not there before.
///
/// # Errors
/// What is wrong, as the end of a sentence that begins with the field's name.
pub(super) fn check(target: &str) -> Result<&str, &'static str> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !path.starts_with('/') || path.starts_with("//") {
        return Err("must begin with one slash");
    }
    if !path.bytes().all(is_path_byte) {
        return Err("holds a character that RFC 3986 does not know in a path: percent-encode it");
    }
    if !query.bytes().all(is_query_byte) {
        return Err("holds a character that does not belong in a query: percent-encode it");
    }
    if !path.match_indices('%').all(|(at, _)| is_escape(&path.as_bytes()[at..])) {
        return Err("holds a % that does not begin a percent-encoded byte");
    }
    let slashes = path.matches('/').count();
    let mut text = Cow::Borrowed(path);
    for _ in 0..=DECODINGS_MAX {
        stays(&text, slashes)?;
        match decoded(&text) {
            None => return Err("holds percent-encoded bytes that are not UTF-8"),
            Some(decoded) if decoded == text => return Ok(path),
            Some(decoded) => text = Cow::Owned(decoded.into_owned()),
        }
    }
    Err("is percent-encoded too many times over")
}

/// Whether a path that was allowed leads where its text says.
fn stays(path: &str, slashes: usize) -> Result<(), &'static str> {
    if path.chars().any(char::is_control) {
        return Err("holds a control character");
    }
    if path.contains(is_like_a_slash) || path.matches('/').count() != slashes {
        return Err("holds an encoded slash, or a backslash");
    }
    if path.split('/').any(is_dots) {
        return Err("holds a segment of dots");
    }
    Ok(())
}

/// A segment that some server takes for `.` or `..`: parameters behind a semicolon do not count
/// there, nor spaces around it, and file systems that compare by compatibility know more dots than
/// one (Unicode NFKC).
fn is_dots(segment: &str) -> bool {
    let name = segment.split(';').next().unwrap_or_default().trim();
    let is_dot = |c| {
        matches!(
            c,
            '.' | '\u{2024}'..='\u{2026}' | '\u{fe19}' | '\u{fe30}' | '\u{fe52}' | '\u{ff0e}'
        )
    };
    !name.is_empty() && name.chars().all(is_dot)
}

/// What Windows takes for a slash, and what NFKC makes one.
fn is_like_a_slash(c: char) -> bool {
    matches!(c, '\\' | '\u{ff0f}' | '\u{ff3c}' | '\u{fe68}')
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    percent_decode(text.as_bytes()).decode_utf8().ok()
}

/// pchar of RFC 3986 section 3.3, the slash, and the percent sign.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte)
}

/// What the client can write: visible, and no end of a query or of a word.
fn is_query_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"#<>\\".contains(&byte)
}

fn is_escape(text: &[u8]) -> bool {
    text.len() >= 3 && text[1..3].iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests;
