//! Where a configuration comes from: files on disk or what `nginx -T` printed, includes put in place.
//! Leaves to `tree.rs`: reading the text of one file.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    rc::Rc,
};

use super::{
    finding::{Findings, Place, Severity},
    glob,
    tree::{Directive, parse},
};

/// Includes within includes; nginx itself has no bound but its descriptors.
const DEPTH_MAX: usize = 32;
/// Blocks around an `include`, in all files together; each file has a bound of its own.
const BLOCKS_MAX: usize = 100;
/// Files of one configuration; more is a loop of wildcards.
const FILES_MAX: usize = 5000;
/// One file. The longest that people write have some hundred kilobytes.
const BYTES_MAX: u64 = 16 << 20;

/// A configuration to be judged.
#[derive(Clone, Debug)]
pub struct Source {
    pub(super) main: String,
    /// The files of `nginx -T`; `None`: they are on disk.
    dump: Option<BTreeMap<String, String>>,
    text: String,
}

impl Source {
    /// Reads the main file from disk, or a file that `nginx -T` wrote; what it includes is read by
    /// [`lint`](super::lint), relative to its folder, as nginx does.
    ///
    /// # Errors
    /// When it cannot be read, has more than 16 MiB or is no text.
    ///
    /// ```
    /// use holdline::lint::Source;
    ///
    /// assert!(Source::read("no/such/nginx.conf".as_ref()).is_err());
    /// ```
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::from_text(&path.to_string_lossy(), &read_text(path)?))
    }

    /// A configuration that was read already: the text of a file of that name, or what `nginx -T`
    /// printed.
    ///
    /// ```
    /// use holdline::{config::Config, lint::{Expected, Source, lint}};
    ///
    /// let text = "location /ws/ {\n  proxy_pass http://127.0.0.1:9000\n}\n";
    /// let report = lint(&Source::from_text("ws.conf", text), &Expected::new(&Config::default()));
    /// assert!(report.findings.iter().any(|it| (it.rule, it.line) == ("missing-semicolon", 2)));
    /// ```
    #[must_use]
    pub fn from_text(name: &str, text: &str) -> Self {
        // A file from another system may begin with a mark of its byte order.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match split_dump(text) {
            Some((main, files)) => {
                let text = files.get(&main).cloned().unwrap_or_default();
                Self { main, dump: Some(files), text }
            }
            None => Self { main: name.to_owned(), dump: None, text: text.to_owned() },
        }
    }

    /// Each directive as it is read, with its place: `FILE:LINE name arguments`, includes put in
    /// place. For whoever wonders why something was found, or was not.
    ///
    /// ```
    /// use holdline::lint::Source;
    ///
    /// let source = Source::from_text("a.conf", "http {\n  gzip  'on'; # yes\n}");
    /// assert_eq!(source.directives(), ["a.conf:1 http", "a.conf:2 gzip on"]);
    /// ```
    #[must_use]
    pub fn directives(&self) -> Vec<String> {
        fn list(body: &[Directive], lines: &mut Vec<String>) {
            for directive in body {
                lines.push(format!("{} {}", directive.place(), directive.text()));
                list(directive.body(), lines);
            }
        }
        let mut lines = Vec::new();
        list(&self.load(&mut Findings::default()).root, &mut lines);
        lines
    }

    /// Whether it is what `nginx -T` printed: all there, and accepted by nginx.
    pub(super) fn is_dump(&self) -> bool {
        self.dump.is_some()
    }

    /// The tree of all files, includes put in place.
    pub(super) fn load(&self, findings: &mut Findings) -> Loaded {
        let mut loader =
            Loader { source: self, findings, files: Vec::new(), blocks: 0, complete: true };
        let root = loader.file(&self.main, &self.text, 0);
        Loaded { root, files: loader.files, complete: loader.complete }
    }
}

/// A configuration with everything that it includes.
pub(super) struct Loaded {
    pub(super) root: Vec<Directive>,
    /// In the order of reading.
    pub(super) files: Vec<String>,
    /// Whether all includes could be read.
    pub(super) complete: bool,
}

struct Loader<'a> {
    source: &'a Source,
    findings: &'a mut Findings,
    files: Vec<String>,
    /// Blocks around the place that is being read.
    blocks: usize,
    complete: bool,
}

