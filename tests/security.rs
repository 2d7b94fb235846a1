//! SECURITY.md is true: every limit has a row, and every row names keys, files and tests that exist.
//! That the tests prove what the rows say is left to whoever reads them.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use holdline::config::KEYS;

const PAGE: &str = include_str!("../SECURITY.md");

/// Units of keys that are no number; every other key limits something, or the page says why not.
const NO_NUMBERS: [&str; 15] = [
    "address:port",
    "http or https address",
    "list of echo, rooms",
    "list of header names",
    "list of methods",
    "list of names",
    "list of networks",
    "list of paths",
    "off or shared",
    "list of scheme://host[:port], or *",
    "PEM",
    "text",
    "text or json",
    "true or false",
    "whsec_ and base64",
];

/// What a directive of nginx that limits something is called, or ends in.
const DIRECTIVES: [&str; 8] = [
    "limit_conn",
    "limit_req",
    "worker_connections",
    "worker_rlimit_nofile",
    "_size",
    "_timeout",
    "_tries",
    "client_max_body_size",
];

/// The rows of a section's tables, as cells; heads and rulers are left out.
fn rows<'a>(page: &'a str, section: &str) -> Vec<Vec<&'a str>> {
    let heading = format!("\n## {section}\n");
    let (_, rest) = page.split_once(&heading).unwrap_or_else(|| panic!("no section {section}"));
    let text = rest.split("\n## ").next().unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    let row = |at: usize| {
        let is_head = lines.get(at + 1).is_some_and(|next| next.starts_with("|---"));
        let line = lines[at].strip_prefix("| ").filter(|_| !is_head)?;
        Some(line.trim_end_matches(" |").split(" | ").map(str::trim).collect())
    };
    (0..lines.len()).filter_map(row).collect()
}

/// What stands between backticks.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// What the tables of a section are about: of a table of limits the second column, of a table of
/// exceptions (two columns) the first.
fn listed(page: &str, section: &str) -> Vec<String> {
    let rows = rows(page, section);
    let cells = rows.iter().map(|row| if row.len() == 2 { row[0] } else { row[1] });
    cells.flat_map(names).map(str::to_owned).collect()
}

/// Everything in which a section and what there is disagree.
fn disagreements(page: &str, section: &str, there: &BTreeSet<String>) -> Vec<String> {
    let listed = listed(page, section);
    let once: BTreeSet<_> = listed.iter().cloned().collect();
    let mut said: Vec<_> =
        there.difference(&once).map(|name| format!("{name} has no row in {section}")).collect();
    said.extend(once.difference(there).map(|name| format!("{name} of {section} is no limit")));
    if listed.len() > once.len() {
        said.push(format!("{section} lists something twice: {listed:?}"));
    }
    said
}

fn keys() -> BTreeSet<String> {
    let limits = KEYS.iter().filter(|key| !NO_NUMBERS.contains(&key.unit));
    limits.map(|key| key.name.to_owned()).collect()
}

