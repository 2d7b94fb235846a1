//! The configuration: defaults < `holdline.toml` < `HOLDLINE__*` → one checked `Config`.
//! Acting on it is left to the files that read it; nobody else judges whether numbers fit together.

mod descriptors;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod key;
mod loader;
mod name;
mod origin;
mod public_key;
mod rules;
mod secret;
mod sections;
mod source;
mod spelling;
mod table;

use std::{collections::BTreeSet, path::Path};

pub use self::{
    descriptors::{
        DESCRIPTORS_PER_WORKER, DESCRIPTORS_RESERVED, fit_descriptors, raise_descriptor_limit,
    },
    error::{Error, Problem},
    key::Key,
    loader::{FILE_DEFAULT, Loaded, Sources},
    public_key::{KeyKind, PublicKey},
    secret::Secret,
    sections::{
        Auth, Callback, Compression, CompressionMode, Control, Drain, Gateway, Heartbeat,
        LETTER_BYTES, Limits, Log, LogFormat, Rest, Server, WORKERS_MAX,
    },
    source::Source,
    spelling::{parse_bytes, parse_duration},
    table::KEYS,
};

pub(crate) use self::name::{is_name, offered_token};

/// Everything a node can be told. The default is the documented one, resolved for this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The public listener.
    pub server: Server,
    /// The control listener.
    pub control: Control,
    /// The gateway in front.
    pub gateway: Gateway,
    /// Pings and the peer's answer to them.
    pub heartbeat: Heartbeat,
    /// The bound of everything.
    pub limits: Limits,
    /// Whether messages are deflated.
    pub compression: Compression,
    /// The pace of a shutdown.
    pub drain: Drain,
    /// The form of the log.
    pub log: Log,
    /// Who may connect.
    pub auth: Auth,
    /// How the application is told of connections and messages.
    pub callback: Callback,
    /// Which HTTP requests messages may become.
    pub rest: Rest,
}

impl Config {
    /// Reads `file` and over it the environment of this process, and checks the result.
    ///
    /// Without `file`, [`FILE_DEFAULT`] in the working directory is read if it is there.
    ///
    /// # Errors
    /// Everything that is wrong, at once: an unreadable file, unknown keys, values that break a
    /// rule of their own or one beside others.
    ///
    /// ```
    /// use holdline::{config::Config, node::Node};
    ///
    /// let loaded = Config::load(None)?;
    /// for warning in &loaded.warnings {
    ///     eprintln!("{warning}");
    /// }
    /// let node = Node::new(loaded.config)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(file: Option<&Path>) -> Result<Loaded, Error> {
        // Lossy, because one variable of somebody else in another encoding must not stop us; the
        // replacement characters in one of ours break its rule.
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
        Self::load_from(file, variables)
    }

    /// [`Config::load`] with an environment of the caller's.
    ///
    /// # Errors
    /// As [`Config::load`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use holdline::config::Config;
    ///
    /// let name = "HOLDLINE__GATEWAY__READ_TIMEOUT";
    /// let variable = |value: &str| [(name.to_owned(), value.to_owned())];
    /// let config = Config::load_from(None, variable("90s"))?.config;
    /// assert_eq!(config.heartbeat.ping_interval, Some(Duration::from_secs(30)));
    /// let error = Config::load_from(None, variable("soon")).unwrap_err().to_string();
    /// assert!(error.contains("gateway.read_timeout"), "{error}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_from(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, Error> {
        loader::load(file, variables)
    }

    /// Checks a configuration made by code; returns the warnings, one sentence each.
    ///
    /// # Errors
    /// Every value that breaks a rule, alone or beside others.
    ///
    /// ```
    /// use std::time::Duration;
    /// use holdline::config::Config;
    ///
    /// let mut config = Config::default();
    /// assert!(config.validate()?.is_empty(), "no warnings");
    ///
    /// config.heartbeat.ping_interval = Some(Duration::from_secs(59));
    /// let error = config.validate().unwrap_err().to_string();
    /// assert!(error.contains("heartbeat.ping_interval"), "the gateway would cut: {error}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn validate(&self) -> Result<Vec<String>, Error> {
        let findings = rules::check(self, &Sources::by_code(self), &BTreeSet::new());
        Error::unless_empty(findings.problems)?;
        Ok(findings.warnings)
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod application_tests;
