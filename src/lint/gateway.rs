//! A gateway as its configuration describes it: servers, upstreams, and the ways to the backend.
//! Leaves to the rules: whether the ways are good ones.

use std::net::IpAddr;

use super::{
    effective::{Scope, named},
    expected::Expected,
    judged,
    location::choose,
    tree::Directive,
};

/// A location that proxies, with what is in force there.
#[derive(Clone, Debug)]
pub(super) struct Way<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) server: &'a Directive,
    pub(super) location: &'a Directive,
    /// Its `proxy_pass`.
    pub(super) pass: &'a Directive,
    /// The paths that were asked about and lead here.
    pub(super) routes: Vec<String>,
    /// Why it is judged as one for WebSockets; empty when it is not.
    pub(super) because: String,
}

/// Where a way leads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// To a group of servers.
    Upstream(&'a Directive),
    /// `host:port`, `host`, or `unix:…`.
    Address(&'a str),
    /// A variable says where.
    Variable,
}

/// Everything the rules look at.
#[derive(Debug)]
pub(super) struct Gateway<'a> {
    pub(super) expected: &'a Expected,
    /// `main`, or what the file is a part of.
    pub(super) context: &'static str,
    /// Whether all includes were read.
    pub(super) complete: bool,
    pub(super) outermost: Scope<'a>,
    /// The main file.
    pub(super) name: &'a str,
    pub(super) http: Vec<&'a Directive>,
    pub(super) servers: Vec<(Scope<'a>, &'a Directive)>,
    /// The servers of `stream` that proxy: bytes of any kind, WebSockets among them, but no datagrams.
    pub(super) streams: Vec<(Scope<'a>, &'a Directive)>,
    /// All locations that proxy.
    pub(super) ways: Vec<Way<'a>>,
    /// Those for WebSockets.
    pub(super) websockets: Vec<Way<'a>>,
}

