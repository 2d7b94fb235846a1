//! What ships, read from the files themselves: the backend's defaults, the gateway's directives.
//! Whether the numbers agree is a promise.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::stage::BINARY;
use super::tool::repository;

/// `section.key` → value as written, without quotes.
pub struct Settings(HashMap<String, String>);

impl Settings {
    /// Reads the plain TOML in which the manual and `holdline config` are written.
    pub fn read(toml: &str) -> Self {
        let (mut section, mut settings) = (String::new(), HashMap::new());
        for line in toml.lines().map(|line| line.split("  #").next().unwrap_or_default().trim()) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name.to_owned();
            } else if let Some((key, value)) = line.split_once(" = ")
                && key.bytes().all(|letter| letter.is_ascii_lowercase() || letter == b'_')
            {
                settings.insert(format!("{section}.{key}"), value.trim_matches('"').to_owned());
            }
        }
        Self(settings)
    }

    /// The value of `key`.
    ///
    /// # Panics
    /// When there is none.
    pub fn value(&self, key: &str) -> &str {
        self.0.get(key).unwrap_or_else(|| panic!("no {key}"))
    }
}

/// What the backend does when nothing is configured.
pub struct Backend(Settings);

impl Backend {
    /// Asks the binary itself.
    pub fn shipped() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output =
            Command::new(BINARY).arg("config").current_dir(folder.path()).env_clear().output();
        let output = output.expect("the binary runs");
        assert!(output.status.success(), "{output:?}");
        let settings = Settings::read(&String::from_utf8_lossy(&output.stdout));
        assert!(settings.0.len() > 25, "only {} keys", settings.0.len());
        Self(settings)
    }

    /// Every key and its value.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The duration at `key`.
    pub fn duration(&self, key: &str) -> Duration {
        duration(self.0.value(key))
    }

    /// The number at `key`.
    pub fn number(&self, key: &str) -> u64 {
        self.0.value(key).parse().unwrap_or_else(|_| panic!("{key} is no number"))
    }
}

/// The directives of nginx.conf with its includes: block path and words of each.
pub struct Gateway(Vec<(String, Vec<String>)>);

impl Gateway {
    /// Reads the files as they lie.
    pub fn shipped() -> Self {
        let folder = repository().join("deploy/nginx");
        let mut directives = Vec::new();
        read_nginx(&folder, "nginx.conf", &mut Vec::new(), &mut directives);
        Self(directives)
    }

    /// The one directive that begins with `name` directly in `block` and has `part` in it.
    ///
    /// # Panics
    /// When there is none, or more than one.
    pub fn only(&self, block: &str, name: &str, part: &str) -> Vec<String> {
        let mut found = self.0.iter().filter(|(path, words)| {
            path == block
                && words.join(" ").starts_with(&format!("{name} "))
                && words.iter().any(|word| word.contains(part))
        });
        let first = found.next().unwrap_or_else(|| panic!("no {name} {part} in {block:?}"));
        assert!(found.next().is_none(), "two of {name} {part} in {block:?}");
        first.1.clone()
    }

    fn last(&self, block: &str, name: &str) -> String {
        self.only(block, name, "").pop().expect("a directive has a value")
    }

    /// The duration at the end of such a directive.
    pub fn duration(&self, block: &str, name: &str) -> Duration {
        duration(&self.last(block, name))
    }

    /// The number at the end of such a directive.
    pub fn number(&self, block: &str, name: &str) -> u64 {
        self.last(block, name).parse().unwrap_or_else(|_| panic!("{name} is no number"))
    }
}

/// What follows `name` in one of the words.
pub fn argument(words: &[String], name: &str) -> String {
    let found = words.iter().find_map(|word| word.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no {name} in {words:?}")).to_owned()
}

/// A duration as nginx and the backend both write it.
pub fn duration(text: &str) -> Duration {
    let digits = text.len() - text.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().unwrap_or_else(|_| panic!("no duration: {text:?}"));
    match &text[digits..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number * 60),
        "h" => Duration::from_secs(number * 3600),
        "d" => Duration::from_secs(number * 86_400),
        unit => panic!("no unit {unit:?} in {text:?}"),
    }
}

/// A file of the repository.
pub fn text(file: &str) -> String {
    let path = repository().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files of a folder and what is in them.
pub fn files(folder: &Path) -> HashMap<String, String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there").filter_map(Result::ok);
    let read = |path| std::fs::read_to_string(path).expect("a configuration file is text");
    entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), read(entry.path())))
        .collect()
}

fn read_nginx(
    folder: &Path,
    file: &str,
    blocks: &mut Vec<String>,
    directives: &mut Vec<(String, Vec<String>)>,
) {
    let text = std::fs::read_to_string(folder.join(file)).expect("a shipped file is text");
    let mut words: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        // No quoted braces or semicolons matter to the numbers: a value with one is read as more
        // than one directive, and nobody asks for it.
        for word in
            line.replace('{', " { ").replace('}', " } ").replace(';', " ; ").split_whitespace()
        {
            match word {
                "{" => blocks.push(std::mem::take(&mut words).join(" ")),
                "}" => drop(blocks.pop()),
                ";" => {
                    let directive = std::mem::take(&mut words);
                    match directive.as_slice() {
                        [include, file] if include == "include" => {
                            read_nginx(folder, file, blocks, directives);
                        }
                        _ => {
                            directives
                                .push((blocks.last().cloned().unwrap_or_default(), directive));
                        }
                    }
                }
                word => words.push(word.to_owned()),
            }
        }
    }
}
