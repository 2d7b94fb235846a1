//! Which locations are judged as WebSocket ones and why; which only look like it.
//! Leaves to `gateway.rs`: which proxy, and what leads where; to the rules: judging.

use super::{
    finding::Judged,
    gateway::{Gateway, Way},
    location::Pattern,
    tree::Directive,
};

/// Those that were asked for; else those that say so themselves and those that a route of the
/// backend leads to; else, where nothing is sure, whatever could be meant.
pub(super) fn websockets<'a>(gateway: &Gateway<'a>) -> Vec<Way<'a>> {
    let ways = |wanted: &dyn Fn(&Way<'a>) -> bool, because: &dyn Fn(&Way<'a>) -> String| {
        let wanted = gateway.ways.iter().filter(|way| wanted(way));
        let told = wanted.map(|way| Way { because: because(way), ..way.clone() });
        told.collect::<Vec<_>>()
    };
    let first = |way: &Way<'_>| way.routes.first().cloned().unwrap_or_default();
    let routed = |way: &Way<'_>| !way.routes.is_empty();
    if gateway.expected.routes_are_asked_for() {
        return ways(&routed, &|way| format!("--route {} leads to it", first(way)));
    }
    let says_so = |way: &Way<'_>| upgrades(way) && way.scope.is_local("proxy_set_header");
    let specific = |way: &Way<'a>| {
        routed(way) && (!Pattern::of(way.location).is_catch_all() || gateway.leads_to_backend(way))
    };
    let sure = ways(&|way| says_so(way) || specific(way), &|way| match says_so(way) {
        true => "it passes Upgrade".to_owned(),
        false => format!("it serves {}, a route of the backend", first(way)),
    });
    if !sure.is_empty() {
        return sure;
    }
    // A header that is set further out is sent from everywhere: routes tell more.
    let likely = ways(&|way| upgrades(way) && routed(way), &|way| {
        format!("it inherits Upgrade and serves {}", first(way))
    });
    if !likely.is_empty() {
        return likely;
    }
    let exact = |way: &Way<'_>| matches!(Pattern::of(way.location), Pattern::Exact(_));
    let possible = ways(&|way| upgrades(way) && !exact(way), &|_| "it inherits Upgrade".to_owned());
    // A `location /` of pages is not blamed for what another location was meant to do.
    if !possible.is_empty() || gateway.ways.iter().any(looks_like_one) {
        return possible;
    }
    ways(&routed, &|way| format!("it would serve {}, and nothing passes Upgrade", first(way)))
}

/// What is judged, for people.
pub(super) fn told(gateway: &Gateway<'_>) -> Vec<Judged> {
    if gateway.websockets.is_empty() {
        return gateway.streams.iter().map(|(_, server)| told_stream(server)).collect();
    }
    let mut told: Vec<_> = gateway
        .websockets
        .iter()
        .map(|way| {
            let plain = |text: &str| text.replace(char::is_control, "?");
            let at = way.location.place();
            Judged {
                file: at.file.to_owned(),
                line: at.line,
                location: plain(&way.location.text()),
                because: plain(&way.because),
            }
        })
        .collect();
    told.dedup_by(|one, other| (&one.file, one.line) == (&other.file, other.line));
    told
}

fn told_stream(server: &Directive) -> Judged {
    let at = server.place();
    Judged {
        file: at.file.to_owned(),
        line: at.line,
        location: "stream server".to_owned(),
        because: "it passes all bytes on, and no location passes WebSockets".to_owned(),
    }
}

/// Those that are not judged, although they look like WebSocket ones.
pub(super) fn overlooked<'g, 'a>(gateway: &'g Gateway<'a>) -> impl Iterator<Item = &'g Way<'a>> {
    let asked = gateway.expected.routes_are_asked_for();
    let judged = |way: &Way<'_>| {
        gateway.websockets.iter().any(|known| std::ptr::eq(known.location, way.location))
    };
    gateway.ways.iter().filter(move |way| !asked && looks_like_one(way) && !judged(way))
}

/// Whether the header Upgrade is sent from there.
pub(super) fn upgrades(way: &Way<'_>) -> bool {
    way.scope.header("Upgrade").is_some_and(|header| !header.argument(2).is_empty())
}

/// Whether its path says so, or its HTTP version, as half a recipe for WebSockets.
fn looks_like_one(way: &Way<'_>) -> bool {
    let pattern = Pattern::of(way.location);
    // Scripts of a page are named after what they talk to.
    let file = [".js", ".css", ".html", ".svg", ".json", ".map"];
    let is_file = file.iter().any(|end| way.location.arguments().any(|it| it.ends_with(end)));
    if pattern.is_catch_all() || is_file || matches!(pattern, Pattern::Named) {
        return false;
    }
    // With a Connection of its own it is the recipe for keeping connections to the backend.
    let half = way.scope.is_local("proxy_http_version")
        && way.scope.one("proxy_http_version").is_some_and(|it| it.argument(1) == "1.1")
        && way.scope.header("Connection").is_none();
    let path = way.location.arguments().collect::<String>().to_ascii_lowercase();
    let word = |word: &str| matches!(word, "ws" | "wss");
    half || ["socket", "chat", "cable", "hub"].iter().any(|name| path.contains(name))
        || path.split(|c: char| !c.is_ascii_alphanumeric()).any(word)
}
