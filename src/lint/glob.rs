//! The wildcards of `include`: `*`, `?` and `[…]`, as glob(3) has them.
//! Leaves to `source.rs`: what is done with the files.

use std::{fs, path::PathBuf};

pub(super) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// The files that match, in the order of their names, as nginx reads them.
pub(super) fn find(pattern: &str) -> Vec<String> {
    let absolute = pattern.starts_with('/');
    let mut found = vec![PathBuf::from(if absolute { "/" } else { "" })];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = found.into_iter().flat_map(|folder| step(folder, part)).collect();
    }
    found.iter().map(|path| path.to_string_lossy().into_owned()).collect()
}

fn step(folder: PathBuf, part: &str) -> Vec<PathBuf> {
    if !is_pattern(part) {
        let next = folder.join(part);
        return if next.exists() || part == ".." { vec![next] } else { Vec::new() };
    }
    let here = if folder.as_os_str().is_empty() { ".".into() } else { folder.clone() };
    let entries = fs::read_dir(here).into_iter().flatten().filter_map(Result::ok);
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| matches(part, name)).collect();
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// Whether a path matches, a wildcard never standing for a slash or for a dot at the beginning.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let (patterns, parts): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let one = |(pattern, part): (&&str, &&str)| {
        let hidden = part.starts_with('.') && !pattern.starts_with('.');
        let (pattern, part): (Vec<_>, Vec<_>) = (pattern.chars().collect(), part.chars().collect());
        !hidden && matches_part(&pattern, &part)
    };
    patterns.len() == parts.len() && patterns.iter().zip(&parts).all(one)
}

fn matches_part(pattern: &[char], part: &[char]) -> bool {
    match pattern {
        [] => part.is_empty(),
        ['*', rest @ ..] => (0..=part.len()).any(|taken| matches_part(rest, &part[taken..])),
        ['[', rest @ ..] if rest.iter().skip(1).any(|c| *c == ']') => {
            let end = rest.iter().skip(1).position(|c| *c == ']').unwrap_or(0) + 1;
            let negated = matches!(rest[0], '!' | '^');
            let set = &rest[usize::from(negated)..end];
            let Some((first, part)) = part.split_first() else { return false };
            in_set(set, *first) != negated && matches_part(&rest[end + 1..], part)
        }
        [c, rest @ ..] => part
            .split_first()
            .is_some_and(|(first, part)| (*c == '?' || c == first) && matches_part(rest, part)),
    }
}

fn in_set(set: &[char], c: char) -> bool {
    let ranges = set.windows(3).any(|range| range[1] == '-' && (range[0]..=range[2]).contains(&c));
    ranges || set.contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_what_glob_lets_them() {
        assert!(matches("/e/*.conf", "/e/a.conf"));
        assert!(!matches("/e/*.conf", "/e/sub/a.conf"));
        assert!(!matches("/e/*", "/e/.hidden"));
        assert!(matches("/e/?[0-9].conf", "/e/x7.conf"));
        assert!(!matches("/e/[!a]*", "/e/ab"));
        assert!(matches("/e/[ab]*", "/e/ab"));
    }
}
