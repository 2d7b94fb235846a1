//! What is known of nginx's directives: names, numbers of arguments, where each may stand.
//! Leaves to `grammar.rs`: holding a configuration against it. The table is `directives.txt`.

use std::{collections::HashMap, sync::LazyLock};

/// One way in which a directive may be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    arguments: &'static str,
    contexts: &'static str,
    /// Whether a block follows instead of a semicolon.
    pub(super) block: bool,
}

impl Form {
    pub(super) fn allowed_in(&self, context: &str) -> bool {
        self.contexts.split(',').any(|allowed| allowed == context || allowed == "any")
    }

    /// Whether so many arguments are right.
    pub(super) fn takes(&self, count: usize) -> bool {
        match self.arguments.strip_suffix('+') {
            Some(least) => least.parse().is_ok_and(|least: usize| count >= least),
            None if self.is_flag() => count == 1,
            None => self.arguments.bytes().any(|digit| usize::from(digit - b'0') == count),
        }
    }

    /// Whether its argument is on or off.
    pub(super) fn is_flag(&self) -> bool {
        self.arguments == "flag"
    }
}

static TABLE: LazyLock<HashMap<&str, Vec<Form>>> = LazyLock::new(|| {
    let mut table: HashMap<_, Vec<_>> = HashMap::new();
    for line in include_str!("directives.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split(' ');
        let (Some(name), Some(arguments), Some(contexts)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let block = arguments.ends_with('{');
        let form = Form { arguments: arguments.trim_end_matches('{'), contexts, block };
        table.entry(name).or_default().push(form);
    }
    table
});

/// Modules that are not nginx's own, or only in its commercial edition: their directives are
/// nobody's misspelling.
const FOREIGN: &[&str] = &[
    "api",
    "app_protect",
    "auth_jwt",
    "auth_oidc",
    "brotli",
    "cache_purge",
    "dav_ext",
    "echo",
    "fancyindex",
    "geoip2",
    "health_check",
    "js_",
    "keyval",
    "lua_",
    "memc_",
    "modsecurity",
    "more_",
    "nchan",
    "ntlm",
    "opentracing",
    "otel_",
    "pagespeed",
    "passenger",
    "perl_",
    "push_stream",
    "redis",
    "replace_filter",
    "rtmp",
    "security_",
    "set_by",
    "set_decode",
    "set_encode",
    "srcache",
    "ssl_ct",
    "state",
    "status_zone",
    "sticky",
    "upload",
    "vhost_traffic",
    "vod_",
    "zone_sync",
    "zstd",
];

/// The ways to write it; none when nginx itself has no such directive.
pub(super) fn forms(name: &str) -> &'static [Form] {
    TABLE.get(name).map_or(&[], Vec::as_slice)
}

/// Whether it can be of a module that is not nginx's own.
pub(super) fn is_foreign(name: &str) -> bool {
    name.contains("_by_lua") || FOREIGN.iter().any(|prefix| name.starts_with(prefix))
}

/// What was probably meant by a name that is not known: one or two slips of the finger away.
pub(super) fn meant(name: &str, context: &str) -> Option<&'static str> {
    let slips = if name.len() < 6 { 1 } else { 2 };
    let here = TABLE.iter().filter(|(_, forms)| forms.iter().any(|form| form.allowed_in(context)));
    let near = here.map(|(known, _)| (strsim::damerau_levenshtein(name, known), *known));
    near.filter(|(distance, _)| *distance <= slips).min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let lines = include_str!("directives.txt").lines().filter(|line| !line.starts_with('#'));
        let forms: usize = TABLE.values().map(Vec::len).sum();
        assert_eq!(forms, lines.count());
        assert!(forms > 600, "{forms}");
        for (name, forms) in TABLE.iter() {
            let takes = |form: &Form| (0..12).any(|count| form.takes(count));
            assert!(forms.iter().all(takes), "{name}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_a_module_is_none() {
        assert_eq!(meant("proxy_read_timout", "location"), Some("proxy_read_timeout"));
        assert_eq!(meant("proxy_read_timout", "events"), None);
        assert!(is_foreign("geoip2_proxy") && is_foreign("access_by_lua_block"));
    }
}
