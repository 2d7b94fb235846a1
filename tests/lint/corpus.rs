//! Promises about the corpus: each fault gets its findings exactly, what is good gets none.
//! Leaves to `nginx.rs`: whether nginx is of the same opinion.

use std::{collections::BTreeSet, fs};

use holdline::lint::{RULES, Severity};

use crate::{
    sample::{Sample, found},
    tool::repository,
};

#[test]
fn every_bad_configuration_gets_exactly_the_findings_that_it_says() {
    let samples = Sample::all("bad");
    assert!(samples.len() >= 90, "only {} files", samples.len());
    for sample in samples {
        let marks = sample.marks();
        assert!(!marks.is_empty(), "{}: says nothing", sample.main.display());
        let report = sample.report();
        assert_eq!(found(&report), marks, "{}\n{report:#?}", sample.main.display());
    }
}

#[test]
fn every_good_configuration_gets_notes_at_most() {
    let samples = Sample::all("good");
    assert!(samples.len() >= 5, "only {} files", samples.len());
    for sample in samples {
        let mut report = sample.report();
        assert!(report.locations > 0, "{}: nothing was judged", sample.main.display());
        report.findings.retain(|finding| finding.severity > Severity::Note);
        assert!(report.findings.is_empty(), "{}: {report:#?}", sample.main.display());
    }
}

#[test]
fn every_rule_has_a_bad_configuration_and_a_reason_and_a_line_in_the_manual() {
    let marks: Vec<_> = Sample::all("bad").iter().flat_map(Sample::marks).collect();
    let used: BTreeSet<_> = marks.iter().filter_map(|mark| mark.split(' ').next_back()).collect();
    let known: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(known.len(), RULES.len(), "two rules of one name");
    assert_eq!(used, known);
    let manual = fs::read_to_string(repository().join("docs/lint.md")).expect("docs/lint.md");
    for rule in RULES {
        let line = format!("| `{}` | {} | {} | ", rule.name, rule.checks, rule.reason);
        assert!(manual.contains(&line), "docs/lint.md has no line\n{line}");
        assert!(manual.contains(rule.page), "docs/lint.md has no link {}", rule.page);
    }
}

#[test]
fn each_finding_says_what_would_be_right() {
    for sample in Sample::all("bad") {
        for finding in sample.report().findings {
            assert!(finding.wrong.len() > 10 && finding.right.len() > 3, "{finding:?}");
            assert!(!finding.wrong.ends_with('.') && !finding.wrong.contains("  "), "{finding:?}");
        }
    }
}