impl Loader<'_> {
    fn file(&mut self, name: &str, text: &str, depth: usize) -> Vec<Directive> {
        self.files.push(name.to_owned());
        let tree = parse(&Rc::from(name), text, self.findings);
        self.expand(tree, depth)
    }

    fn expand(&mut self, tree: Vec<Directive>, depth: usize) -> Vec<Directive> {
        let mut expanded = Vec::with_capacity(tree.len());
        for mut directive in tree {
            if directive.name() == "include" && directive.words.len() == 2 {
                expanded.extend(self.include(&directive, depth));
                continue;
            }
            self.blocks += 1;
            directive.block = directive.block.map(|block| self.expand(block, depth));
            self.blocks -= 1;
            expanded.push(directive);
        }
        expanded
    }

    fn include(&mut self, directive: &Directive, depth: usize) -> Vec<Directive> {
        let wanted = self.full_name(directive.argument(1));
        let found = match &self.source.dump {
            Some(files) if glob::is_pattern(&wanted) => {
                files.keys().filter(|name| glob::matches(&wanted, name)).cloned().collect()
            }
            None if glob::is_pattern(&wanted) => glob::find(&wanted),
            _ => vec![wanted],
        };
        let mut included = Vec::new();
        for name in found {
            let deep = depth >= DEPTH_MAX || self.blocks > BLOCKS_MAX;
            let looping = deep || self.files.len() >= FILES_MAX;
            let text = match &self.source.dump {
                _ if looping => Err("it goes in a circle, or too deep".to_owned()),
                Some(files) => {
                    files.get(&name).cloned().ok_or_else(|| "it is not there".to_owned())
                }
                None => read_text(Path::new(&name)).map_err(|error| error.to_string()),
            };
            match text {
                Ok(text) => included.extend(self.file(&name, &text, depth + 1)),
                Err(why) => self.unread(directive.place(), &name, &why),
            }
        }
        included
    }

    fn unread(&mut self, at: Place<'_>, name: &str, why: &str) {
        self.complete = false;
        self.findings.add(
            Severity::Note,
            "include-unread",
            at,
            format!("{name} cannot be read here ({why}), so what it says is not judged"),
            "run this where the whole configuration is, or give it all: `nginx -T | holdline lint -`",
        );
    }

    /// Relative to the folder of the main file, wherever the `include` stands (nginx's conf prefix).
    fn full_name(&self, name: &str) -> String {
        let folder = Path::new(&self.source.main).parent().map(PathBuf::from).unwrap_or_default();
        folder.join(name).to_string_lossy().into_owned()
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let size = fs::metadata(path)?.len();
    if size > BYTES_MAX {
        return Err(io::Error::other(format!("it has {size} bytes, more than {BYTES_MAX}")));
    }
    // Lossy, because a comment in another encoding is no reason to judge nothing.
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// The first file's name and all files, if the text has nginx's marks.
fn split_dump(text: &str) -> Option<(String, BTreeMap<String, String>)> {
    let mut first = None;
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in text.split_inclusive('\n') {
        let mark = line.trim_end().strip_prefix("# configuration file ");
        if let Some(name) = mark.and_then(|rest| rest.strip_suffix(':')) {
            first.get_or_insert_with(|| name.to_owned());
            files.insert(name.to_owned(), String::new());
            current = Some(name.to_owned());
        } else if let Some(text) = current.as_ref().and_then(|name| files.get_mut(name)) {
            text.push_str(line);
        } else if !(line.starts_with("nginx: ") || line.contains(" [") || line.trim().is_empty()) {
            // Something else comes first: an ordinary file with a comment that looks like a mark.
            return None;
        }
    }
    Some((first?, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "nginx: the configuration file /n/nginx.conf syntax is ok\n\
        # configuration file /n/nginx.conf:\nevents {}\nhttp { include conf.d/*.conf; }\n\n\
        # configuration file /n/conf.d/a.conf:\nserver {\n  listen 80;\n}\n\n";

    #[test]
    fn what_nginx_printed_is_read_as_the_files_it_was() {
        let source = Source::from_text("-", DUMP);
        assert!(source.is_dump());
        let mut findings = Findings::default();
        let loaded = source.load(&mut findings);
        assert_eq!(loaded.files, ["/n/nginx.conf", "/n/conf.d/a.conf"]);
        let server = &loaded.root[1].body()[0];
        assert_eq!(server.place().to_string(), "/n/conf.d/a.conf:1");
        assert_eq!(server.body()[0].place().line, 2);
    }

    #[test]
    fn an_include_is_found_beside_the_main_file_and_a_missing_one_is_a_note() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let main = folder.path().join("nginx.conf");
        fs::create_dir(folder.path().join("sub")).expect("a folder");
        fs::write(&main, "include sub/*.conf;\ninclude missing.conf;\ninclude none*;")
            .expect("a file");
        fs::write(folder.path().join("sub/b.conf"), "b;").expect("a file");
        fs::write(folder.path().join("sub/a.conf"), "include sub/c.txt;").expect("a file");
        fs::write(folder.path().join("sub/c.txt"), "a;").expect("a file");
        let mut findings = Findings::default();
        let loaded = Source::read(&main).expect("it is there").load(&mut findings);
        let names: Vec<_> = loaded.root.iter().map(Directive::name).collect();
        assert_eq!((names, loaded.complete), (vec!["a", "b"], false));
        let findings = findings.sorted(&loaded.files);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].rule, findings[0].line), ("include-unread", 2));
    }

    #[test]
    fn blocks_do_not_pile_up_over_files_that_include_one_another() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let main = folder.path().join("nginx.conf");
        let deep = format!("{}include nginx.conf;{}", "a {".repeat(90), "}".repeat(90));
        fs::write(&main, deep).expect("a file");
        let mut findings = Findings::default();
        let loaded = Source::read(&main).expect("it is there").load(&mut findings);
        assert!(findings.has("include-unread"));
        assert_eq!(loaded.files.len(), 2, "the third would stand in 180 blocks");
    }

    #[test]
    fn a_file_that_includes_itself_ends() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let main = folder.path().join("nginx.conf");
        fs::write(&main, "include nginx.conf;").expect("a file");
        let mut findings = Findings::default();
        Source::read(&main).expect("it is there").load(&mut findings);
        assert!(findings.has("include-unread"));
    }
}