impl<'a> Gateway<'a> {
    /// `root` is the whole tree, a part of a configuration standing in the blocks it is a part of.
    pub(super) fn new(
        root: &'a [Directive],
        context: &'static str,
        (name, complete): (&'a str, bool),
        expected: &'a Expected,
    ) -> Self {
        let outermost = Scope::outermost(root);
        let http: Vec<_> = named(root, "http").collect();
        let in_http = |http: &&'a Directive| {
            let scope = outermost.inside(http);
            named(http.body(), "server").map(move |server| (scope.inside(server), server))
        };
        let servers: Vec<_> = http.iter().flat_map(in_http).collect();
        let in_stream = |stream: &'a Directive| {
            let scope = outermost.inside(stream);
            named(stream.body(), "server").map(move |server| (scope.inside(server), server))
        };
        let proxies = |(_, server): &(Scope<'_>, &Directive)| {
            let udp = |listen: &Directive| listen.arguments().any(|it| it == "udp");
            named(server.body(), "proxy_pass").next().is_some()
                && !named(server.body(), "listen").any(udp)
        };
        let streams = named(root, "stream").flat_map(in_stream).filter(proxies).collect();
        let mut ways = Vec::new();
        for (scope, server) in &servers {
            collect(scope, server, server, &mut ways);
        }
        let mut gateway = Self {
            expected,
            context,
            complete,
            outermost,
            name,
            http,
            servers,
            streams,
            ways,
            websockets: Vec::new(),
        };
        gateway.mark_routes();
        gateway.websockets = judged::websockets(&gateway);
        gateway
    }

    /// The directives of this name directly in `http`.
    pub(super) fn in_http(&self, name: &str) -> impl Iterator<Item = &'a Directive> + use<'a> {
        let found: Vec<_> = self.http.iter().flat_map(|http| named(http.body(), name)).collect();
        found.into_iter()
    }

    /// The map that makes a variable, named with its dollar.
    pub(super) fn map(&self, variable: &str) -> Option<&'a Directive> {
        let bare = |text: &str| text.replace(['{', '}'], "");
        self.in_http("map").find(|map| bare(map.argument(2)) == bare(variable))
    }

    pub(super) fn upstream(&self, name: &str) -> Option<&'a Directive> {
        self.in_http("upstream").find(|upstream| upstream.argument(1).eq_ignore_ascii_case(name))
    }

    /// Where a way leads.
    pub(super) fn target(&self, way: &Way<'a>) -> Target<'a> {
        let (address, _) = split_pass(way.pass.argument(1));
        if !address.contains('$') {
            return self.upstream(address).map_or(Target::Address(address), Target::Upstream);
        }
        match self.addresses_of(way, address)[..] {
            [address] => self.upstream(address).map_or(Target::Address(address), Target::Upstream),
            _ => Target::Variable,
        }
    }

    /// Whether the way is one by a variable that can only be an address or the name of an upstream,
    /// which nginx needs no resolver for.
    pub(super) fn needs_no_resolver(&self, way: &Way<'a>) -> bool {
        !self.addresses_of(way, split_pass(way.pass.argument(1)).0).is_empty()
    }

    /// What a variable that is all of an address can be; none where one of them must be looked up.
    fn addresses_of(&self, way: &Way<'a>, variable: &str) -> Vec<&'a str> {
        let values = way.scope.set_values(variable).into_iter();
        let addresses: Vec<_> = values.map(|value| split_pass(value).0).collect();
        let known = |address: &&str| {
            let is_ip = host(address).trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
            is_ip || address.starts_with("unix:") || self.upstream(address).is_some()
        };
        if addresses.iter().all(known) { addresses } else { Vec::new() }
    }

    /// The servers that a way may lead to, each `host:port` as it is written.
    pub(super) fn addresses(&self, way: &Way<'a>) -> Vec<&'a str> {
        match self.target(way) {
            Target::Upstream(group) => {
                named(group.body(), "server").map(|server| server.argument(1)).collect()
            }
            Target::Address(address) => vec![address],
            Target::Variable => Vec::new(),
        }
    }

    /// Notes at each way which of the routes lead there.
    fn mark_routes(&mut self) {
        for (_, server) in &self.servers {
            for route in self.expected.paths() {
                let chain = choose(server.body(), &route);
                let Some(last) = chain.last() else { continue };
                let here = self.ways.iter_mut().filter(|way| std::ptr::eq(way.location, *last));
                here.for_each(|way| way.routes.push(route.clone()));
            }
        }
    }

    /// Whether one of its servers has the port that the backend listens on.
    pub(super) fn leads_to_backend(&self, way: &Way<'a>) -> bool {
        let port = self.expected.config.server.listen.port();
        let same = |address: &str| self::port(address) == Some(port);
        port != 0 && self.addresses(way).into_iter().any(same)
    }
}

/// All locations in a block that proxy, and each `if` in one that does.
fn collect<'a>(
    scope: &Scope<'a>,
    server: &'a Directive,
    block: &'a Directive,
    ways: &mut Vec<Way<'a>>,
) {
    for location in named(block.body(), "location") {
        let scope = scope.inside(location);
        let mut add = |scope: Scope<'a>, pass| {
            ways.push(Way {
                scope,
                server,
                location,
                pass,
                routes: Vec::new(),
                because: String::new(),
            });
        };
        for pass in named(location.body(), "proxy_pass") {
            add(scope.clone(), pass);
        }
        for condition in named(location.body(), "if") {
            for pass in named(condition.body(), "proxy_pass") {
                add(scope.inside(condition), pass);
            }
        }
        collect(&scope, server, location, ways);
    }
}

/// `http://address/path` as address and path; the path begins with its slash and may be empty.
pub(super) fn split_pass(text: &str) -> (&str, &str) {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    if let Some(unix) = rest.strip_prefix("unix:") {
        let end = unix.find(':').map_or(rest.len(), |at| at + "unix:".len());
        return (&rest[..end], rest[end..].trim_start_matches(':'));
    }
    // `http://backend$request_uri`: the address is known, and the path stays as it was asked for.
    let variable = ["$request_uri", "$uri"].iter().filter_map(|it| rest.find(it)).min();
    let end = rest.find('/').into_iter().chain(variable).min();
    rest.split_at(end.unwrap_or(rest.len()))
}

/// The port of `host:port`, 80 when there is none.
pub(super) fn port(address: &str) -> Option<u16> {
    if address.starts_with("unix:") {
        return None;
    }
    match address.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => port.parse().ok(),
        _ => Some(80),
    }
}

/// The host of `host:port`.
pub(super) fn host(address: &str) -> &str {
    match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => address,
    }
}