/// What is under "Limits" in `holdline link --help`, and what is called like a limit elsewhere.
fn arguments() -> BTreeSet<String> {
    let mut help = Command::new(env!("CARGO_BIN_EXE_holdline"));
    let output = help.args(["link", "--help"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (mut heading, mut found) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if !line.starts_with(' ') && line.ends_with(':') {
            heading = line.trim_end_matches(':').to_owned();
        }
        let Some(argument) = line.trim_start().strip_prefix("--") else { continue };
        let name = argument.split([' ', '=']).next().unwrap_or_default();
        if heading == "Limits" || name.ends_with("-timeout") || name.ends_with("-max") {
            found.insert(format!("--{name}"));
        }
    }
    found
}

fn directives() -> BTreeSet<String> {
    let folder = root().join("deploy/nginx");
    let includes = fs::read_dir(folder.join("holdline.d")).expect("the committed includes");
    let files =
        includes.map(|file| file.expect("a file").path()).chain([folder.join("nginx.conf")]);
    let mut found = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a readable file");
        let directives = text.lines().filter_map(|line| line.trim().split([' ', ';']).next());
        let limits = directives.filter(|name| {
            let called = |end: &&str| match end.starts_with('_') {
                true => name.ends_with(*end),
                false => name == end,
            };
            !name.starts_with('#') && DIRECTIVES.iter().any(called)
        });
        found.extend(limits.map(str::to_owned));
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether a test or a stage of that name is there.
fn exists(name: &str) -> bool {
    if let Some(stage) = name.strip_prefix("check: ") {
        let checks = fs::read_to_string(root().join("scripts/lib/checks.sh")).unwrap_or_default();
        return checks.contains(&format!("stage \"{stage}\" "));
    }
    let steps: Vec<_> = name.split("::").collect();
    let [target, modules @ .., function] = &steps[..] else { return false };
    let folder = match *target {
        "lib" | "bin" => root().join("src"),
        target if modules.is_empty() => root().join("tests").join(format!("{target}.rs")),
        target => root().join("tests").join(target),
    };
    let mut places = vec![folder.clone()];
    // Tests stand in a file of their own, or at the end of the file that they are about.
    for ending in [modules, modules.strip_suffix(&["tests"]).unwrap_or(modules)] {
        places.push(folder.join(format!("{}.rs", ending.join("/"))));
    }
    let head = format!("fn {function}(");
    let is_test = |text: &str| {
        let lines: Vec<_> = text.lines().collect();
        let at = lines.iter().position(|line| line.contains(&head));
        at.is_some_and(|at| lines[at.saturating_sub(3)..at].iter().any(|it| it.contains("test]")))
    };
    places.iter().any(|place| fs::read_to_string(place).is_ok_and(|text| is_test(&text)))
}

/// The sections whose rows name tests in their last column.
const SECTIONS: [&str; 5] = [
    "Threats",
    "Limits of a node",
    "Limits that are no keys",
    "Limits of the gateway",
    "Limits of `holdline link`",
];

/// Rows that name no test, and tests that are not there.
fn missing_tests(page: &str) -> Vec<String> {
    let mut said = Vec::new();
    for section in SECTIONS {
        for row in rows(page, section).into_iter().filter(|row| row.len() != 2) {
            let tests = names(row.last().expect("a row has cells"));
            if row.len() != 4 || tests.is_empty() {
                said.push(format!("{section}: {} has no test", row[0]));
            }
            let missing = tests.into_iter().filter(|test| !exists(test));
            said.extend(missing.map(|test| format!("{section}: {test} does not exist")));
        }
    }
    said
}

#[test]
fn every_limit_of_the_configuration_has_a_row() {
    let keys = keys();
    assert!(keys.len() > 30, "{keys:?}");
    assert_eq!(disagreements(PAGE, "Limits of a node", &keys), [""; 0]);
}

#[test]
fn every_limit_of_the_gateway_has_a_row() {
    let directives = directives();
    assert!(directives.len() > 10, "{directives:?}");
    assert_eq!(disagreements(PAGE, "Limits of the gateway", &directives), [""; 0]);
}

#[test]
fn every_limit_of_a_link_has_a_row() {
    let arguments = arguments();
    assert!(arguments.len() > 10, "{arguments:?}");
    assert_eq!(disagreements(PAGE, "Limits of `holdline link`", &arguments), [""; 0]);
}

#[test]
fn every_row_names_a_test_that_exists() {
    assert_eq!(missing_tests(PAGE), [""; 0]);
}

#[test]
fn every_threat_names_keys_and_files_that_exist() {
    let rows = rows(PAGE, "Threats");
    assert!(rows.len() > 15, "only {} threats", rows.len());
    for row in rows {
        for name in names(row[2]) {
            let is_key = KEYS.iter().any(|key| key.name == name);
            assert!(is_key || root().join(name).is_file(), "{}: no {name}", row[0]);
        }
    }
}

#[test]
fn a_page_that_lacks_something_is_noticed() {
    let broken = |from: &str, to: &str| {
        assert!(PAGE.contains(from), "{from}");
        PAGE.replacen(from, to, 1)
    };
    let page = broken("| `limits.rooms_max` |", "| `limits.houses_max` |");
    let said = disagreements(&page, "Limits of a node", &keys());
    for expected in [
        "limits.rooms_max has no row in Limits of a node",
        "limits.houses_max of Limits of a node is no limit",
    ] {
        assert!(said.iter().any(|said| said == expected), "{expected}: {said:?}");
    }
    let page = broken("`drain.window` |", "`drain.timeout` |");
    let said = disagreements(&page, "Limits of a node", &keys()).join(", ");
    assert!(said.contains("drain.window has no row") && said.contains("twice"), "{said}");
    let page = broken("`--links-max`", "`--chains-max`");
    let said = disagreements(&page, "Limits of `holdline link`", &arguments()).join(", ");
    assert!(said.contains("--links-max has no row") && said.contains("--chains-max of"), "{said}");
    let page = broken("`send_timeout`", "");
    let said = disagreements(&page, "Limits of the gateway", &directives());
    assert!(said.contains(&"send_timeout has no row in Limits of the gateway".into()), "{said:?}");
    let page = broken("e2e::limits::a_full_node", "e2e::limits::an_empty_node");
    assert!(missing_tests(&page).join(", ").contains("an_empty_node"), "a test that is none");
    let page = broken("check: gateway: gixy", "check: gateway: pixy");
    let said = missing_tests(&page);
    assert!(said.contains(&"Threats: check: gateway: pixy does not exist".into()), "{said:?}");
    let page =
        broken("`bridge::links::there_are_no_more_links_than_allowed_until_one_is_forgotten`", "");
    assert!(missing_tests(&page).join(", ").contains("Links has no test"), "a row without a test");
}
