//! What fuzzing holds the configuration to: any text is read or refused in words that say where, and
//! what is read can be shown and read again. Leaves to `fuzzing.rs`: where inputs come from.

use std::path::Path;

use super::{Config, Error, KEYS, Loaded, Problem, loader, source};

/// Between the file and the environment, which has one `NAME=value` in a line.
const BETWEEN: &str = "\n---\n";

/// The text of a file, and of an environment behind it.
pub(crate) fn target(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (file, environment) = text.split_once(BETWEEN).unwrap_or((text, ""));
    let variables = environment.lines().filter_map(|line| line.split_once('='));
    // Whatever a variable could name on this machine is not to be read.
    let variables = variables.filter(|(name, _)| !name.to_lowercase().contains("_file"));
    let variables: Vec<_> =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    match read(file, variables.clone()) {
        Ok(loaded) => shown_and_read_again(&loaded, variables),
        Err(error) => names_a_place(&error),
    }
}

fn read(text: &str, variables: Vec<(String, String)>) -> Result<Loaded, Error> {
    let path = Path::new("holdline.toml");
    loader::judge(path, source::read_text(path, text).map(Some), variables)
}

fn names_a_place(error: &Error) {
    assert!(!error.problems().is_empty());
    for problem in error.problems() {
        let said = problem.to_string();
        match problem {
            Problem::File { .. } => assert!(said.contains("line "), "{said}"),
            Problem::Value { key, .. } => assert!(said.starts_with(key), "{said}"),
            Problem::UnknownKey { .. } => assert!(!said.starts_with(" ("), "{said}"),
            Problem::SetTwice { first, second } => {
                assert!(!first.is_empty() && !second.is_empty(), "{said}");
            }
        }
        // One line for each problem; only the parser may show the lines of the file.
        let is_plain = !said.contains(char::is_control);
        assert!(is_plain || matches!(problem, Problem::File { .. }), "{said:?}");
    }
}

fn shown_and_read_again(loaded: &Loaded, mut variables: Vec<(String, String)>) {
    let default = Config::default();
    let is_shown =
        |key: &&super::Key| !key.secret || key.value(&loaded.config) == key.value(&default);
    let hidden: Vec<_> = KEYS.iter().filter(|key| !is_shown(key)).collect();
    // What is not shown must come from where it came from; out of a file it is lost.
    variables
        .retain(|(name, _)| hidden.iter().any(|key| key.variable().eq_ignore_ascii_case(name)));
    if variables.len() < hidden.len() {
        return;
    }
    let entries = KEYS.iter().filter(is_shown).map(|key| {
        format!("[{}]\n{} = {}\n", key.section(), key.short_name(), key.value(&loaded.config))
    });
    let (mut text, mut section) = (String::new(), String::new());
    for entry in entries {
        let (heading, line) = entry.split_once('\n').unwrap_or_default();
        if heading != section {
            text.push_str(heading);
            text.push('\n');
            heading.clone_into(&mut section);
        }
        text.push_str(line);
    }
    let again = read(&text, variables).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(again.config, loaded.config, "\n{text}");
}
