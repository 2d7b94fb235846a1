//! What a finding is, and the report they stand in.
//! Leaves to `rules`: finding; to the command: how it is printed.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

/// Findings of one severity that a report has at most; the rest is counted. Nobody mends more at once.
const FINDINGS_MAX: usize = 1000;

/// How much harm it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A matter of taste, or of what cannot be judged.
    Note,
    /// It will hurt under load, in a deploy or in an attack.
    Warning,
    /// It breaks connections.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that is wrong, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file as it was named, or found from the name by an `include`.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule's name; [`RULES`](super::RULES) tells its reason.
    pub rule: &'static str,
    /// How much harm it does.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for Finding {
    /// `FILE:LINE: error: what is wrong [rule]`, and on a second line what would be right.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, severity, wrong, right } = self;
        write!(f, "{file}:{line}: {severity}: {wrong} [{rule}]\n    right: {right}")
    }
}

/// A location that was judged as a WebSocket one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The file as it was named, or found from the name by an `include`.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// As it is written: `location /socket`.
    pub location: String,
    /// Why it was taken for one: `it passes Upgrade`.
    pub because: String,
}

impl fmt::Display for Judged {
    /// `location /socket (FILE:LINE), because it passes Upgrade`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, location, because } = self;
        write!(f, "{location} ({file}:{line}), because {because}")
    }
}

/// Everything that was found, by file and line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order in which nginx reads the files, and by line.
    pub findings: Vec<Finding>,
    /// How many findings are left out: of one severity there are 1000 at most.
    pub left_out: usize,
    /// How many locations were judged as WebSocket ones.
    pub locations: usize,
    /// Which they were, and why.
    pub judged: Vec<Judged>,
}

impl Report {
    /// How many findings have this severity.
    ///
    /// ```
    /// use holdline::lint::{Report, Severity};
    ///
    /// assert_eq!(Report::default().count(Severity::Error), 0);
    /// ```
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// A place in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) line: usize,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Collects findings; the same one about the same line is kept once.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    places: HashSet<(&'static str, String, usize)>,
    /// Also of those that are left out.
    rules: HashSet<&'static str>,
    counts: HashMap<Severity, usize>,
    left_out: usize,
}

impl Findings {
    pub(super) fn add(
        &mut self,
        severity: Severity,
        rule: &'static str,
        at: Place<'_>,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) {
        let (file, line) = (at.file.to_owned(), at.line);
        let place = (rule, file.clone(), line);
        if self.places.contains(&place) {
            return;
        }
        self.rules.insert(rule);
        let count = self.counts.entry(severity).or_default();
        if *count == FINDINGS_MAX {
            self.left_out += 1;
            return;
        }
        *count += 1;
        self.places.insert(place);
        // What a configuration quotes must not steer a terminal.
        let plain = |text: String| text.replace(char::is_control, "?");
        let (wrong, right) = (plain(wrong.into()), plain(right.into()));
        self.kept.push(Finding { file, line, rule, severity, wrong, right });
    }

    pub(super) fn has(&self, rule: &str) -> bool {
        self.rules.contains(rule)
    }

    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    /// In the order of `files`, then by line.
    pub(super) fn sorted(mut self, files: &[String]) -> Vec<Finding> {
        let place = |file: &str| files.iter().position(|known| known == file);
        self.kept.sort_by_cached_key(|finding| (place(&finding.file), finding.line));
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_bound_is_counted_and_hides_no_error() {
        let mut findings = Findings::default();
        for line in 0..60_000 {
            findings.add(Severity::Note, "many", Place { file: "f", line }, "w", "r");
        }
        findings.add(Severity::Error, "last", Place { file: "f", line: 7 }, "w", "r");
        assert!(findings.has("last") && findings.has("many"));
        assert_eq!(findings.left_out(), 59_000);
        let kept = findings.sorted(&[]);
        let errors = kept.iter().filter(|it| it.severity == Severity::Error).count();
        assert_eq!((kept.len(), errors), (1001, 1));
    }
}
