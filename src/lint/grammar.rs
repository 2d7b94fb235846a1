//! Whether each directive exists, may stand where it stands, and has as many arguments as it takes.
//! Leaves to `directives.rs`: what is known of them; to the rules: what the values mean.

use super::{
    directives::{self, Form},
    finding::{Findings, Severity},
    source::{Loaded, Source},
    tree::{Directive, is_list},
};

/// Checks everything and returns the context in which the main file stands.
///
/// A file of a folder such as `conf.d` is not the main one: it stands in `http`, in a `server` or in
/// a `location`, which is told from what it holds.
pub(super) fn check(source: &Source, loaded: &Loaded, findings: &mut Findings) -> &'static str {
    let contexts = ["main", "http", "server", "location"];
    let stands = |context: &&str| {
        let allowed = |form: &Form| form.allowed_in(context);
        let directives = loaded.root.iter().map(|it| directives::forms(it.name()));
        directives.filter(|forms| !forms.is_empty()).all(|forms| forms.iter().any(allowed))
    };
    let context = contexts.into_iter().find(stands).unwrap_or("main");
    let mut checker = Checker { dump: source.is_dump(), findings, unknown: Vec::new() };
    checker.block(&loaded.root, context);
    checker.unknown();
    if context != "main"
        && let Some(first) = loaded.root.first()
    {
        findings.add(
            Severity::Note,
            "fragment",
            first.place(),
            format!("this is a part of a configuration, judged as if it stood in `{context}`"),
            "give the main nginx.conf, or all of it (`nginx -T | holdline lint -`): what comes from \
             further out counts too",
        );
    }
    context
}

struct Checker<'a> {
    /// nginx has accepted it: what is not known here is of a module or a later nginx.
    dump: bool,
    findings: &'a mut Findings,
    /// What nobody here can judge: names, and where the first of them stands.
    unknown: Vec<Directive>,
}

impl Checker<'_> {
    fn block(&mut self, body: &[Directive], context: &str) {
        for directive in body {
            self.directive(directive, context);
        }
    }

    fn directive(&mut self, directive: &Directive, context: &str) {
        let (name, at) = (directive.name(), directive.place());
        let forms = directives::forms(name);
        if forms.is_empty() {
            let meant = directives::meant(name, context);
            match meant.filter(|_| !self.dump && !directives::is_foreign(name)) {
                Some(meant) => self.findings.add(
                    Severity::Error,
                    "unknown-directive",
                    at,
                    format!("nginx has no directive `{name}`"),
                    format!("{meant}, if that was meant"),
                ),
                None => self.unknown.push(directive.clone()),
            }
            return;
        }
        if self.dump {
            return self.inside(directive, context, name);
        }
        let here: Vec<_> = forms.iter().filter(|form| form.allowed_in(context)).collect();
        if here.is_empty() {
            let blocks = "nginx.org/en/docs/dirindex.html tells where it may stand";
            let wrong = format!("`{name}` may not stand here ({})", words_for(context));
            self.findings.add(Severity::Error, "misplaced-directive", at, wrong, blocks);
            return;
        }
        self.arguments(directive, &here);
        self.inside(directive, context, name);
    }

    fn inside(&mut self, directive: &Directive, context: &str, name: &str) {
        if let Some(body) = &directive.block
            && let Some(inner) = inner(context, name)
        {
            self.block(body, inner);
        }
    }

    fn arguments(&mut self, directive: &Directive, forms: &[&Form]) {
        let (name, count) = (directive.name(), directive.words.len() - 1);
        let right = format!("see nginx.org/en/docs/dirindex.html#{name}");
        let wrong = if !forms.iter().any(|form| form.block == directive.block.is_some()) {
            let (has, wants) =
                if directive.block.is_some() { ("a block", "`;`") } else { ("`;`", "a block") };
            format!("`{name}` ends with {has} where nginx wants {wants}")
        } else if !forms.iter().any(|form| form.takes(count)) {
            format!("`{name}` does not take {count} arguments; is a `;` missing?")
        } else if forms.iter().all(|form| form.is_flag())
            && !["on", "off"].contains(&directive.argument(1).to_ascii_lowercase().as_str())
        {
            format!("`{name}` is on or off, not `{}`", directive.argument(1))
        } else {
            return;
        };
        self.findings.add(Severity::Error, "arguments", directive.place(), wrong, right);
    }

    /// Once for all of them.
    fn unknown(&mut self) {
        let Some(first) = self.unknown.first() else { return };
        let mut names: Vec<_> = self.unknown.iter().map(|it| format!("`{}`", it.name())).collect();
        names.sort();
        names.dedup();
        self.findings.add(
            Severity::Note,
            "not-judged",
            first.place(),
            format!("not directives of nginx itself, so not judged: {}", names.join(", ")),
            "nothing, if the modules that they belong to are loaded; `nginx -t` knows",
        );
    }
}

/// The context inside a block; `None` where no directives stand.
fn inner(context: &str, name: &str) -> Option<&'static str> {
    Some(match (context, name) {
        ("main", "events") => "events",
        ("main", "http") => "http",
        ("main", "stream") => "stream",
        ("main", "mail") => "mail",
        ("http", "server") => "server",
        ("http", "upstream") => "upstream",
        ("stream", "server") => "stream_server",
        ("stream", "upstream") => "stream_upstream",
        ("mail", "server") => "mail_server",
        ("server", "if") => "sif",
        ("location", "if") => "lif",
        ("location", "limit_except") => "limit",
        ("server" | "location", "location") => "location",
        (_, name) if is_list(name) => return None,
        _ => return None,
    })
}

fn words_for(context: &str) -> String {
    match context {
        "main" => "outside all blocks".to_owned(),
        "sif" | "lif" => "in an `if`".to_owned(),
        "limit" => "in `limit_except`".to_owned(),
        _ => format!("in `{}`", context.trim_start_matches("stream_").trim_start_matches("mail_")),
    }
}
