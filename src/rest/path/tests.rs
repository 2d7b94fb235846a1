//! The path rule, case by case and against a second telling of how servers read paths.
//! What an address becomes below its base is tested beside `base.rs`.

use proptest::prelude::*;
use url::Url;

use super::*;

#[test]
fn ordinary_paths_are_let_through_and_given_back_without_their_query() {
    for (target, path) in [
        ("/", "/"),
        ("/orders", "/orders"),
        ("/orders/4711?x=1", "/orders/4711"),
        ("/a//b/", "/a//b/"),
        ("/a.b/..c/c../.well-known/x", "/a.b/..c/c../.well-known/x"),
        ("/caf%C3%A9/%F0%9F%9A%80", "/caf%C3%A9/%F0%9F%9A%80"),
        ("/100%25/%2525", "/100%25/%2525"),
        ("/a%20b;v=1,2/(c)'!$&*+~_-:@", "/a%20b;v=1,2/(c)'!$&*+~_-:@"),
        ("/a?next=/../x&y=%2e%2e%2f&z=%00%zz&w[]={|}^`'", "/a"),
        ("/a?b?c", "/a"),
        ("/a?", "/a"),
    ] {
        assert_eq!(check(target), Ok(path), "{target}");
    }
}

#[test]
fn what_could_lead_elsewhere_is_refused_however_it_is_written() {
    let dots = "holds a segment of dots";
    let slash = "holds an encoded slash, or a backslash";
    let control = "holds a control character";
    let unknown = "holds a character that RFC 3986 does not know in a path: percent-encode it";
    for (target, why) in [
        ("", "must begin with one slash"),
        ("orders", "must begin with one slash"),
        ("http://evil/", "must begin with one slash"),
        ("//evil/x", "must begin with one slash"),
        ("?x", "must begin with one slash"),
        ("@evil", "must begin with one slash"),
        ("/..", dots),
        ("/a/../b", dots),
        ("/a/./b", dots),
        ("/.", dots),
        ("/a/...", dots),
        ("/%2e%2e/a", dots),
        ("/%2E./a", dots),
        ("/.%2e", dots),
        ("/a/%252e%252E/b", dots),
        ("/%25252e.", dots),
        ("/%2525%32e%2e", dots),
        ("/%2525252e.", dots),
        ("/a/..;/b", dots),
        ("/a/..;v=1/b", dots),
        ("/a/.;/b", dots),
        ("/a/%2e%2e%3bx/b", dots),
        ("/a/..%20/b", dots),
        ("/a/%20../b", dots),
        ("/a/..%c2%a0/b", dots),
        ("/a/%e2%80%a5/b", dots),
        ("/a/%ef%bc%8e%ef%bc%8e/b", dots),
        ("/a%2fb", slash),
        ("/a%2F..%2Fb", slash),
        ("/..%2fb", slash),
        ("/a%252fb", slash),
        ("/a%5cb", slash),
        ("/..%5C..%5Cb", slash),
        ("/a%255cb", slash),
        ("/a%ef%bc%8fb", slash),
        ("/a\\b", unknown),
        ("/\\evil", unknown),
        ("/a%00", control),
        ("/a%0d%0aX: y", unknown),
        ("/a%0d%0aX:y", control),
        ("/a%250a", control),
        ("/a%7f", control),
        ("/a%c2%85", control),
        ("/a b", unknown),
        ("/a\r\nX: y", unknown),
        ("/a\tb", unknown),
        ("/a#b", unknown),
        ("/a\"b", unknown),
        ("/a<b>", unknown),
        ("/a{b}", unknown),
        ("/ä", unknown),
        ("/a\u{ff0f}b", unknown),
        ("/%c0%ae%c0%ae/a", "holds percent-encoded bytes that are not UTF-8"),
        ("/%ff", "holds percent-encoded bytes that are not UTF-8"),
        ("/%", "holds a % that does not begin a percent-encoded byte"),
        ("/%2", "holds a % that does not begin a percent-encoded byte"),
        ("/%u002e", "holds a % that does not begin a percent-encoded byte"),
        ("/%zz", "holds a % that does not begin a percent-encoded byte"),
        ("/%252525252e", "is percent-encoded too many times over"),
        ("/a?b c", "holds a character that does not belong in a query: percent-encode it"),
        ("/a?b#c", "holds a character that does not belong in a query: percent-encode it"),
        ("/a?b\r\nX: y", "holds a character that does not belong in a query: percent-encode it"),
        ("/a?\\", "holds a character that does not belong in a query: percent-encode it"),
        ("/a?ä", "holds a character that does not belong in a query: percent-encode it"),
    ] {
        assert_eq!(check(target), Err(why), "{target}");
    }
}

