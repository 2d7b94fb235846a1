//! One key of the configuration: name, unit, meaning, and the place in `Config` it stands for.
//! The list of all keys is left to `table`, spellings to `spelling`.

use ::config::Value;

use super::{Config, spelling::Read, table::KEYS};

/// A key of `holdline.toml`. The same key drives reading, messages, listings and the manual's test.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `section.name`, such as `server.listen`.
    pub name: &'static str,
    /// What its value counts, such as `bytes`.
    pub unit: &'static str,
    /// What it does, as sentences.
    pub meaning: &'static str,
    /// Whether its default is `"auto"`: worked out from the machine or from another key.
    pub auto: bool,
    /// Whether its value is never shown.
    pub secret: bool,
    /// Whether a variable with `_FILE` behind its name may name a file with the value.
    pub file: bool,
    read: fn(&mut Config, &Value) -> Read<()>,
    show: fn(&Config) -> String,
}

impl Key {
    /// The key of that name.
    ///
    /// ```
    /// use holdline::config::Key;
    ///
    /// assert!(Key::find("server.listen").is_some());
    /// assert!(Key::find("server.color").is_none());
    /// ```
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The key somebody most likely meant by `name`, if any is close.
    ///
    /// ```
    /// # use holdline::config::Key;
    /// let meant = Key::nearest("hearbeat.ping_intervall").expect("it is close");
    /// assert_eq!(meant.name, "heartbeat.ping_interval");
    /// ```
    #[must_use]
    pub fn nearest(name: &str) -> Option<&'static Self> {
        let name = name.to_lowercase();
        let (distance, key) =
            KEYS.iter().map(|key| (key.distance(&name), key)).min_by_key(|it| it.0)?;
        // Past a third of its letters a name is another word, and a wrong hint is worse than none.
        (distance * 3 <= name.len()).then_some(key)
    }

    /// The section's name, such as `server`.
    ///
    /// ```
    /// # use holdline::config::Key;
    /// let key = Key::find("server.listen").expect("it exists");
    /// assert_eq!(key.section(), "server");
    /// ```
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.split().0
    }

    /// The name within its section, such as `listen`.
    ///
    /// ```
    /// # use holdline::config::Key;
    /// let key = Key::find("server.listen").expect("it exists");
    /// assert_eq!(key.short_name(), "listen");
    /// ```
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.split().1
    }

    /// The environment variable that sets it, such as `HOLDLINE__SERVER__LISTEN`.
    ///
    /// ```
    /// # use holdline::config::Key;
    /// let key = Key::find("server.listen").expect("it exists");
    /// assert_eq!(key.variable(), "HOLDLINE__SERVER__LISTEN");
    /// ```
    #[must_use]
    pub fn variable(&self) -> String {
        format!("HOLDLINE__{}", self.name.replace('.', "__").to_uppercase())
    }

    /// Its value in `config`, in TOML's spelling; of a secret only whether there is one.
    ///
    /// ```
    /// # use holdline::config::Key;
    /// use holdline::config::Config;
    ///
    /// let key = Key::find("server.listen").expect("it exists");
    /// let mut config = Config::default();
    /// config.server.listen = ([0, 0, 0, 0], 80).into();
    /// assert_eq!(key.value(&config), "\"0.0.0.0:80\"");
    /// ```
    #[must_use]
    pub fn value(&self, config: &Config) -> String {
        (self.show)(config)
    }

    /// Its default as the manual writes it: `"auto"`, or the value in TOML's spelling.
    ///
    /// ```
    /// # use holdline::config::Key;
    /// let key = Key::find("server.listen").expect("it exists");
    /// assert_eq!(key.default_value(), "\"127.0.0.1:9000\"");
    /// ```
    #[must_use]
    pub fn default_value(&self) -> String {
        if self.auto { "\"auto\"".into() } else { self.value(&Config::default()) }
    }

    pub(super) const fn new(
        name: &'static str,
        unit: &'static str,
        meaning: &'static str,
        read: fn(&mut Config, &Value) -> Read<()>,
        show: fn(&Config) -> String,
    ) -> Self {
        Self { name, unit, meaning, auto: false, secret: false, file: false, read, show }
    }

    pub(super) const fn auto(self) -> Self {
        Self { auto: true, ..self }
    }

    pub(super) const fn secret(self) -> Self {
        Self { secret: true, file: true, ..self }
    }

    pub(super) const fn file(self) -> Self {
        Self { file: true, ..self }
    }

    /// Puts `value` where it belongs, or says which rule of spelling it breaks.
    pub(super) fn read(&self, config: &mut Config, value: &Value) -> Read<()> {
        (self.read)(config, value)
    }

    fn split(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }

    /// How many letters are off: in the whole name, or in the short name when only the section is
    /// wrong or missing.
    fn distance(&self, name: &str) -> usize {
        let short = name.rsplit_once('.').map_or(name, |(_, short)| short);
        let whole = strsim::damerau_levenshtein(self.name, name);
        whole.min(strsim::damerau_levenshtein(self.short_name(), short) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    fn nearest(name: &str) -> Option<&'static str> {
        Key::nearest(name).map(|key| key.name)
    }

    #[test]
    fn a_slip_of_the_finger_finds_the_key_that_was_meant() {
        assert_eq!(nearest("hearbeat.ping_intervall"), Some("heartbeat.ping_interval"));
        assert_eq!(nearest("server_listen"), Some("server.listen"));
        assert_eq!(nearest("SERVER.LISTEN"), Some("server.listen"));
    }

    #[test]
    fn a_key_in_the_wrong_section_or_in_none_is_found() {
        assert_eq!(nearest("server.read_timeout"), Some("gateway.read_timeout"));
        assert_eq!(nearest("ping_interval"), Some("heartbeat.ping_interval"));
    }

    #[test]
    fn a_strange_word_gets_no_hint() {
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest("database.password"), None);
        assert_eq!(nearest(""), None);
    }
}
