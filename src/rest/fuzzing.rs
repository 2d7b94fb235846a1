//! What fuzzing holds `/ws/rest` to: what becomes a request obeys the operator, and the id comes back as
//! it was written. Leaves to `fuzzing.rs`: where inputs come from.

use std::{collections::BTreeMap, sync::OnceLock};

use percent_encoding::percent_decode;

use super::{answer, *};
use serde_json::value::RawValue;

/// One byte that chooses the rules, and then a message; behind a NUL, what the application answers.
pub(crate) fn target(input: &[u8]) {
    let Some((choice, text)) = input.split_first() else { return };
    let (text, body) = match text.iter().position(|byte| *byte == 0) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[][..]),
    };
    let Ok(text) = str::from_utf8(text) else { return };
    let house = &houses()[usize::from(choice & 1)];
    let written = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text).ok();
    let id = written.as_ref().and_then(|fields| fields.get("id")).map(|id| id.get());
    match house.rules.read(&Message::from(text.to_owned())) {
        Ok(Asked { id: own, request }) => {
            assert_eq!(Some(own.get()), id, "another id");
            check_request(&request, house);
            for bytes_max in [100_000, 300, usize::from(*choice)] {
                check_answer(&own, body, choice & 2 != 0, bytes_max);
            }
        }
        Err(Refused { id: own, failure }) => {
            if let Some(own) = &own {
                assert_eq!(Some(own.get()), id, "another id");
            }
            check_message(&answer::failed(own.as_deref(), &failure), own.as_deref());
        }
    }
}

/// What an operator may have set.
struct House {
    rules: Rules,
    config: Config,
    /// Where every request must lead.
    authority: &'static str,
    base: &'static str,
}

fn houses() -> &'static [House; 2] {
    static HOUSES: OnceLock<[House; 2]> = OnceLock::new();
    HOUSES.get_or_init(|| {
        [
            house("127.0.0.1:3000", "", &["/"], &["GET", "POST", "PUT", "PATCH", "DELETE"]),
            house("app.example", "/api/v1", &["/orders", "/users/"], &["GET", "POST"]),
        ]
    })
}

fn house(
    authority: &'static str,
    base: &'static str,
    prefixes: &[&str],
    methods: &[&str],
) -> House {
    let mut config = Config::default();
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    config.rest.base_url = format!("http://{authority}{base}").parse().ok();
    config.rest.path_prefixes = owned(prefixes);
    config.rest.methods = owned(methods);
    config.rest.headers = owned(&["accept", "content-type", "Idempotency-Key"]);
    let rules = Rules::new(&config).expect("rules, since there is an address");
    House { rules, config, authority, base }
}

fn check_request(request: &Request<Bytes>, house: &House) {
    let (uri, rest) = (request.uri(), &house.config.rest);
    assert!(rest.methods.iter().any(|method| method == request.method().as_str()), "{request:?}");
    assert_eq!(uri.scheme_str(), Some("http"), "{uri}");
    assert_eq!(uri.authority().map(|authority| authority.as_str()), Some(house.authority), "{uri}");
    let path = uri.path().strip_prefix(house.base).expect("a path below the base");
    let written = uri.to_string();
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written:?}");

    let mut readings = vec![path.to_owned()];
    for turn in 0..8 {
        let next = percent_decode(readings[turn].as_bytes()).decode_utf8_lossy().into_owned();
        readings.push(next);
    }
    for reading in &readings {
        let is_inside = |prefix: &String| match prefix.strip_suffix('/') {
            Some("") => reading.starts_with('/'),
            _ => reading.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')
            }),
        };
        assert!(rest.path_prefixes.iter().any(is_inside), "{reading:?} of {written}");
        let climbs = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
        assert!(!reading.split(['/', '\\']).any(climbs), "{reading:?} of {written}");
        assert!(!reading.starts_with("//") && !reading.contains(char::is_control), "{reading:?}");
    }
    for (name, value) in request.headers() {
        let is_allowed = rest.headers.iter().any(|allowed| name == allowed.as_str());
        assert!(is_allowed || *name == http::header::CONTENT_TYPE, "{name}");
        let is_plain = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
        assert!(value.as_bytes().iter().all(is_plain), "{name}: {value:?}");
        assert_eq!(request.headers().get_all(name).iter().count(), 1, "{name}");
    }
}

/// An answer of these bytes as a message: within its bound, with the same id, and the same bytes.
fn check_answer(id: &RawValue, body: &[u8], is_json: bool, bytes_max: usize) {
    let mut response = Response::new(Bytes::copy_from_slice(body));
    if is_json {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    }
    let Some(message) = answer::answered(id, &response, bytes_max) else { return };
    let fields = check_message(&message, Some(id));
    let Message::Text(text) = &message else { panic!("{message:?}") };
    assert!(text.len() <= bytes_max, "{} bytes of {bytes_max}", text.len());
    let told = fields.get("body").map(|body| body.get());
    match str::from_utf8(body) {
        Ok("") => assert_eq!(told, None),
        Ok(body) => {
            let told = told.expect("a body");
            let text = serde_json::from_str::<String>(told).ok();
            assert!(text.as_deref() == Some(body) || is_json && told == body.trim(), "{told}");
        }
        Err(_) => assert!(told.is_none() && fields.contains_key("body_base64"), "{text}"),
    }
}

/// A message to a peer is JSON and has the id that it is about.
fn check_message(message: &Message, id: Option<&RawValue>) -> BTreeMap<String, Box<RawValue>> {
    let Message::Text(text) = message else { panic!("{message:?}") };
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).expect("JSON");
    assert_eq!(fields["id"].get(), id.map_or("null", RawValue::get));
    fields
}
