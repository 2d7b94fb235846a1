//! `holdline.toml` is the manual: it has every key, at its default, with unit, meaning and reason.
//! What the keys do is proven elsewhere.

use std::{collections::BTreeMap, fs, path::Path};

use holdline::config::{Config, KEYS, Key};

const MANUAL: &str = include_str!("../holdline.toml");

/// A key of the manual: the text above it, as one line, and its value.
struct Entry {
    text: String,
    value: String,
}

/// A line that begins with `#` and no space is a key that is commented out.
fn commented_key(line: &str) -> Option<&str> {
    line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
}

fn entries(manual: &str) -> BTreeMap<String, Entry> {
    let (mut entries, mut section, mut text) = (BTreeMap::new(), "", String::new());
    for line in manual.lines() {
        if let Some((name, value)) = commented_key(line).and_then(|key| key.split_once(" = ")) {
            let entry = Entry { text: std::mem::take(&mut text), value: value.to_owned() };
            entries.insert(format!("{section}.{name}"), entry);
        } else if let Some(words) = line.strip_prefix("# ") {
            text = format!("{text} {words}");
        } else {
            section = line.strip_prefix('[').map_or(section, |name| name.trim_end_matches(']'));
            text.clear();
        }
    }
    entries
}

/// Everything in which `manual` and the code disagree.
fn disagreements(manual: &str) -> Vec<String> {
    let mut entries = entries(manual);
    let mut said = Vec::new();
    for key in KEYS {
        let Some(entry) = entries.remove(key.name) else {
            said.push(format!("{} is missing", key.name));
            continue;
        };
        said.extend(disagreement(key, &entry));
    }
    said.extend(entries.into_keys().map(|name| format!("{name} is no key")));
    said
}

fn disagreement(key: &Key, entry: &Entry) -> Option<String> {
    let (name, default) = (key.name, key.default_value());
    if entry.value != default {
        return Some(format!("{name} has the default {default}, not {}", entry.value));
    }
    let beginning = format!("{} Unit: {}.", key.meaning, key.unit);
    match entry.text.trim().strip_prefix(&beginning) {
        None => Some(format!("{name} must begin: {beginning}")),
        Some(reason) if reason.trim().len() < 20 => Some(format!("{name} gives no reason")),
        Some(_) => None,
    }
}

#[test]
fn the_manual_has_every_key_with_meaning_unit_reason_and_default() {
    assert_eq!(disagreements(MANUAL), [""; 0]);
}

#[test]
fn a_manual_that_disagrees_with_the_code_is_noticed() {
    let broken = |from: &str, to: &str| {
        assert!(MANUAL.contains(from), "{from}");
        disagreements(&MANUAL.replace(from, to))
    };
    let missing = broken("#rooms_max = 100000", "");
    assert_eq!(missing, ["limits.rooms_max is missing"]);
    let default = broken("#rooms_max = 100000", "#rooms_max = 5");
    assert_eq!(default, ["limits.rooms_max has the default 100000, not 5"]);
    let meaning = broken("The whole shutdown;", "All of it;");
    assert!(meaning[0].starts_with("drain.timeout must begin: The whole shutdown;"));
    let unit = broken("Unit: rooms.", "Unit: houses.");
    assert!(unit[0].starts_with("limits.rooms_max must begin: "));
    let reason = broken("# A healthy peer answers a close within a round trip.\n", "");
    assert_eq!(reason, ["limits.close_timeout gives no reason"]);
    let extra = broken("[log]\n", "[log]\n#colour = \"red\"\n");
    assert_eq!(extra, ["log.colour is no key"]);
}

#[test]
fn with_everything_uncommented_the_manual_is_the_default_configuration() {
    let lines = MANUAL.lines().map(|line| commented_key(line).unwrap_or(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manual.toml");
    fs::write(&path, text).expect("a writable folder");
    let loaded = Config::load_from(Some(&path), []).expect("a good configuration");
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings, [""; 0]);
    for key in KEYS {
        assert_ne!(loaded.sources.of(key.name).to_string(), "default", "{}", key.name);
    }
}

#[test]
fn as_it_lies_the_manual_sets_nothing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("holdline.toml");
    let loaded = Config::load_from(Some(&path), []).expect("a good configuration");
    assert_eq!(loaded.config, Config::default());
    assert!(KEYS.iter().all(|key| loaded.sources.of(key.name).to_string() == "default"));
}
