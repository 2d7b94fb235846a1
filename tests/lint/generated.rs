//! Configurations that nobody wrote: quotes, escapes, comments, blocks, and now and then a sign too few.
//! Leaves to nginx: which of them are faults.

use std::{cell::Cell, fs};

use holdline::{
    config::Config,
    lint::{Expected, Source, lint},
};
use proptest::{
    prelude::*,
    test_runner::{Config as Runs, TestRunner},
};

use crate::nginx::{accepts, judge, refuses};

/// One value as people write them, and as they should not.
fn value() -> impl Strategy<Value = String> {
    let plain = prop::string::string_regex("[a-z#/.=)(-]{1,8}").expect("an expression");
    let quoted = prop::string::string_regex("[a-z #;{}\\n-]{0,8}").expect("an expression").boxed();
    prop_oneof![
        4 => plain.prop_map(|text| format!("a{text}")),
        2 => quoted.clone().prop_map(|text| format!("\"{text}'\"")),
        2 => quoted.prop_map(|text| format!("'{text}\"'")),
        1 => Just("\"a\\\"b\\\\\"".to_owned()),
        1 => Just("a\\ b\\;c\\{\\d\\\"".to_owned()),
        1 => Just("${host}-a".to_owned()),
        1 => Just("\"$host-{a}\"".to_owned()),
        1 => Just("$host-a".to_owned()),
        // Faults, as nginx sees them: something glued to a quote, a quote that is never closed.
        1 => Just("'a'b".to_owned()),
        1 => Just("\"a".to_owned()),
    ]
}

/// The tokens of one directive, or of a block with some in it.
fn directive() -> impl Strategy<Value = Vec<String>> {
    let words = |name: String, value: String| {
        ["add_header", &format!("X-{name}"), &value, ";"].map(str::to_owned).to_vec()
    };
    let one = ("[a-z]{1,4}", value()).prop_map(move |(name, value)| words(name, value));
    let flag = prop::bool::ANY.prop_map(|on| {
        ["gzip_vary", if on { "on" } else { "off" }, ";"].map(str::to_owned).to_vec()
    });
    let leaf = prop_oneof![6 => one, 1 => flag];
    leaf.prop_recursive(2, 8, 3, |inner| {
        ("[a-z]{6}", prop::collection::vec(inner, 0..3)).prop_map(|(path, inner)| {
            let head = ["location", &format!("~ /{path}"), "{"].map(str::to_owned).to_vec();
            [head, inner.concat(), vec!["}".to_owned()]].concat()
        })
    })
}

/// A whole configuration; sometimes a sign is taken out of it, or doubled.
fn configuration() -> impl Strategy<Value = String> {
    let signs = prop::option::weighted(0.5, (any::<prop::sample::Index>(), prop::bool::ANY));
    let gaps = prop::collection::vec(0..4_usize, 64);
    (prop::collection::vec(directive(), 1..5), signs, gaps).prop_map(
        |(directives, change, gaps)| {
            let mut tokens = directives.concat();
            if let Some((index, double)) = change {
                let is_sign = |token: &String| [";", "{", "}"].contains(&token.as_str());
                let places: Vec<_> = (0..tokens.len()).filter(|at| is_sign(&tokens[*at])).collect();
                let at = places[index.index(places.len())];
                if double { tokens.insert(at, tokens[at].clone()) } else { drop(tokens.remove(at)) }
            }
            let gap = |at: usize| [" ", "\n", "\t\n  ", " # it's; { a \"comment\n"][gaps[at % 64]];
            let text: String =
                tokens.iter().enumerate().map(|(at, it)| format!("{it}{}", gap(at))).collect();
            format!("events {{}}\nhttp {{\n  server {{\n{text}\n  }}\n}}\n")
        },
    )
}

#[test]
fn nginx_and_the_linter_agree_on_what_is_a_fault() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = Expected::new(&Config::default());
    let (good, bad) = (Cell::new(0), Cell::new(0));
    let runs = Runs { cases: 150, failure_persistence: None, ..Runs::default() };
    let outcome = TestRunner::new(runs).run(&configuration(), |text| {
        fs::write(folder.path().join("nginx.conf"), &text).expect("the folder is ours");
        let output = judge(folder.path(), "-t");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // Two locations of one name, which the generator does not prevent, are no fault of syntax.
        prop_assume!(!said.contains("duplicate"));
        let report = lint(&Source::from_text("nginx.conf", &text), &expected);
        let refused = refuses(&report.findings);
        let count = if refused { &bad } else { &good };
        count.set(count.get() + 1);
        prop_assert_eq!(accepts(&output), !refused, "nginx says {}\n{}\n{:#?}", said, text, report);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let (good, bad) = (good.get(), bad.get());
    assert!(good > 15 && bad > 15, "{good} accepted, {bad} refused: not much of a proof");
}
