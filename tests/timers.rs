//! docs/timers.md and the defaults that `holdline probe` shows beside a measurement are the same
//! numbers. Leaves the matching of a measurement to `src/probe/known.rs`.

use std::collections::BTreeSet;

const PAGE: &str = include_str!("../docs/timers.md");
const PROGRAM: &str = include_str!("../src/probe/known.rs");

/// The head of the tables whose rows are timers.
const HEAD: &str = "| Whose | Setting | Default | Kind |";

/// Whose it is, what it is called, `idle` or `age`, and the default in seconds.
type Timer = (String, String, String, u64);

/// The rows of the program's table, each of which is one line.
fn of_the_program(source: &str) -> BTreeSet<Timer> {
    source.lines().filter_map(row_of_the_program).collect()
}

fn row_of_the_program(line: &str) -> Option<Timer> {
    let (kind, arguments) = line.trim().strip_suffix("),")?.split_once("(\"")?;
    let (gateway, rest) = arguments.split_once("\", \"")?;
    let (setting, seconds) = rest.split_once("\", ")?;
    let seconds = seconds.replace('_', "").parse().ok()?;
    Some((gateway.to_owned(), setting.to_owned(), kind.to_owned(), seconds))
}

/// The rows of the page's tables of timers that have a number, and nothing but a number, as default.
fn of_the_page(page: &str) -> BTreeSet<Timer> {
    let mut timers = BTreeSet::new();
    let mut inside = false;
    for line in page.lines() {
        inside = line.starts_with('|') && (inside || line.starts_with(HEAD));
        if inside {
            timers.extend(row_of_the_page(line));
        }
    }
    timers
}

fn row_of_the_page(line: &str) -> Option<Timer> {
    let cells: Vec<_> = line.split('|').map(|cell| cell.trim().trim_matches(['`', '*'])).collect();
    let [_, gateway, setting, default, kind, ..] = cells[..] else { return None };
    Some((gateway.to_owned(), setting.to_owned(), kind.to_owned(), seconds(default)?))
}

/// `60 s`, `2 h 4 min`, `5 days`.
fn seconds(words: &str) -> Option<u64> {
    let words: Vec<_> = words.split(' ').collect();
    let parts = words.chunks(2).map(|part| {
        let [number, unit] = part else { return None };
        let unit = match *unit {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            "day" | "days" => 86400,
            _ => return None,
        };
        Some(number.parse::<u64>().ok()? * unit)
    });
    parts.sum()
}

#[test]
fn what_probe_compares_with_stands_in_the_page_with_the_same_number() {
    let (program, page) = (of_the_program(PROGRAM), of_the_page(PAGE));
    assert!(program.len() > 30, "only {} rows were found: {program:#?}", program.len());
    let missing: Vec<_> = program.difference(&page).collect();
    assert!(missing.is_empty(), "not in docs/timers.md: {missing:#?}");
}

#[test]
fn a_default_of_the_page_is_one_that_probe_compares_with() {
    let (program, page) = (of_the_program(PROGRAM), of_the_page(PAGE));
    let missing: Vec<_> = page.difference(&program).collect();
    assert!(missing.is_empty(), "not in src/probe/known.rs: {missing:#?}");
}

#[test]
fn every_row_of_the_page_names_where_it_is_from() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Whose"));
    for row in rows {
        let source = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim();
        let named = source.contains("][") || source.contains(|c: char| c.is_ascii_digit());
        assert!(named || source.contains("measured"), "no source: {row}");
    }
}

#[test]
fn every_source_of_the_page_is_used_and_every_link_has_one() {
    let defined: BTreeSet<_> =
        PAGE.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ")).collect();
    for (name, target) in &defined {
        assert!(PAGE.contains(&format!("][{name}]")), "nothing links to {name}");
        let titled = target.starts_with("https://") && target.ends_with('"');
        assert!(titled, "{name} has no address or no title");
    }
    let names: BTreeSet<_> = defined.iter().map(|(name, _)| *name).collect();
    for link in PAGE.split("][").skip(1) {
        let name = link.split(']').next().unwrap_or_default();
        assert!(names.contains(name), "{name} has no address");
    }
}

#[test]
fn durations_of_the_page_are_understood() {
    let understood = [("60 s", 60), ("2 h 4 min", 7440), ("5 days", 432_000), ("1 day", 86400)];
    for (words, expected) in understood {
        assert_eq!(seconds(words), Some(expected), "{words}");
    }
    for words in ["none", "not stated", "20 s or 30 s", "60", ""] {
        assert_eq!(seconds(words), None, "{words}");
    }
}
