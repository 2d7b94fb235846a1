//! Judges a gateway's nginx configuration against a backend's: what would break, cut or refuse.
//! Leaves to the command: arguments, printing and exit codes; to nginx: whether it starts.

mod catalogue;
mod directives;
mod effective;
mod expected;
mod finding;
mod forgotten;
mod gateway;
mod glob;
mod grammar;
mod judged;
mod location;
mod rules;
mod source;
mod token;
mod tree;
mod upstream;
mod value;

pub use self::{
    catalogue::{RULES, Rule},
    expected::Expected,
    finding::{Finding, Judged, Report, Severity},
    source::Source,
};

use self::{finding::Findings, gateway::Gateway, token::Word, tree::Directive};

/// Judges a configuration.
///
/// ```
/// use holdline::{config::Config, lint::{Expected, Severity, Source, lint}};
///
/// let text = "server {
///   listen 80;
///   location /ws/ {
///     proxy_pass http://127.0.0.1:9000;
///     proxy_http_version 1.1;
///     proxy_set_header Upgrade $http_upgrade;
///     proxy_set_header Connection $connection_upgrade;
///     proxy_set_header Host $http_host;
///     proxy_set_header X-Forwarded-For $remote_addr;
///     proxy_read_timeout 20s;
///   }
/// }";
/// let report = lint(&Source::from_text("ws.conf", text), &Expected::new(&Config::default()));
/// let worst = report.findings.iter().max_by_key(|finding| finding.severity).expect("findings");
/// assert_eq!((worst.rule, worst.line, worst.severity), ("read-timeout", 10, Severity::Error));
/// ```
#[must_use]
pub fn lint(source: &Source, expected: &Expected) -> Report {
    let mut findings = Findings::default();
    let loaded = source.load(&mut findings);
    let (files, complete) = (loaded.files.clone(), loaded.complete);
    // Where braces do not match, nobody knows what belongs to what.
    if ["unbalanced", "unterminated-quote", "syntax"].iter().any(|rule| findings.has(rule)) {
        let left_out = findings.left_out();
        return Report { findings: findings.sorted(&files), left_out, ..Report::default() };
    }
    let context = grammar::check(source, &loaded, &mut findings);
    let root = within(context, loaded.root);
    let gateway = Gateway::new(&root, context, (&source.main, complete), expected);
    rules::check(&gateway, &mut findings);
    let (locations, left_out) = (gateway.websockets.len(), findings.left_out());
    let judged = judged::told(&gateway);
    Report { findings: findings.sorted(&files), left_out, locations, judged }
}

/// A part of a configuration, put into the blocks that it is a part of.
fn within(context: &str, mut root: Vec<Directive>) -> Vec<Directive> {
    let around: &[&[&str]] = match context {
        "http" => &[&["http"]],
        "server" => &[&["server"], &["http"]],
        "location" => &[&["location", "/"], &["server"], &["http"]],
        _ => &[],
    };
    let Some((line, file)) = root.first().map(|first| (first.place().line, first.file.clone()))
    else {
        return root;
    };
    for names in around {
        let word = |text: &&str| Word { text: (*text).to_owned(), line, quoted: false };
        let words = names.iter().map(word).collect();
        root = vec![Directive { words, block: Some(root), file: file.clone() }];
    }
    root
}
