//! A file or folder of the corpus, with what its comments say it must get.
//! Leaves to `corpus.rs`: comparing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use holdline::{
    config::Config,
    lint::{Expected, Report, Source, lint},
};

use crate::tool::repository;

/// One configuration of the corpus.
pub struct Sample {
    /// Its main file.
    pub main: PathBuf,
    text: String,
}

impl Sample {
    /// Everything in `tests/lint/bad` or `tests/lint/good`.
    pub fn all(kind: &str) -> Vec<Self> {
        let folder = repository().join("tests/lint").join(kind);
        let entries = fs::read_dir(folder).expect("the corpus is there").filter_map(Result::ok);
        let main = |path: PathBuf| if path.is_dir() { path.join("nginx.conf") } else { path };
        let mut files: Vec<_> = entries.map(|entry| main(entry.path())).collect();
        files.sort();
        let read = |main| Self { text: fs::read_to_string(&main).expect("text"), main };
        files.into_iter().map(read).collect()
    }

    /// What `# with: KEY=value`, `# wanted: N` and `# route: /path` say it is held against.
    pub fn expected(&self) -> Expected {
        let variables = self.said("with").filter_map(|line| line.split_once('='));
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let loaded = Config::load_from(None, variables.collect::<Vec<_>>());
        let routes = self.said("route").map(str::to_owned).collect();
        let expected = Expected::new(&loaded.expect("a good configuration").config).routes(routes);
        match self.said("wanted").next() {
            Some(number) => expected.connections(number.parse().expect("a number")),
            None => expected,
        }
    }

    /// What is found.
    pub fn report(&self) -> Report {
        lint(&Source::read(&self.main).expect("it is there"), &self.expected())
    }

    /// Each `# gets: rule rule` as `FILE:LINE rule`, of the main file and of what lies beside it
    /// in a folder of its own.
    pub fn marks(&self) -> Vec<String> {
        let mut marks = Vec::new();
        for file in self.files() {
            let text = fs::read_to_string(&file).expect("text");
            for (index, line) in text.lines().enumerate() {
                let rules = line.split_once("# gets: ").map_or("", |(_, rules)| rules);
                let place = format!("{}:{}", file.display(), index + 1);
                marks.extend(
                    rules.split(' ').filter(|it| !it.is_empty()).map(|it| format!("{place} {it}")),
                );
            }
        }
        marks.sort();
        marks
    }

    /// All files it consists of.
    pub fn files(&self) -> Vec<PathBuf> {
        fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
                let path = entry.path();
                if path.is_dir() { collect(&path, files) } else { files.push(path) }
            }
        }
        if !self.main.ends_with("nginx.conf") {
            return vec![self.main.clone()];
        }
        let mut files = Vec::new();
        collect(self.main.parent().expect("it lies in a folder"), &mut files);
        files
    }

    /// What stands behind `# name: ` in its head.
    fn said(&self, name: &str) -> impl Iterator<Item = &str> {
        let mark = format!("# {name}: ");
        self.text.lines().filter_map(move |line| line.strip_prefix(&mark))
    }
}

/// A report as `FILE:LINE rule`, sorted.
pub fn found(report: &Report) -> Vec<String> {
    let line = |it: &holdline::lint::Finding| format!("{}:{} {}", it.file, it.line, it.rule);
    let mut found: Vec<_> = report.findings.iter().map(line).collect();
    found.sort();
    found
}
