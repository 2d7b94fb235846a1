//! The address that every request stays below (`rest.base_url`).
//! Leaves to `path.rs`: which paths are looked at in the first place.

use http::Uri;
use url::{Position, Url};

/// `rest.base_url`, without the slash at its end.
#[derive(Debug)]
pub(super) struct Base {
    url: Url,
    /// Scheme, host, port and path.
    text: String,
    /// The path.
    path: String,
}

impl Base {
    pub(super) fn new(url: &Url) -> Self {
        let text = url[..Position::AfterPath].trim_end_matches('/').to_owned();
        Self { url: url.clone(), text, path: url.path().trim_end_matches('/').to_owned() }
    }

    /// The address of a path that [`check`](super::path::check) let through, with its query. None
    /// when a parser that had no part in that check reads another place from it.
    pub(super) fn join(&self, target: &str) -> Option<Uri> {
        let whole = format!("{}{target}", self.text);
        let (read, base) = (Url::parse(&whole).ok()?, &self.url);
        let path = target.split('?').next()?;
        let same = target.starts_with('/')
            && read[..Position::BeforePath] == base[..Position::BeforePath]
            && read.path().strip_prefix(&self.path) == Some(path)
            && read.fragment().is_none();
        same.then(|| whole.parse().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, target: &str) -> Option<String> {
        Base::new(&base.parse().unwrap()).join(target).map(|uri| uri.to_string())
    }

    #[test]
    fn a_path_is_appended_to_the_base_s_whether_that_ends_in_a_slash_or_not() {
        for (base, target, whole) in [
            ("http://app", "/", "http://app/"),
            ("http://app:3000/", "/a?b=c/../d", "http://app:3000/a?b=c/../d"),
            ("https://app/v1", "/a%20b/", "https://app/v1/a%20b/"),
            ("https://app/v1/", "/a", "https://app/v1/a"),
            ("http://[::1]:80/", "/a", "http://[::1]/a"),
        ] {
            assert_eq!(joined(base, target).as_deref(), Some(whole), "{base} {target}");
        }
    }

    #[test]
    fn what_another_parser_reads_elsewhere_is_refused_even_if_nobody_looked_at_it_before() {
        for target in [
            "/../x",
            "/a/..",
            "/%2e%2E/x",
            "/.%2e/x",
            "/./x",
            "/a\\..\\..\\x",
            "/a?b#c",
            "/a#b",
            "/a b",
            "@evil/x",
            ".evil/x",
            ":81/x",
            "/a\tb",
            "/ä",
            "evil",
            "/\n/evil",
        ] {
            assert_eq!(joined("http://app/v1", target), None, "{target:?}");
        }
        assert_eq!(joined("http://app", ":81/x"), None);
        assert_eq!(joined("http://app", "@evil/x"), None);
        assert_eq!(joined("http://app", ".evil/x"), None);
    }
}
