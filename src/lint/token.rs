//! Text of a configuration file → words, semicolons and braces, each with its line.
//! Leaves to `tree.rs`: what they are together; to nothing else: nginx's quotes, escapes and comments.

use std::{iter::Peekable, str::Chars};

/// One argument, or the name of a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Without quotes, escapes resolved.
    pub(super) text: String,
    /// Where it begins, from 1.
    pub(super) line: usize,
    pub(super) quoted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    Semicolon(usize),
    Open(usize),
    Close(usize),
}

/// Why no more could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A quote that is never closed, and its line.
    Quote(char, usize),
    /// A character directly behind a closing quote.
    Glued(char, usize),
    /// A block of Lua that is never closed.
    Lua(usize),
}

/// Splits as `ngx_conf_read_token` (nginx, `src/core/ngx_conf_file.c`) does, up to the first fault.
pub(super) fn tokens(text: &str) -> (Vec<Token>, Option<Stop>) {
    let mut reader = Reader { rest: text.chars().peekable(), line: 1 };
    let mut tokens = Vec::new();
    // The name of the directive being read: a block of Lua is not nginx's.
    let mut name: Option<String> = None;
    loop {
        let line = reader.line;
        let Some(c) = reader.take() else { return (tokens, None) };
        let word = match c {
            ' ' | '\t' | '\r' | '\n' => continue,
            '#' => {
                reader.skip_line();
                continue;
            }
            ';' | '}' => {
                name = None;
                tokens.push(if c == ';' { Token::Semicolon(line) } else { Token::Close(line) });
                continue;
            }
            '{' => {
                tokens.push(Token::Open(line));
                if name.take().is_some_and(|name| name.ends_with("_by_lua_block")) {
                    if !reader.skip_lua() {
                        return (tokens, Some(Stop::Lua(line)));
                    }
                    tokens.push(Token::Close(reader.line));
                }
                continue;
            }
            '"' | '\'' => match reader.quoted(c) {
                None => return (tokens, Some(Stop::Quote(c, line))),
                Some(raw) => Word { text: unescaped(&raw), line, quoted: true },
            },
            _ => Word { text: unescaped(&reader.bare(c)), line, quoted: false },
        };
        name.get_or_insert_with(|| word.text.clone());
        let quoted = word.quoted;
        tokens.push(Token::Word(word));
        let next = reader.rest.peek().copied();
        if let Some(next) = next.filter(|c| quoted && !" \t\r\n;{)".contains(*c)) {
            return (tokens, Some(Stop::Glued(next, reader.line)));
        }
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn take(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn skip_line(&mut self) {
        while self.take().is_some_and(|c| c != '\n') {}
    }

    /// A word without quotes, with what it begins with; what ends it is left.
    fn bare(&mut self, first: char) -> String {
        let mut raw = String::from(first);
        let mut variable = first == '$';
        if first == '\\' {
            raw.extend(self.take());
        }
        while let Some(&c) = self.rest.peek() {
            let brace = c == '{' && variable;
            if !brace && " \t\r\n;{".contains(c) {
                break;
            }
            self.character(&mut raw, &mut variable);
        }
        raw
    }

    /// Up to the closing quote, which is taken too; `None` when there is none.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let (mut raw, mut variable) = (String::new(), false);
        loop {
            if *self.rest.peek()? == quote {
                self.take();
                return Some(raw);
            }
            self.character(&mut raw, &mut variable);
        }
    }

    /// One character of a word, and with a backslash the next one too.
    fn character(&mut self, raw: &mut String, variable: &mut bool) {
        let Some(c) = self.take() else { return };
        raw.push(c);
        if c == '{' && *variable {
            return;
        }
        *variable = c == '$';
        if c == '\\' {
            raw.extend(self.take());
        }
    }

    /// Behind the brace that closes a block of Lua. Braces in its strings and comments do not count.
    fn skip_lua(&mut self) -> bool {
        let mut depth = 1;
        while let Some(c) = self.take() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                '"' | '\'' if self.quoted(c).is_none() => return false,
                '-' if self.rest.peek() == Some(&'-') => self.skip_line(),
                _ => {}
            }
            if depth == 0 {
                return true;
            }
        }
        false
    }
}

/// Any other character keeps its backslash.
fn unescaped(raw: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(raw.len()), raw.chars().peekable());
    while let Some(c) = rest.next() {
        let meant = match (c, rest.peek()) {
            ('\\', Some('t')) => '\t',
            ('\\', Some('r')) => '\r',
            ('\\', Some('n')) => '\n',
            ('\\', Some(&next @ ('"' | '\'' | '\\'))) => next,
            _ => {
                text.push(c);
                continue;
            }
        };
        rest.next();
        text.push(meant);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let (tokens, stop) = tokens(text);
        assert_eq!(stop, None, "{text}");
        let show = |token| match token {
            Token::Word(word) => word.text,
            Token::Semicolon(_) => ";".to_owned(),
            Token::Open(_) => "{".to_owned(),
            Token::Close(_) => "}".to_owned(),
        };
        tokens.into_iter().map(show).collect()
    }

    #[test]
    fn words_end_at_spaces_semicolons_and_opening_braces() {
        assert_eq!(texts("a b;c{d e;}"), ["a", "b", ";", "c", "{", "d", "e", ";", "}"]);
        assert_eq!(texts("a b} c;"), ["a", "b}", "c", ";"], "a closing brace ends no word");
        assert_eq!(texts("a b#c; # d ' {\ne;"), ["a", "b#c", ";", "e", ";"]);
    }

    #[test]
    fn quotes_keep_everything_together_and_escapes_are_resolved() {
        assert_eq!(texts(r#"a 'b; {' "c 'd'";"#), ["a", "b; {", "c 'd'", ";"]);
        assert_eq!(
            texts(r#"a "b\"c" d\;e \$f \. g\tn;"#)[1..6],
            ["b\"c", "d\\;e", "\\$f", "\\.", "g\tn"]
        );
        assert_eq!(texts("if ($a = \"b\") {}"), ["if", "($a", "=", "b", ")", "{", "}"]);
    }

    #[test]
    fn a_brace_behind_a_dollar_belongs_to_the_variable() {
        assert_eq!(texts("a ${b}c;d{}"), ["a", "${b}c", ";", "d", "{", "}"]);
        assert_eq!(texts("map $a $b{}"), ["map", "$a", "$b", "{", "}"]);
    }

    #[test]
    fn each_word_knows_its_line() {
        let (tokens, _) = tokens("a\n  # b\n  'c\nd' e;");
        let lines = tokens.iter().filter_map(|token| match token {
            Token::Word(word) => Some((word.text.as_str(), word.line)),
            _ => None,
        });
        assert_eq!(lines.collect::<Vec<_>>(), [("a", 1), ("c\nd", 3), ("e", 4)]);
    }

    #[test]
    fn an_open_quote_and_a_glued_one_are_faults_with_their_line() {
        assert_eq!(tokens("a;\nb 'c;\n").1, Some(Stop::Quote('\'', 2)));
        assert_eq!(tokens("a;\nb 'c'd;\n").1, Some(Stop::Glued('d', 2)));
    }

    #[test]
    fn lua_is_passed_over_whole() {
        let lua = "content_by_lua_block { if x then y = {1} end -- }\n s = '}' } a;";
        assert_eq!(texts(lua), ["content_by_lua_block", "{", "}", "a", ";"]);
    }
}
