//! What docs/timers.md and docs/troubleshooting.md tell people to type, and where they send them, is
//! there: commands with their options, metrics, keys, pages and headings.
//! That the numbers are right is left to tests/timers.rs.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use holdline::config::KEYS;

const PAGES: [(&str, &str); 2] = [
    ("timers.md", include_str!("../docs/timers.md")),
    ("troubleshooting.md", include_str!("../docs/troubleshooting.md")),
];

/// What `holdline WORDS --help` says.
fn help(words: &[&str]) -> String {
    let holdline = env!("CARGO_BIN_EXE_holdline");
    let output = Command::new(holdline).args(words).arg("--help").output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines of the page's `sh` blocks; one that ends in a backslash goes on in the next.
fn shell_lines(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(|block| {
            let block = block.replace("\\\n", " ");
            block.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

/// The words after `holdline` of each command of the page that begins with it.
fn commands(page: &str) -> Vec<Vec<String>> {
    let lines = shell_lines(page);
    let commands = lines.iter().flat_map(|line| line.split('|')).map(str::trim);
    commands
        .filter_map(|command| command.strip_prefix("holdline "))
        .map(|words| words.split_whitespace().map(str::to_owned).collect())
        .collect()
}

/// All of `text` that begins with `prefix` and goes on with letters, digits, `_`, `.` and `-`.
fn words_that_begin_with<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c));
    text.match_indices(prefix)
        .map(|(at, _)| text[at..].split(ends).next().unwrap_or_default())
        .collect()
}

#[test]
fn commands_and_options_of_the_pages_exist() {
    let all = help(&[]);
    let mut seen = 0;
    for (name, page) in PAGES {
        for words in commands(page) {
            let (command, arguments) = words.split_first().expect("a command");
            seen += 1;
            assert!(all.contains(&format!("\n  {command} ")), "{name}: no command {command}");
            let known = help(&[command]);
            for option in arguments.iter().filter(|word| word.starts_with('-')) {
                let known = known.split([' ', ',', '\n']).any(|word| word == option);
                assert!(known, "{name}: holdline {command} has no {option}");
            }
        }
    }
    assert!(seen > 15, "only {seen} commands were found");
}

#[test]
fn metrics_of_the_pages_exist() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folder = fs::read_dir(sources.join("metrics")).expect("the metrics' folder");
    let files = folder.map(|file| file.expect("a file").path());
    let known: String = files
        .chain([sources.join("metrics.rs")])
        .map(|file| fs::read_to_string(file).expect("a source file"))
        .collect();
    let page = PAGES[1].1;
    for word in words_that_begin_with(page, "holdline_") {
        // `holdline_(this|that)` in a pattern of grep is the beginning of several names.
        if word.ends_with('_') {
            assert!(known.contains(&format!("\"{word}")), "no metric begins with {word}");
            continue;
        }
        let name = word.trim_end_matches('.');
        let base = ["_sum", "_count", "_bucket"].iter().find_map(|end| name.strip_suffix(end));
        let name = base.unwrap_or(name);
        let quoted = format!("\"{name}\"");
        assert!(known.contains(&quoted), "no metric is called {name}");
    }
}

#[test]
fn keys_of_the_pages_exist() {
    let names: BTreeSet<_> = KEYS.iter().map(|key| key.name.to_owned()).collect();
    let sections: BTreeSet<_> = names.iter().filter_map(|name| name.split('.').next()).collect();
    for (page_name, page) in PAGES {
        for word in words_that_begin_with(page, "HOLDLINE__") {
            let key = word["HOLDLINE__".len()..].to_ascii_lowercase().replace("__", ".");
            assert!(names.contains(&key), "{page_name}: {word} sets nothing");
        }
        // In prose: `limits.rooms_max`.
        for quoted in page.split('`').skip(1).step_by(2) {
            let Some((section, key)) = quoted.split_once('.') else { continue };
            let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if sections.contains(section) && is_key && key != "toml" {
                assert!(names.contains(quoted), "{page_name}: there is no key {quoted}");
            }
        }
    }
}

/// The anchors that a page's headings get, as forges make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[test]
fn links_of_the_pages_lead_somewhere() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for (name, page) in PAGES {
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let text = match file {
                "" => page.to_owned(),
                file => fs::read_to_string(docs.join(file))
                    .unwrap_or_else(|error| panic!("{name}: {target}: {error}")),
            };
            let there = anchor.is_empty() || anchors(&text).contains(anchor);
            assert!(there, "{name}: no heading for {target}");
        }
    }
}

#[test]
fn every_symptom_of_the_index_is_told_and_every_one_told_begins_with_a_command() {
    let page = PAGES[1].1;
    let told: Vec<_> = page.split("\n## ").skip(1).collect();
    for section in &told {
        let heading = section.lines().next().unwrap_or_default();
        if heading.starts_with("Where the logs are") || heading.starts_with("First,") {
            continue;
        }
        let begins = section.lines().nth(2).is_some_and(|line| line == "```sh");
        assert!(begins, "{heading} does not begin with a command");
        assert!(section.contains("**Means**") || section.contains("| Means |"), "{heading}");
        assert!(section.contains("**Change**") || section.contains("| Change |"), "{heading}");
        let anchor = anchors(&format!("## {heading}")).pop_first().unwrap_or_default();
        assert!(page.contains(&format!("](#{anchor})")), "{heading} is not in the index");
    }
    assert!(told.len() > 15, "only {} symptoms", told.len());
}
