//! Tokens of one file → directives and their blocks, with what is wrong about semicolons and braces.
//! Leaves to `source.rs`: includes; to `grammar.rs`: which directives there are.

use std::rc::Rc;

use super::{
    finding::{Findings, Place, Severity},
    forgotten,
    token::{Stop, Token, Word, tokens},
};

/// Blocks within blocks of one file. Whoever walks the tree calls itself for each, and nobody writes
/// more than ten.
const DEPTH_MAX: usize = 100;

/// One directive with its arguments, and its block if it has one.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    /// The name, then the arguments. Never empty.
    pub(super) words: Vec<Word>,
    pub(super) block: Option<Vec<Directive>>,
    pub(super) file: Rc<str>,
}

impl Directive {
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", |word| &word.text)
    }

    /// The argument with this number, from 1; empty when there is none.
    pub(super) fn argument(&self, number: usize) -> &str {
        self.words.get(number).map_or("", |word| &word.text)
    }

    pub(super) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(1).map(|word| word.text.as_str())
    }

    /// What follows `name=` in one of the arguments.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.arguments().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='))
    }

    pub(super) fn body(&self) -> &[Directive] {
        self.block.as_deref().unwrap_or_default()
    }

    pub(super) fn place(&self) -> Place<'_> {
        Place { file: &self.file, line: self.words.first().map_or(1, |word| word.line) }
    }

    /// As it could stand in a file, without its block.
    pub(super) fn text(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }
}

/// Blocks whose content is no directives: `source value;` pairs and the like.
pub(super) fn is_list(name: &str) -> bool {
    matches!(name, "map" | "geo" | "types" | "charset_map" | "split_clients")
}

/// Reads one file. Where its braces do not match, what was read so far is returned too.
pub(super) fn parse(file: &Rc<str>, text: &str, findings: &mut Findings) -> Vec<Directive> {
    let (tokens, stop) = tokens(text);
    let mut parser = Parser {
        file: file.clone(),
        findings,
        words: Vec::new(),
        open: Vec::new(),
        here: Vec::new(),
        line: 1,
        broken: false,
    };
    for token in tokens {
        if parser.broken {
            break;
        }
        parser.token(token);
    }
    parser.end(stop)
}

struct Parser<'a> {
    file: Rc<str>,
    findings: &'a mut Findings,
    /// Of the directive that is being read.
    words: Vec<Word>,
    /// The blocks around here: each its head, and what stands beside it.
    open: Vec<(Vec<Word>, Vec<Directive>)>,
    here: Vec<Directive>,
    /// The last line on which anything stood.
    line: usize,
    /// After a brace too many nothing has a meaning.
    broken: bool,
}

