//! That the page `docs/ends.md` has every cause by name, and every row its proof here.
//! What the rows say is for people to judge.

use std::collections::BTreeSet;

use holdline::disconnect::Disconnect;
use holdline::why::Cause;

use crate::harness::shipped;

/// The proofs, by the words that they are named by.
const PROOFS: [&str; 6] = [
    include_str!("labels.rs"),
    include_str!("gateway.rs"),
    include_str!("backend.rs"),
    include_str!("refusals.rs"),
    include_str!("panics.rs"),
    include_str!("tables.rs"),
];

/// The first cells of the page's tables: the names in backquotes.
fn rows(page: &str) -> Vec<&str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(name, _)| name).collect()
}

#[test]
fn the_page_has_every_cause_once_and_no_other() {
    let page = shipped::text("docs/ends.md");
    let names: Vec<_> = Cause::all().map(Cause::name).collect();
    assert_eq!(rows(&page), names, "in this order");
    assert!(Disconnect::LABELS.iter().all(|label| names.contains(label)));
}

#[test]
fn every_row_has_its_proof() {
    let proofs = PROOFS.concat();
    let mut tests = BTreeSet::new();
    for line in proofs.lines().map(str::trim_start) {
        let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
        tests.extend(name.and_then(|name| name.split('(').next()));
    }
    for cause in Cause::all() {
        let begins = format!("{cause}_is_");
        assert!(tests.iter().any(|test| test.starts_with(&begins)), "no test {begins}…");
    }
}

#[test]
fn every_row_has_all_its_columns() {
    let page = shipped::text("docs/ends.md");
    let columns = page.lines().filter(|line| line.starts_with("| `")).map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.iter().all(|cell| !cell.is_empty()), "an empty cell: {line}");
        cells.len()
    });
    assert!(columns.clone().all(|count| count == 6), "{:?}", columns.collect::<Vec<_>>());
}
