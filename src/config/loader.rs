//! From a file and the environment to a checked `Config` that knows where each value came from.
//! Reading the places is left to `source`, one value to `spelling`, what fits together to `rules`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    Config,
    error::{Error, Problem},
    key::Key,
    rules,
    sections::Heartbeat,
    source::{self, Found, Source},
    spelling::{show_hidden, show_written},
    table::KEYS,
};

/// The file that is read when none is named: this one in the working directory, if it is there.
pub const FILE_DEFAULT: &str = "holdline.toml";

/// A checked configuration and its history.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration, every key resolved.
    pub config: Config,
    /// What is allowed but hardly meant, one sentence each; for the log.
    pub warnings: Vec<String>,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Where each value comes from.
    pub sources: Sources,
}

/// Where each value of a configuration comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<&'static str, Source>);

impl Sources {
    /// Where the value of `key` comes from.
    ///
    /// ```
    /// use holdline::config::{Config, Source};
    ///
    /// let loaded = Config::load_from(None, [])?;
    /// assert_eq!(loaded.sources.of("server.listen"), Source::Default);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(&self, key: &str) -> Source {
        self.0.get(key).cloned().unwrap_or(Source::Default)
    }

    /// For a configuration made by a program: what is not the default was set by code.
    pub(super) fn by_code(config: &Config) -> Self {
        let default = Config::default();
        let set = KEYS.iter().filter(|key| key.value(config) != key.value(&default));
        Self(set.map(|key| (key.name, Source::Code)).collect())
    }
}

/// Reads `file` (or [`FILE_DEFAULT`], if there) and then `variables`, the later winning.
pub(super) fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Error> {
    let path = file.unwrap_or(Path::new(FILE_DEFAULT));
    judge(path, source::read_file(path, file.is_some()), variables)
}

/// The same with what the file at `path` says, if there is one.
pub(super) fn judge(
    path: &Path,
    in_file: Result<Option<Vec<Found>>, Problem>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, Error> {
    let mut problems = Vec::new();
    let in_file = in_file.unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let file = in_file.is_some().then(|| path.to_owned());
    let variables: Vec<_> = variables.into_iter().collect();
    let mut warnings = stray_variables(&variables);
    let in_environment = source::read_environment(variables, &mut problems);

    // With a file that cannot be read nothing is known about how the values fit together.
    let readable = problems.is_empty();
    let found = in_file.into_iter().flatten().chain(in_environment);
    let values = by_key(found, &mut problems);
    let (config, misspelt) = read_values(&values, &mut problems);
    let sources = Sources(values.iter().map(|(key, found)| (*key, found.source.clone())).collect());
    if readable {
        let findings = rules::check(&config, &sources, &misspelt);
        problems.extend(findings.problems);
        warnings.extend(findings.warnings);
    }
    Error::unless_empty(problems)?;
    Ok(Loaded { config, warnings, file, sources })
}

/// The last value found for each key; what belongs to no key is a problem.
fn by_key(
    found: impl Iterator<Item = Found>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<&'static str, Found> {
    let mut values = BTreeMap::new();
    for found in found {
        match Key::find(&found.key) {
            Some(key) => {
                values.insert(key.name, found);
            }
            // An empty section says nothing wrong.
            None if is_empty_section(&found) => {}
            None => problems.push(Problem::unknown(found.key, found.source)),
        }
    }
    values
}

fn is_empty_section(found: &Found) -> bool {
    matches!(found.value.kind, ::config::ValueKind::Table(_))
        && KEYS.iter().any(|key| key.section() == found.key)
}

/// The configuration, and the keys whose values could not be read: they hold their defaults.
fn read_values(
    values: &BTreeMap<&'static str, Found>,
    problems: &mut Vec<Problem>,
) -> (Config, BTreeSet<&'static str>) {
    let mut config = Config::default();
    let mut misspelt = BTreeSet::new();
    for key in KEYS {
        let Some(Found { value, source, .. }) = values.get(key.name) else { continue };
        if let Err(rule) = key.read(&mut config, value) {
            // What should be a public key may be a private one by mistake.
            let value = if key.file { show_hidden() } else { show_written(value) };
            let source = source.clone();
            problems.push(Problem::Value { key: key.name, value, source, rule });
            misspelt.insert(key.name);
        }
    }
    // The one default that follows from another key's value.
    if !values.contains_key("heartbeat.ping_interval") {
        let interval = Heartbeat::ping_interval_for(config.gateway.read_timeout);
        config.heartbeat.ping_interval = Some(interval);
    }
    (config, misspelt)
}

/// One warning for each variable that is a key's variable but for an underscore; it is ignored,
/// because names with a single underscore are not ours alone (the gateway has some).
fn stray_variables(variables: &[(String, String)]) -> Vec<String> {
    let flat = |name: &str| name.to_uppercase().replace("__", "_");
    let stray = variables.iter().filter_map(|(name, _)| {
        let ours = name.to_uppercase().starts_with(source::PREFIX);
        let key = KEYS.iter().find(|key| !ours && flat(&key.variable()) == flat(name))?;
        Some(format!("{name} is not read; the variable of {} is {}", key.name, key.variable()))
    });
    stray.collect()
}