impl Parser<'_> {
    fn token(&mut self, token: Token) {
        match token {
            Token::Word(word) => {
                self.line = word.line;
                self.words.push(word);
            }
            Token::Semicolon(line) | Token::Open(line) if self.words.is_empty() => {
                let sign = if matches!(token, Token::Open(_)) { "{" } else { ";" };
                self.error("syntax", line, &format!("`{sign}` without a directive before it"), &[
                    "nginx refuses the file here; take the sign away, or write what it belongs to",
                ]);
                self.broken |= sign == "{";
            }
            Token::Semicolon(line) => {
                self.line = line;
                self.finish(None);
            }
            Token::Open(line) if self.open.len() == DEPTH_MAX => {
                let wrong = format!("more than {DEPTH_MAX} blocks within one another");
                self.error("syntax", line, &wrong, &["fewer; no more is read of this file"]);
                self.broken = true;
            }
            Token::Open(line) => {
                self.line = line;
                let words = self.split();
                self.open.push((words, std::mem::take(&mut self.here)));
            }
            Token::Close(line) => self.close(line),
        }
    }

    fn close(&mut self, line: usize) {
        if !self.words.is_empty() {
            self.forgotten();
            self.finish(None);
        }
        self.line = line;
        let Some((head, beside)) = self.open.pop() else {
            self.error(
                "unbalanced",
                line,
                "`}` closes nothing: no block is open in this file",
                &["one `}` for each `{` of the same file; the one too many may be further up"],
            );
            self.broken = true;
            return;
        };
        let body = std::mem::replace(&mut self.here, beside);
        self.words = head;
        self.finish(Some(body));
    }

    fn finish(&mut self, block: Option<Vec<Directive>>) {
        let words = if block.is_some() { std::mem::take(&mut self.words) } else { self.split() };
        self.here.push(Directive { words, block, file: self.file.clone() });
    }

    /// Takes the words, less any directives before the last whose semicolon was forgotten: a known
    /// directive at the beginning of a line, in the arguments of another.
    fn split(&mut self) -> Vec<Word> {
        let words = std::mem::take(&mut self.words);
        if self.open.last().is_some_and(|(head, _)| is_list(&head[0].text)) {
            return words;
        }
        let lengths = forgotten::lengths(&words);
        if lengths.is_empty() {
            return words;
        }
        let mut all = words.into_iter();
        for length in lengths {
            let words: Vec<_> = all.by_ref().take(length).collect();
            self.forgotten_after(&words);
            self.here.push(Directive { words, block: None, file: self.file.clone() });
        }
        all.collect()
    }

    fn forgotten(&mut self) {
        let words = std::mem::take(&mut self.words);
        self.forgotten_after(&words);
        self.words = words;
    }

    fn forgotten_after(&mut self, words: &[Word]) {
        let (Some(name), Some(last)) = (words.first(), words.last()) else { return };
        let wrong = format!("`{}` has no `;` at its end", name.text);
        let all: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
        let right =
            format!("{}; (nginx refuses the whole configuration without it)", all.join(" "));
        self.error("missing-semicolon", last.line, &wrong, &[&right]);
    }

    /// What is left open at the end of the file.
    fn end(mut self, stop: Option<Stop>) -> Vec<Directive> {
        match stop {
            Some(Stop::Quote(quote, line)) => {
                let wrong = format!("the {quote} that opens here is never closed");
                self.error(
                    "unterminated-quote",
                    line,
                    &wrong,
                    &["the same quote at the end of the value; inside it, write \\ before a quote"],
                );
            }
            Some(Stop::Glued(c, line)) => {
                let wrong = format!("`{c}` stands directly behind a closing quote");
                self.error(
                    "syntax",
                    line,
                    &wrong,
                    &["a space, `;` or `{` behind the quote, or the whole value within quotes"],
                );
            }
            Some(Stop::Lua(line)) => {
                self.error("unbalanced", line, "this block of Lua is never closed", &["a `}`"]);
            }
            None if self.broken => {}
            None => self.unfinished(),
        }
        while let Some((words, beside)) = self.open.pop() {
            let block = Some(std::mem::replace(&mut self.here, beside));
            self.here.push(Directive { words, block, file: self.file.clone() });
        }
        self.here
    }

    fn unfinished(&mut self) {
        if !self.words.is_empty() {
            self.forgotten();
            self.finish(None);
        }
        if let Some((head, _)) = self.open.last() {
            let (name, line) = (head[0].text.clone(), head[0].line);
            let wrong = format!("the block of `{name}` is never closed in this file");
            self.error(
                "unbalanced",
                line,
                &wrong,
                &["a `}` at its end; it may be the one of a block further in that is missing"],
            );
        }
    }

    fn error(&mut self, rule: &'static str, line: usize, wrong: &str, right: &[&str]) {
        let file = self.file.clone();
        self.findings.add(
            Severity::Error,
            rule,
            Place { file: &file, line },
            wrong,
            right.concat(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directives as `name argument{…}` and findings as `rule:line`.
    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        fn show(directive: &Directive) -> String {
            let inner = directive.block.as_ref().map_or(";".to_owned(), |block| {
                format!("{{{}}}", block.iter().map(show).collect::<String>())
            });
            directive.text() + &inner
        }
        let mut findings = Findings::default();
        let tree = parse(&Rc::from("f"), text, &mut findings);
        let findings = findings.sorted(&[]);
        let findings = findings.iter().map(|it| format!("{}:{}", it.rule, it.line)).collect();
        (tree.iter().map(show).collect(), findings)
    }

    fn faults(text: &str) -> Vec<String> {
        read(text).1
    }

    #[test]
    fn directives_and_blocks_are_nested_as_they_are_written() {
        let (tree, findings) = read("a b;\nc { d e; f { } }\ng;");
        assert_eq!((tree.join(" "), findings.len()), ("a b; c{d e;f{}} g;".to_owned(), 0));
    }

    #[test]
    fn a_forgotten_semicolon_is_guessed_from_the_directive_that_follows() {
        let (tree, findings) =
            read("location / {\n proxy_read_timeout 120s\n proxy_send_timeout 5s;\n}");
        assert_eq!(tree, ["location /{proxy_read_timeout 120s;proxy_send_timeout 5s;}"]);
        assert_eq!(findings, ["missing-semicolon:2"]);
        assert_eq!(faults("location / {\n proxy_read_timeout 120s\n}"), ["missing-semicolon:2"]);
        assert_eq!(faults("root a\nlocation / {\n}"), ["missing-semicolon:1"]);
        assert_eq!(faults("a b"), ["missing-semicolon:1"]);
        assert_eq!(faults("server_name a\n b;"), [""; 0], "several lines are no fault");
        assert_eq!(faults("map a b {\n x\n root;\n}"), [""; 0], "a list has no directives");
    }

    #[test]
    fn blocks_without_end_are_a_finding_and_not_the_end_of_the_stack() {
        for text in ["a {".repeat(50_000), "a {\n".repeat(50_000) + &"}".repeat(50_000)] {
            let faults = faults(&text);
            assert!(faults.len() == 1 && faults[0].starts_with("syntax:"), "{faults:?}");
        }
        let deep = "a {".repeat(DEPTH_MAX) + &"}".repeat(DEPTH_MAX);
        assert_eq!(faults(&deep), [""; 0]);
    }

    #[test]
    fn semicolons_forgotten_by_the_thousand_are_told_one_by_one() {
        let faults = faults(&("root a\n".repeat(60_000) + ";"));
        assert_eq!((faults.len(), faults[0].as_str()), (1000, "missing-semicolon:1"));
    }

    #[test]
    fn braces_that_do_not_match_are_told_with_their_line() {
        assert_eq!(faults("a {\n b {\n c;\n}\n"), ["unbalanced:1"]);
        assert_eq!(faults("a {\n}\n}\n"), ["unbalanced:3"]);
        assert_eq!(faults("a;;"), ["syntax:1"]);
        assert_eq!(faults("{ a; }"), ["syntax:1"]);
    }
}
