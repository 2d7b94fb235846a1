//! `docs/faults.md` says which test proves which goal: each that it names is there, each of these here
//! is named, and no goal is left out. That the tests prove it is theirs to show.

use std::collections::BTreeSet;
use std::path::Path;

use holdline::disconnect::Disconnect;

use crate::harness::tool::repository;

const PAGE: &str = include_str!("../../docs/faults.md");

/// What the page names as `folder/file::test`.
fn named() -> BTreeSet<&'static str> {
    PAGE.split('`').skip(1).step_by(2).filter(|word| word.contains("::")).collect()
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let named = named();
    assert!(named.len() > 30, "only {} tests are named", named.len());
    for name in named {
        let (file, test) = name.split_once("::").expect("it was chosen for it");
        let path = repository().join("tests").join(file).with_extension("rs");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text.contains(&format!("fn {test}()")), "no test {name}");
    }
}

#[test]
fn every_test_of_a_fault_is_on_the_page_and_no_goal_is_left_out() {
    let named = named();
    let folder = repository().join("tests/faults");
    for entry in std::fs::read_dir(folder).expect("it is here").filter_map(Result::ok) {
        let text = std::fs::read_to_string(entry.path()).expect("a file of ours");
        let file = entry.path().file_stem().expect("it has a name").to_string_lossy().into_owned();
        for rest in text.split("#[tokio::test]\nasync fn ").skip(1) {
            let test = rest.split('(').next().expect("a name").to_owned();
            let name = format!("faults/{file}::{test}");
            assert!(named.contains(&*name), "{name} is not on the page");
        }
    }
    for label in Disconnect::LABELS {
        assert!(PAGE.contains(&format!("| `{label}` |")), "no row for {label}");
    }
    for goal in (2..=13).map(|number| format!("| R{number} |")) {
        assert!(PAGE.contains(&goal), "no row for {goal}");
    }
}
