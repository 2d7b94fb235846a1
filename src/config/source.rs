//! Where a value comes from, and the reading of the two places: file and environment.
//! Which key a value belongs to and whether it is well written is left to `loader`.

use std::{
    fmt, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use ::config::{Environment, File, FileFormat, Map, Source as _, Value, ValueKind};

use super::{
    error::{Problem, plain},
    secret,
};

/// Every variable of ours begins with this. Two underscores, because an orchestrator that knows a
/// service called holdline sets variables such as `HOLDLINE_PORT` of its own.
pub(super) const PREFIX: &str = "HOLDLINE__";

/// Where the value of a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// This file.
    File(PathBuf),
    /// This environment variable.
    Variable(String),
    /// The program that embeds Holdline.
    Code,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(&plain(name)),
            Self::Code => f.write_str("code"),
        }
    }
}

/// A value as found, still under the name its author gave it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) source: Source,
}

/// What the file says. Without `required`, a file that is not there says nothing.
pub(super) fn read_file(path: &Path, required: bool) -> Result<Option<Vec<Found>>, Problem> {
    // Read here and not by the config crate: it would also try `FILE.toml` and hide the reason.
    match fs::read_to_string(path) {
        Ok(text) => read_text(path, &text).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound && !required => Ok(None),
        Err(error) => Err(Problem::file(path, error.to_string())),
    }
}

/// What the text of the file at `path` says.
pub(super) fn read_text(path: &Path, text: &str) -> Result<Vec<Found>, Problem> {
    let table = File::from_str(text, FileFormat::Toml).collect().map_err(|error| {
        let reason = match error {
            ::config::ConfigError::FileParse { cause, .. } => cause.to_string(),
            other => other.to_string(),
        };
        Problem::file(path, reason)
    })?;
    let mut found = Vec::new();
    flatten(None, table.into(), &Source::File(path.to_owned()), &mut found);
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}

/// What the environment says: each variable that begins with [`PREFIX`].
pub(super) fn read_environment(
    variables: impl IntoIterator<Item = (String, String)>,
    problems: &mut Vec<Problem>,
) -> Vec<Found> {
    let mut names = Map::new();
    let mut values = Map::new();
    for (name, value) in variables {
        // The crate reads names without regard to case, so two of them may mean one key.
        if let Some(other) = names.insert(name.to_lowercase(), name.clone())
            && is_ours(&name)
        {
            problems.push(Problem::SetTwice { first: other, second: name.clone() });
        }
        values.insert(name, value);
    }
    // No `try_parsing`: it would turn the text 007 into the number 7.
    let environment = Environment::with_prefix("HOLDLINE")
        .prefix_separator("__")
        .separator("__")
        .source(Some(values));
    let mut found: Vec<Found> = environment
        .collect()
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| {
            let name = format!("{PREFIX}{}", key.replace('.', "__")).to_lowercase();
            let name = names.get(&name).cloned().unwrap_or(name);
            Found { key, value, source: Source::Variable(name) }
        })
        .collect();
    found.sort_by(|a, b| a.key.cmp(&b.key));
    secret::read_files(found, problems)
}

fn is_ours(name: &str) -> bool {
    name.to_uppercase().starts_with(PREFIX)
}

/// Names each leaf by its path. An empty table is a leaf too, or a misspelt section would pass.
/// Only the whole file has no path: a name may be empty, and is no key's either.
fn flatten(path: Option<&str>, value: Value, source: &Source, found: &mut Vec<Found>) {
    match value.kind {
        ValueKind::Table(table) if path.is_none() || !table.is_empty() => {
            for (name, value) in table {
                let path = path.map_or_else(|| name.clone(), |path| format!("{path}.{name}"));
                flatten(Some(&path), value, source, found);
            }
        }
        _ => {
            let key = path.unwrap_or_default().to_owned();
            found.push(Found { key, value, source: source.clone() });
        }
    }
}
