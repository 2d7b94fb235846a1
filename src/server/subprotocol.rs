//! The subprotocols that a peer offers (RFC 6455 section 11.3.4), and which one is agreed to.
//! Leaves to `auth.rs`: the tokens that browsers, which can set no header, offer among them.

use std::{collections::HashSet, fmt};

use actix_web::http::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL};

use crate::config::{is_name, offered_token};

/// What is agreed to where nothing else fits: it names these routes, and gives a browser that
/// offers its token beside it something that can be agreed to.
const OWN: &str = "holdline.v1";

/// More than any library offers; a peer with more wants something else.
const OFFERS_MAX: usize = 32;

/// The longest name, in bytes. Tokens are longer, and `auth.rs` has their bound.
const NAME_BYTES_MAX: usize = 128;

/// What a peer offers.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Offer {
    /// In the peer's order, tokens not among them.
    pub(super) names: Vec<String>,
    /// Without the `bearer.` in front.
    pub(super) tokens: Vec<String>,
}

/// Without the tokens.
impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} and {} tokens", self.names, self.tokens.len())
    }
}

/// Reads every `Sec-WebSocket-Protocol`; none is an empty offer.
///
/// # Errors
/// What is wrong with it, without the offer itself: there may be a token in it.
pub(super) fn offer(headers: &HeaderMap) -> Result<Offer, String> {
    let mut offer = Offer::default();
    let mut seen = HashSet::new();
    for line in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let line = line.as_bytes();
        for item in line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            // RFC 9110 section 5.6.1.2: empty items of a list are passed over.
            if item.is_empty() {
                continue;
            }
            let name = str::from_utf8(item).ok().filter(|name| is_name(name));
            let name = name.ok_or(
                "Sec-WebSocket-Protocol lists names of letters, digits and !#$%&'*+-.^_`|~",
            )?;
            if !seen.insert(name) {
                return Err("Sec-WebSocket-Protocol lists each name once".to_owned());
            }
            if seen.len() > OFFERS_MAX {
                return Err(format!("Sec-WebSocket-Protocol lists at most {OFFERS_MAX} names"));
            }
            offer.take(name)?;
        }
    }
    if seen.is_empty() && headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Err("Sec-WebSocket-Protocol lists at least one name".to_owned());
    }
    Ok(offer)
}

impl Offer {
    /// The first of `ours` (`server.subprotocols`) that is offered, else our own, else none.
    pub(super) fn choose<'a>(&self, ours: &'a [String]) -> Option<&'a str> {
        let mut known = ours.iter().map(String::as_str).chain([OWN]);
        known.find(|name| self.names.iter().any(|offered| offered == name))
    }

    fn take(&mut self, name: &str) -> Result<(), String> {
        match offered_token(name) {
            Some(token) => self.tokens.push(token.to_owned()),
            _ if name.len() > NAME_BYTES_MAX => {
                return Err(format!(
                    "Sec-WebSocket-Protocol lists names of at most {NAME_BYTES_MAX} bytes"
                ));
            }
            _ => self.names.push(name.to_owned()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn offer_of(lines: &[&str]) -> Result<Offer, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers
                .append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        offer(&headers)
    }

    fn chosen(lines: &[&str], ours: &[&'static str]) -> Option<String> {
        let ours: Vec<_> = ours.iter().map(|name| (*name).to_owned()).collect();
        offer_of(lines).unwrap().choose(&ours).map(str::to_owned)
    }

    #[test]
    fn an_offer_may_come_in_one_line_or_in_several() {
        let one = offer_of(&["chat, superchat"]).unwrap();
        assert_eq!(one.names, ["chat", "superchat"]);
        assert_eq!(offer_of(&["chat", " superchat "]).unwrap(), one);
        assert_eq!(offer_of(&["chat,\t, superchat,"]).unwrap(), one);
        assert_eq!(offer_of(&[]).unwrap(), Offer::default());
    }

    #[test]
    fn the_first_of_ours_that_is_offered_is_agreed_to() {
        let ours = ["stomp", "chat"];
        assert_eq!(chosen(&["chat, stomp, holdline.v1"], &ours).as_deref(), Some("stomp"));
        assert_eq!(chosen(&["holdline.v1, chat"], &ours).as_deref(), Some("chat"));
        assert_eq!(chosen(&["other, holdline.v1"], &ours).as_deref(), Some("holdline.v1"));
        assert_eq!(chosen(&["other", "holdline.v1"], &[]).as_deref(), Some("holdline.v1"));
        assert_eq!(chosen(&["other"], &ours), None);
        assert_eq!(chosen(&["Chat, HOLDLINE.V1"], &ours), None, "names differ by their case");
        assert_eq!(chosen(&[], &ours), None);
    }

    #[test]
    fn a_token_is_never_agreed_to_nor_shown() {
        let offer = offer_of(&["bearer.a.b.c, holdline.v1", "Bearer.d"]).unwrap();
        assert_eq!(
            (&*offer.names, &*offer.tokens),
            (&["holdline.v1".into()][..], &["a.b.c".into(), "d".into()][..])
        );
        assert_eq!(format!("{offer:?}"), "[\"holdline.v1\"] and 2 tokens");
        let all = ["bearer.a.b.c".to_owned(), "Bearer.d".to_owned(), "a.b.c".to_owned()];
        assert_eq!(offer.choose(&all), Some("holdline.v1"));
    }

    #[test]
    fn what_is_no_list_of_names_is_refused_without_being_repeated() {
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        let many: Vec<_> = (0..=OFFERS_MAX).map(|number| number.to_string()).collect();
        for bad in [
            "",
            " ",
            ",",
            ", ,",
            "a b",
            "a/b",
            "a;b",
            "a=b",
            "\"a\"",
            "é",
            "a, a",
            "bearer.x=",
            "bearer.x, bearer.x",
            &long,
            &many.join(","),
        ] {
            let words = offer_of(&[bad]).expect_err(bad);
            assert!(words.starts_with("Sec-WebSocket-Protocol"), "{words}");
            assert!(bad.len() < 3 || !words.contains(bad), "{words}");
        }
        offer_of(&["a", "a"]).expect_err("also across lines");
        offer_of(&[&many[1..].join(",")]).expect("just as many as there may be");
        offer_of(&[&long[1..]]).expect("just as long as it may be");
        offer_of(&[&format!("bearer.{long}")]).expect("tokens are longer");
    }
}
