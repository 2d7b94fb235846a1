//! The house rules a compiler does not check: floors, sizes, the two lines each file begins with, an
//! example for whatever the world may call.
//! Formatting is left to rustfmt, everything about expressions to clippy.

mod code;
mod examples;
mod samples;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use code::{functions, imports, without_words};
use examples::{without_example, world};

/// The floors, from the ground up. A file imports from the floors below, and from its own floor as
/// long as nothing goes round in a circle. A folder stands on the floor of the file it belongs to.
const FLOORS: &[&[&str]] = &[
    &["message", "route", "caller", "disconnect", "backoff", "heartbeat", "pace"],
    &[
        "config", "metrics", "deflate", "frame", "dial", "socket", "listener", "upstream",
        "problem", "request", "visitor",
    ],
    &["outbox", "inbound", "hub", "auth"],
    &["callback", "rest"],
    &["node"],
    &["connection", "link", "probe", "lint", "why"],
    &["readiness", "watchdog", "drain", "page"],
    &["server", "control", "bridge"],
    &["backend"],
    &["lib", "main", "cli", "fuzzing", "measuring"],
];

/// A file over this is two nouns.
const FILE_LINES_MAX: usize = 330;

/// A function over this does two things.
const FUNCTION_LINES_MAX: usize = 75;

#[test]
fn the_house_is_in_order() {
    let mut files = Vec::new();
    collect(Path::new(env!("CARGO_MANIFEST_DIR")), "src", &mut files);
    assert!(files.len() > 3, "no sources found");
    let findings = findings(&files);
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

struct SourceFile {
    path: String,
    text: String,
    /// The text with comments and literals blanked, line by line the same.
    code: String,
}

impl SourceFile {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: without_words(text) }
    }

    /// The module directly under the crate that this file belongs to.
    fn module(&self) -> &str {
        let inside = self.path.trim_start_matches("src/");
        inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
    }
}

fn collect(root: &Path, folder: &str, files: &mut Vec<SourceFile>) {
    let entries = fs::read_dir(root.join(folder)).expect("a readable folder");
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("a readable folder")).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(root, &path, files);
        } else if path.ends_with(".rs") {
            let text = fs::read_to_string(entry.path()).expect("a readable file");
            files.push(SourceFile::new(&path, &text));
        }
    }
}

fn findings(files: &[SourceFile]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut sideways = BTreeMap::<&str, BTreeSet<&str>>::new();
    let world = world(files);
    for file in files {
        if world.contains(file.module()) {
            findings.extend(without_example(file));
        }
        findings.extend(heading(file));
        findings.extend(length(file));
        findings.extend(long_functions(file));
        findings.extend(climbing_supers(file));
        let Some(floor) = floor(file.module()) else {
            findings.push(format!(
                "{}: {} has no floor: give it one in tests/house/main.rs and in ARCHITECTURE.md",
                file.path,
                file.module()
            ));
            continue;
        };
        for (line, module) in imports(&file.code) {
            let at = format!("{}:{line}", file.path);
            match self::floor(module) {
                None => findings.push(format!("{at}: {module} is no module: name where it lives")),
                Some(other) if other > floor => findings
                    .push(format!("{at}: floor {floor} imports {module} from floor {other} above")),
                Some(other) if other == floor && module != file.module() => {
                    sideways.entry(file.module()).or_default().insert(module);
                }
                Some(_) => {}
            }
        }
    }
    findings.extend(circle(&sideways));
    findings
}

fn heading(file: &SourceFile) -> Option<String> {
    let good = |line: Option<&str>| line.is_some_and(|line| line.starts_with("//! "));
    let mut lines = file.text.lines();
    let both = good(lines.next()) && good(lines.next());
    (!both).then(|| {
        format!(
            "{}: must begin with two lines of //!, what it is responsible for and what it leaves \
             to others",
            file.path
        )
    })
}

fn length(file: &SourceFile) -> Option<String> {
    let lines = file.text.lines().count();
    (lines > FILE_LINES_MAX)
        .then(|| format!("{}: has {lines} lines, over {FILE_LINES_MAX}: two nouns?", file.path))
}

fn long_functions(file: &SourceFile) -> Vec<String> {
    let long = functions(&file.code).into_iter().filter(|(.., lines)| *lines > FUNCTION_LINES_MAX);
    long.map(|(name, line, lines)| {
        format!("{}:{line}: {name} has {lines} lines, over {FUNCTION_LINES_MAX}", file.path)
    })
    .collect()
}

/// `super` must not leave the module, or the floors could be climbed unseen.
fn climbing_supers(file: &SourceFile) -> Vec<String> {
    let steps = file.path.matches('/').count();
    let climb = format!("use {}", "super::".repeat(steps));
    let lines = file.code.lines().enumerate();
    // Only at the left margin: inside a module within the file, `super` is the file itself.
    let climbing = lines.filter(|(_, line)| line.trim_start_matches("pub ").starts_with(&climb));
    climbing
        .map(|(index, _)| format!("{}:{}: leaves its module: write crate::", file.path, index + 1))
        .collect()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// One circle among modules of one floor, if there is any.
fn circle(sideways: &BTreeMap<&str, BTreeSet<&str>>) -> Option<String> {
    fn walk<'a>(
        module: &'a str,
        sideways: &BTreeMap<&'a str, BTreeSet<&'a str>>,
        path: &mut Vec<&'a str>,
    ) -> bool {
        path.push(module);
        let round = path[..path.len() - 1].contains(&module)
            || sideways.get(module).into_iter().flatten().any(|next| walk(next, sideways, path));
        if !round {
            path.pop();
        }
        round
    }
    sideways.keys().find_map(|module| {
        let mut path = Vec::new();
        walk(module, sideways, &mut path)
            .then(|| format!("src: imports go round in a circle: {}", path.join(" → ")))
    })
}
