//! Deliberately bad samples: each rule is seen noticing what it forbids, and only that.
//! The rules themselves are left to `main`.

use super::{FILE_LINES_MAX, FUNCTION_LINES_MAX, SourceFile, findings};

const HEADING: &str = "//! Responsible for something.\n//! The rest is left to others.\n";

/// What is found in files of those paths and contents, each under a good heading.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let file = |(path, code): &(&str, &str)| SourceFile::new(path, &format!("{HEADING}{code}"));
    findings(&files.iter().map(file).collect::<Vec<_>>())
}

#[test]
fn an_import_from_a_floor_above_is_found_however_it_is_written() {
    for (code, line) in [
        ("use crate::node::Node;", 3),
        ("\nuse crate::{\n    config::{Config, Error},\n    node,\n};", 4),
        ("fn f() -> crate::node::Node { todo!() }", 3),
        ("pub(in crate::node) fn f() {}", 3),
        ("use holdline::node::Node;", 3),
    ] {
        let said = [format!("src/hub/shard.rs:{line}: floor 2 imports node from floor 4 above")];
        assert_eq!(found(&[("src/hub/shard.rs", code)]), said, "{code}");
    }
}

#[test]
fn an_import_from_below_from_the_own_folder_or_from_a_neighbour_is_fine() {
    let code = "use crate::{\n    config::Config, hub::Hub, outbox::{Outbox, Full},\n    message::{self, Message}\n};";
    assert_eq!(found(&[("src/hub/shard.rs", code)]), [""; 0]);
}

#[test]
fn an_import_through_the_crate_s_root_is_found() {
    let said = ["src/hub.rs:3: Config is no module: name where it lives"];
    assert_eq!(found(&[("src/hub.rs", "use crate::Config;")]), said);
}

#[test]
fn a_super_that_leaves_the_module_is_found() {
    let said = ["src/hub.rs:3: leaves its module: write crate::"];
    assert_eq!(found(&[("src/hub.rs", "use super::node::Node;")]), said);
    let said = ["src/hub/shard.rs:3: leaves its module: write crate::"];
    assert_eq!(found(&[("src/hub/shard.rs", "use super::super::node::Node;")]), said);
    let inside = "mod tests {\n    use super::*;\n}";
    assert_eq!(found(&[("src/hub.rs", inside), ("src/hub/shard.rs", "use super::Hub;")]), [""; 0]);
}

#[test]
fn a_circle_on_one_floor_is_found() {
    let round = [
        ("src/hub.rs", "use crate::inbound::Guard;"),
        ("src/inbound.rs", "use crate::outbox::Outbox;"),
        ("src/outbox.rs", "use crate::hub::Hub;"),
    ];
    let said = "src: imports go round in a circle: hub → inbound → outbox → hub";
    assert_eq!(found(&round), [said]);
    assert_eq!(found(&round[..2]), [""; 0]);
}

#[test]
fn a_file_without_a_floor_is_found_and_told_what_to_do() {
    let said = ["src/bus/queue.rs: bus has no floor: give it one in tests/house/main.rs and in \
                 ARCHITECTURE.md"];
    assert_eq!(found(&[("src/bus/queue.rs", "")]), said);
}

#[test]
fn a_heading_of_less_than_two_lines_is_found() {
    for text in ["", "//! One line.\n", "//! One line.\n//!\n", "// No doc.\n//! One line.\n"] {
        let findings = findings(&[SourceFile::new("src/hub.rs", text)]);
        assert_eq!(findings.len(), 1, "{text}");
        assert!(findings[0].starts_with("src/hub.rs: must begin with two lines"), "{text}");
    }
}

#[test]
fn a_file_that_is_one_line_too_long_is_found() {
    let lines = |lines: usize| found(&[("src/hub.rs", &"\n".repeat(lines - 2))]);
    assert_eq!(lines(FILE_LINES_MAX), [""; 0]);
    assert_eq!(lines(FILE_LINES_MAX + 1), ["src/hub.rs: has 331 lines, over 330: two nouns?"]);
}

#[test]
fn a_function_that_is_one_line_too_long_is_found() {
    let function = |lines: usize| {
        let body =
            "    g(\"}\", '}', b'\\'', 'a', \"\\\"}\", r#\"\"}\"#); // }\n".repeat(lines - 2);
        let code = format!("trait T {{\n    fn a();\n}}\nfn f<'a>(b: [u8; 4]) {{\n{body}}}\n");
        found(&[("src/hub.rs", &code)])
    };
    assert_eq!(function(FUNCTION_LINES_MAX), [""; 0]);
    assert_eq!(function(FUNCTION_LINES_MAX + 1), ["src/hub.rs:6: f has 76 lines, over 75"]);
}

#[test]
fn words_in_comments_and_literals_are_no_imports() {
    let code = "// crate::node\n/* crate::node */\nconst A: &str = \"crate::node\";\n\
                const B: &str = r#\"\" crate::node\"#;\nuse subcrate::node;\n\
                macro_rules! m { () => { $crate::config::x } }\n";
    assert_eq!(found(&[("src/hub.rs", code)]), [""; 0]);
}

#[test]
fn a_public_function_without_an_example_is_found_where_the_world_sees_it() {
    let example = "/// Words.\n///\n/// ```\n/// x();\n/// ```\n";
    let house = |code: &str| found(&[("src/lib.rs", "pub mod hub;"), ("src/hub.rs", code)]);
    for code in
        ["pub fn f() {}", "/// Words.\n#[must_use]\npub const fn f() {}", "pub async fn f() {}"]
    {
        let line = 2 + code.lines().count();
        assert_eq!(house(code), [format!("src/hub.rs:{line}: f has no example")], "{code}");
        assert_eq!(
            house(&format!("{example}{}", code.replace("/// Words.\n", ""))),
            [""; 0],
            "{code}"
        );
        assert_eq!(found(&[("src/lib.rs", "mod hub;"), ("src/hub.rs", code)]), [""; 0], "{code}");
    }
    let neighbour = format!("{example}pub fn f() {{}}\n\npub fn g() {{}}");
    assert_eq!(house(&neighbour), ["src/hub.rs:10: g has no example"]);
    assert_eq!(house("pub(crate) fn f() {}\nfn g() {}\n// pub fn h() {}"), [""; 0]);
}
