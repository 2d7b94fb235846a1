//! Which location of a server serves a request, as nginx chooses.
//! Leaves to `gateway.rs`: which requests are asked about.

use regex_lite::Regex;

use super::{effective::named, tree::Directive};

/// How a location is matched (`ngx_http_core_module#location`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern<'a> {
    Exact(&'a str),
    Prefix(&'a str),
    /// `^~`: no regular expression is asked after it.
    Final(&'a str),
    Regex(&'a str, bool),
    /// `@name`: reached from inside only.
    Named,
}

impl<'a> Pattern<'a> {
    pub(super) fn of(location: &'a Directive) -> Self {
        let (first, second) = (location.argument(1), location.argument(2));
        let modified = |sign: &str| match location.words.len() {
            3 => (first == sign).then_some(second),
            _ => first.strip_prefix(sign),
        };
        if let Some(path) = modified("=") {
            Self::Exact(path)
        } else if let Some(path) = modified("^~") {
            Self::Final(path)
        } else if let Some(expression) = modified("~*") {
            Self::Regex(expression, true)
        } else if let Some(expression) = modified("~") {
            Self::Regex(expression, false)
        } else if first.starts_with('@') {
            Self::Named
        } else {
            Self::Prefix(first)
        }
    }

    /// The beginning of all paths that it matches, where there is one.
    pub(super) fn prefix(self) -> Option<&'a str> {
        match self {
            Self::Prefix(path) | Self::Final(path) => Some(path),
            _ => None,
        }
    }

    /// Whether it takes everything that nobody else wants.
    pub(super) fn is_catch_all(self) -> bool {
        match self {
            Self::Prefix(path) | Self::Final(path) => path.len() <= 1,
            Self::Regex(expression, _) => {
                matches!(expression, "" | "/" | "^/" | ".*" | "^.*$" | "^")
            }
            Self::Exact(_) | Self::Named => false,
        }
    }

    fn matches(self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == path,
            Self::Prefix(prefix) | Self::Final(prefix) => path.starts_with(prefix),
            Self::Regex(expression, any_case) => {
                let flags = if any_case { "(?i)" } else { "" };
                Regex::new(&format!("{flags}{expression}")).is_ok_and(|regex| regex.is_match(path))
            }
            Self::Named => false,
        }
    }
}

/// The location that serves `path`, with those around it, outermost first; empty when there is none.
pub(super) fn choose<'a>(body: &'a [Directive], path: &str) -> Vec<&'a Directive> {
    find(body, path).0
}

/// With it, whether no other location may be asked any more.
fn find<'a>(body: &'a [Directive], path: &str) -> (Vec<&'a Directive>, bool) {
    let locations: Vec<_> =
        named(body, "location").map(|location| (location, Pattern::of(location))).collect();
    let matching = || locations.iter().filter(|(_, pattern)| pattern.matches(path));
    if let Some((exact, _)) = matching().find(|(_, pattern)| matches!(pattern, Pattern::Exact(_))) {
        return (vec![exact], true);
    }
    let longest =
        matching().max_by_key(|(_, pattern)| pattern.prefix().map_or(0, |it| it.len() + 1));
    let longest = longest.filter(|(_, pattern)| pattern.prefix().is_some());
    let mut chain = Vec::new();
    let mut closed = false;
    if let Some((location, pattern)) = longest {
        let (inner, found) = find(location.body(), path);
        chain = [vec![*location], inner].concat();
        if found {
            return (chain, true);
        }
        closed = matches!(pattern, Pattern::Final(_));
    }
    let mut regexes = matching().filter(|(_, pattern)| matches!(pattern, Pattern::Regex(..)));
    match regexes.next() {
        Some((location, _)) if !closed => {
            ([vec![*location], find(location.body(), path).0].concat(), true)
        }
        _ => (chain, false),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::lint::{finding::Findings, tree::parse};

    fn chosen(text: &str, path: &str) -> String {
        let tree = parse(&Rc::from("f"), text, &mut Findings::default());
        let chain = choose(&tree, path);
        chain.iter().map(|it| it.arguments().collect()).collect::<Vec<String>>().join(" > ")
    }

    #[test]
    fn the_longest_prefix_wins_unless_a_regular_expression_matches() {
        let text = "location / {} location /ws/ {} location /ws/rooms/ {} location ~ \\.js$ {}";
        assert_eq!(chosen(text, "/ws/echo"), "/ws/");
        assert_eq!(chosen(text, "/ws/rooms/x"), "/ws/rooms/");
        assert_eq!(chosen(text, "/ws/a.js"), "~\\.js$");
        assert_eq!(chosen(text, "/x"), "/");
        assert_eq!(chosen("location /a {}", "/b"), "");
    }

    #[test]
    fn an_exact_one_and_a_final_prefix_end_the_search() {
        let text = "location ~* ^/WS {} location = /ws/echo {} location ^~ /ws/rooms/ {}";
        assert_eq!(chosen(text, "/ws/echo"), "=/ws/echo");
        assert_eq!(chosen(text, "/ws/rooms/x"), "^~/ws/rooms/");
        assert_eq!(chosen(text, "/ws/app"), "~*^/WS");
    }

    #[test]
    fn nested_locations_are_asked_in_their_turn() {
        let text = "location ^~ /ws/ { location = /ws/echo {} location ^~ /ws/rooms/ {} }";
        assert_eq!(chosen(text, "/ws/echo"), "^~/ws/ > =/ws/echo");
        assert_eq!(chosen(text, "/ws/rooms/x"), "^~/ws/ > ^~/ws/rooms/");
        assert_eq!(chosen(text, "/ws/none"), "^~/ws/");
    }
}
