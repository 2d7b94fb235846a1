//! Promises about the corpus: each fault gets its findings exactly, what is good gets none.
//! Leaves to `nginx.rs`: whether nginx is of the same opinion.

use std::{collections::BTreeSet, fs};

use holdline::{
    config::Config,
    lint::{Expected, RULES, Severity, Source, lint},
};

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
        assert!(!report.judged.is_empty(), "{}: nothing was judged", sample.main.display());
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

#[test]
fn each_judged_location_is_named_with_the_reason() {
    let told = |text: &str, routes: &[&str]| {
        let routes = routes.iter().map(|route| (*route).to_owned()).collect();
        let expected = Expected::new(&Config::default()).routes(routes);
        let report = lint(&Source::from_text("f", text), &expected);
        report.judged.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let pass = "proxy_pass http://127.0.0.1:8000;";
    let upgrade = "proxy_set_header Upgrade $http_upgrade;";
    let own =
        format!("server {{\n location /a {{ {pass} {upgrade} }}\n location /b {{ {pass} }} }}");
    assert_eq!(told(&own, &[]), ["location /a (f:2), because it passes Upgrade"]);
    assert_eq!(told(&own, &["/b/c"]), ["location /b (f:3), because --route /b/c leads to it"]);
    let route = format!("server {{\n location /ws/ {{ {pass} }} }}");
    let because = "because it serves /ws/echo, a route of the backend";
    assert_eq!(told(&route, &[]), [format!("location /ws/ (f:2), {because}")]);
    let inherited = format!("server {{\n {upgrade}\n location /a {{ {pass} }} }}");
    assert_eq!(told(&inherited, &[]), ["location /a (f:3), because it inherits Upgrade"]);
    let pages = format!("server {{\n location / {{ {pass} }} }}");
    let because = "because it would serve /ws/echo, and nothing passes Upgrade";
    assert_eq!(told(&pages, &[]), [format!("location / (f:2), {because}")]);
    let hint = format!("server {{\n location / {{ {pass} }}\n location /socket {{ {pass} }} }}");
    assert_eq!(told(&hint, &[]), [""; 0], "the hint at /socket says more");
    let stream = "stream {\n server { listen 1; proxy_pass b:9000; } }";
    let because = "because it passes all bytes on, and no location passes WebSockets";
    assert_eq!(told(stream, &[]), [format!("stream server (f:2), {because}")]);
}
