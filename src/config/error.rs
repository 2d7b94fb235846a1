//! What can be wrong with a configuration, and how it is said: key, value, source and rule.
//! Finding it is left to `loader` and `rules`.

use std::{
    borrow::Cow,
    fmt,
    path::{Path, PathBuf},
};

use super::{key::Key, source::Source, table::KEYS};

/// A configuration that cannot be used. It holds everything that is wrong with it, at least one
/// problem, so that one look is enough; shown, it has one line per problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    problems: Vec<Problem>,
}

impl Error {
    /// Everything that is wrong, in the order of the sources and then of the manual.
    ///
    /// ```
    /// use holdline::config::Config;
    ///
    /// let variables = ["HOLDLINE__SERVER__WORKERS", "HOLDLINE__LIMITS__ROOMS_MAX"];
    /// let variables = variables.map(|name| (name.to_owned(), "many".to_owned()));
    /// assert_eq!(Config::load_from(None, variables).unwrap_err().problems().len(), 2);
    /// ```
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// `Ok` when there is nothing to complain about.
    pub(super) fn unless_empty(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems }) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The file cannot be read or is not TOML.
    File {
        /// The file.
        path: PathBuf,
        /// What the system or the parser says.
        reason: String,
    },
    /// A key that does not exist.
    UnknownKey {
        /// The key as found, such as `heartbeat.ping_intervall`.
        key: String,
        /// Where it was found.
        source: Source,
        /// The key that was probably meant.
        nearest: Option<&'static str>,
    },
    /// One key given by two variables that differ in case only.
    SetTwice {
        /// One variable.
        first: String,
        /// The other.
        second: String,
    },
    /// A value that breaks a rule.
    Value {
        /// The key.
        key: &'static str,
        /// The value in TOML's spelling.
        value: String,
        /// Where it comes from.
        source: Source,
        /// The rule, beginning with a verb such as "must".
        rule: String,
    },
}

impl Problem {
    pub(super) fn file(path: &Path, reason: String) -> Self {
        Self::File { path: path.to_owned(), reason: reason.trim_end().to_owned() }
    }

    pub(super) fn unknown(key: String, source: Source) -> Self {
        let nearest = Key::nearest(&key).map(|key| key.name);
        Self::UnknownKey { key, source, nearest }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::UnknownKey { key, source, nearest } => {
                write!(f, "{} (from {source}): ", plain(key))?;
                write_unknown(f, key, source, *nearest)
            }
            Self::SetTwice { first, second } => {
                let (first, second) = (plain(first), plain(second));
                write!(f, "{first} and {second} set the same key: keep one of them")
            }
            Self::Value { key, value, source, rule } => {
                write!(f, "{}: {rule}", assignment(key, value, source))
            }
        }
    }
}

fn write_unknown(
    f: &mut fmt::Formatter<'_>,
    key: &str,
    source: &Source,
    nearest: Option<&'static str>,
) -> fmt::Result {
    let keys: Vec<_> = KEYS.iter().filter(|it| it.section() == key).map(|it| it.name).collect();
    if !keys.is_empty() {
        return write!(f, "is a section, not a key; its keys are {}", keys.join(", "));
    }
    f.write_str("is not a key of the configuration; ")?;
    match (nearest.and_then(Key::find), source) {
        (Some(key), Source::Variable(_)) => write!(f, "did you mean {}?", key.variable()),
        (Some(key), _) => write!(f, "did you mean {}?", key.name),
        (None, _) => f.write_str("`holdline config` lists them all"),
    }
}

/// A name as somebody else wrote it: in quotes and escaped where it would be more than one line, do
/// something to a terminal, or not be seen.
pub(super) fn plain(name: &str) -> Cow<'_, str> {
    match name.is_empty() || name.contains(char::is_control) {
        true => Cow::Owned(format!("{name:?}")),
        false => Cow::Borrowed(name),
    }
}

/// `key = value (where it comes from)`, the form in which every message names a value.
pub(super) fn assignment(key: &str, value: &str, source: &Source) -> String {
    match source {
        Source::Default | Source::Code => format!("{key} = {value} ({source})"),
        _ => format!("{key} = {value} (from {source})"),
    }
}
