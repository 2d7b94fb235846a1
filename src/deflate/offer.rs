//! `Sec-WebSocket-Extensions`: what a peer offers (RFC 6455 section 9.1, RFC 7692 section 7.1), and the
//! terms that are agreed to. Leaves to `server`: the answer.

use super::WindowBits;

/// More than any library offers; a peer with more wants something else.
const OFFERS_MAX: usize = 16;
const NAME: &str = "permessage-deflate";

/// What was agreed with a peer. No side keeps context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The window that we deflate with: the peer may have no larger one to inflate.
    pub window: WindowBits,
    /// Whether the peer asked for that window, so that the answer must name it.
    asked: bool,
}

impl Terms {
    /// The value of `Sec-WebSocket-Extensions` in the 101.
    pub fn answer(self) -> String {
        let answer = format!("{NAME}; server_no_context_takeover; client_no_context_takeover");
        match self.asked {
            true => format!("{answer}; server_max_window_bits={}", self.window.get()),
            false => answer,
        }
    }
}

/// The first of the peer's offers that can be agreed to, if there is one. `lines` are the header
/// field's values, in their order.
///
/// # Errors
/// In words, what is no list of extensions (RFC 6455 section 9.1: such a handshake must fail).
pub fn negotiate<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Option<Terms>, String> {
    let (mut agreed, mut count) = (None, 0);
    for line in lines {
        let line = str::from_utf8(line).map_err(|_| wrong("is not ASCII"))?;
        for offer in split(line, ',')? {
            // RFC 9110 section 5.6.1.2: empty items of a list are passed over.
            if offer.is_empty() {
                continue;
            }
            count += 1;
            if count > OFFERS_MAX {
                return Err(wrong(&format!("lists at most {OFFERS_MAX} extensions")));
            }
            let terms = judge(&offer_of(offer)?);
            agreed = agreed.or(terms);
        }
    }
    Ok(agreed)
}

fn wrong(what: &str) -> String {
    format!("Sec-WebSocket-Extensions {what}")
}

/// A name and parameters, each with or without a value.
struct Offer<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, Option<&'a str>)>,
}

fn offer_of(text: &str) -> Result<Offer<'_>, String> {
    let mut parts = split(text, ';')?.into_iter();
    let name = token(parts.next().unwrap_or_default())?;
    let parameters = parts.map(|part| match part.split_once('=') {
        None => Ok((token(part)?, None)),
        Some((name, value)) => {
            let value = value.trim();
            let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            Ok((token(name.trim())?, Some(token(bare.unwrap_or(value))?)))
        }
    });
    Ok(Offer { name, parameters: parameters.collect::<Result<_, String>>()? })
}

/// What is between separators, without the space around it; one within quotes separates nothing.
fn split(text: &str, separator: char) -> Result<Vec<&str>, String> {
    let (mut parts, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            letter if letter == separator && !quoted => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted {
        return Err(wrong("has a quote that does not end"));
    }
    parts.push(text[start..].trim());
    Ok(parts)
}

/// RFC 9110 section 5.6.2; a quoted value must be one, too (RFC 6455 section 9.1).
fn token(text: &str) -> Result<&str, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    match !text.is_empty() && text.bytes().all(allowed) {
        true => Ok(text),
        false => Err(wrong("lists names with parameters: name; parameter=value")),
    }
}

/// The terms on which an offer can be agreed to. One with anything unknown, wrong or said twice is
/// declined (RFC 7692 section 7).
fn judge(offer: &Offer<'_>) -> Option<Terms> {
    if !offer.name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let (mut window, mut seen) = (None, Vec::new());
    for (name, value) in &offer.parameters {
        if seen.contains(name) {
            return None;
        }
        seen.push(name);
        match (*name, *value) {
            // We keep none, whether asked or not, and tell the peer to keep none.
            ("server_no_context_takeover" | "client_no_context_takeover", None) => {}
            ("server_max_window_bits", Some(bits)) => {
                window = Some(WindowBits::new(number(bits)?)?)
            }
            // Our inflater has the largest window; a peer that could use a smaller one may.
            ("client_max_window_bits", None) => {}
            ("client_max_window_bits", Some(bits)) => {
                number(bits).filter(|bits| (8..=15).contains(bits))?;
            }
            _ => return None,
        }
    }
    Some(Terms { window: window.unwrap_or(WindowBits::MAX), asked: window.is_some() })
}

/// A number as RFC 7692 section 7.1.2.1 writes it: without a leading zero.
fn number(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(lines: &[&str]) -> Result<Option<String>, String> {
        let terms = negotiate(lines.iter().map(|line| line.as_bytes()))?;
        Ok(terms.map(Terms::answer))
    }

    const PLAIN: &str =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn what_browsers_and_libraries_offer_is_agreed_to_without_context() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "Permessage-Deflate;client_max_window_bits=10",
            "permessage-deflate; client_max_window_bits=\"15\"",
            "x-webkit-deflate-frame, permessage-deflate; client_max_window_bits",
            ", permessage-deflate ,",
        ] {
            assert_eq!(agreed(&[offer]), Ok(Some(PLAIN.to_owned())), "{offer}");
        }
        assert_eq!(agreed(&["foo", "permessage-deflate"]), Ok(Some(PLAIN.to_owned())));
    }

    #[test]
    fn a_smaller_window_that_the_peer_asks_for_is_named_and_kept() {
        let with = |bits: u8| Ok(Some(format!("{PLAIN}; server_max_window_bits={bits}")));
        assert_eq!(agreed(&["permessage-deflate; server_max_window_bits=9"]), with(9));
        assert_eq!(agreed(&["permessage-deflate; server_max_window_bits=15"]), with(15));
    }

    #[test]
    fn an_offer_that_cannot_be_kept_is_declined_and_the_next_one_looked_at() {
        for offer in [
            "foo",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=09",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=x",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; level=9",
        ] {
            assert_eq!(agreed(&[offer]), Ok(None), "{offer}");
            let second = format!("{offer}, permessage-deflate");
            assert_eq!(agreed(&[&second]), Ok(Some(PLAIN.to_owned())), "{second}");
        }
        assert_eq!(agreed(&[]), Ok(None));
    }

    #[test]
    fn what_is_no_list_of_extensions_is_refused() {
        let many = vec!["x"; OFFERS_MAX + 1].join(",");
        for bad in
            ["a b", "a;", "a;b=", "a;=b", "a;b=c d", "\"a", "a;b=\"c", "a;b=\"c,d\"", "é", &many]
        {
            let words = agreed(&[bad]).expect_err(bad);
            assert!(words.starts_with("Sec-WebSocket-Extensions "), "{words}");
        }
        assert_eq!(agreed(&[&many[2..]]), Ok(None), "just as many as there may be");
    }
}