#[test]
fn a_path_that_is_encoded_thousands_of_times_costs_a_few_looks_and_no_more() {
    // A message's worth: decoded until nothing changes it would be looked at 20000 times.
    let target = format!("/%{}41", "25".repeat(20_000));
    assert_eq!(check(&target), Err("is percent-encoded too many times over"));
}

/// What attacks are made of, and what they are hidden in.
const PIECES: [&str; 44] = [
    "/",
    "/",
    "/",
    ".",
    "..",
    "%2e",
    "%2E",
    "%252e",
    "%25",
    "25",
    "2e",
    "2f",
    "5c",
    "%2f",
    "%5C",
    "%255c",
    "\\",
    ";",
    "a",
    "b",
    "c.",
    "%41",
    "%20",
    " ",
    "%00",
    "%0d%0a",
    "\r\n",
    "%c0%ae",
    "%c3",
    "%a9",
    "%e2%80%a4",
    "%ef%bc%8f",
    "\u{ff0e}",
    "?",
    "#",
    "@",
    ":",
    "=",
    "%",
    "%3b",
    "%3f",
    "%23",
    "//",
    "é",
];

fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..12);
    (prop::bool::weighted(0.9), pieces).prop_map(|(slash, pieces)| {
        if slash { format!("/{}", pieces.concat()) } else { pieces.concat() }
    })
}

/// Where a server is led that decodes so many times and takes backslashes for slashes: the
/// segments below its root. None when it was led above its root on the way, or would drop one.
fn led(path: &str, decodings: usize) -> Option<Vec<String>> {
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..decodings {
        bytes = percent_decode(&bytes).collect();
    }
    let text = String::from_utf8_lossy(&bytes).replace('\\', "/");
    let names = text.split('/').map(|name| name.split(';').next().unwrap_or_default());
    let names: Vec<_> = names.map(|name| name.trim_matches([' ', '\0']).to_owned()).collect();
    names.iter().all(|name| name != "." && name != "..").then_some(names)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whatever_is_let_through_stays_below_the_base_for_every_reader(target in hostile()) {
        if let Ok(path) = check(&target) {
            let base = "http://app:3000/v1/x";
            let whole = Url::parse(&format!("{base}{target}")).unwrap();
            prop_assert_eq!(&whole[..url::Position::BeforePath], "http://app:3000");
            prop_assert_eq!(whole.path(), format!("/v1/x{path}"));
            prop_assert_eq!(whole.fragment(), None);
            let segments = path.split('/').count();
            for decodings in 0..8 {
                let led = led(path, decodings);
                prop_assert!(led.is_some(), "{} times decoded it climbs", decodings);
                prop_assert_eq!(led.unwrap().len(), segments, "{} times decoded", decodings);
            }
        }
    }

    #[test]
    fn any_names_make_a_path_once_they_are_encoded(
        names in prop::collection::vec("[a-zé文 ?#\"<>{}^|`~!$&'()*+,=:@_-]{1,8}", 0..5)
    ) {
        let encode = |name: &String| {
            let set = percent_encoding::NON_ALPHANUMERIC;
            percent_encoding::utf8_percent_encode(name, set).to_string()
        };
        let path: String = names.iter().map(|name| format!("/{}", encode(name))).collect();
        let path = if path.is_empty() { "/".to_owned() } else { path };
        prop_assert_eq!(check(&path), Ok(path.as_str()));
    }
}
