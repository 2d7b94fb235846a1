//! Just enough reading of Rust for the house rules: blanked literals, imports, functions.
//! It judges nothing; that is left to `main`.

/// The modules named by `crate::` and `holdline::` paths, each with its line.
pub(crate) fn imports(code: &str) -> Vec<(usize, &str)> {
    let mut imports = Vec::new();
    for root in ["crate::", "holdline::"] {
        for (at, _) in code.match_indices(root) {
            if code[..at].ends_with(is_word) {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let rest = &code[at + root.len()..];
            let names = if rest.starts_with('{') { group(rest) } else { vec![word(rest)] };
            imports.extend(names.into_iter().map(|name| (line, name)));
        }
    }
    imports.sort_unstable();
    imports
}

/// The first word of each item of `{a::b, c::{d, e}, f}`.
fn group(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 1, Vec::new());
    for (index, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (c == ',' && depth == 1) || depth == 0 {
            items.push(word(text[start..index].trim_start()));
            start = index + 1;
        }
        if depth == 0 {
            break;
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Each function with a body: its name, its line, and its lines down to the closing brace.
pub(crate) fn functions(code: &str) -> Vec<(&str, usize, usize)> {
    let mut functions = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let name = word(&code[at + 3..]);
        if code[..at].ends_with(is_word) || name.is_empty() {
            continue;
        }
        let (mut nesting, mut braces) = (0, 0);
        for (index, c) in code[at..].char_indices() {
            match c {
                '(' | '[' => nesting += 1,
                ')' | ']' => nesting -= 1,
                '{' => braces += 1,
                '}' => braces -= 1,
                ';' if nesting == 0 && braces == 0 => break,
                _ => {}
            }
            if c == '}' && braces == 0 {
                let lines = code[at..at + index].matches('\n').count() + 1;
                functions.push((name, code[..at].matches('\n').count() + 1, lines));
                break;
            }
        }
    }
    functions
}

/// Blanks comments and the contents of literals, keeping every line break.
pub(crate) fn without_words(text: &str) -> String {
    let (mut code, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        let literal = literal_length(rest);
        let length = literal.unwrap_or(c.len_utf8());
        let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
        match literal {
            Some(_) => code.extend(rest[..length].chars().map(blank)),
            None => code.push(c),
        }
        rest = &rest[length..];
    }
    code
}

/// The length of the comment or literal that `text` begins with, if it does.
fn literal_length(text: &str) -> Option<usize> {
    let until = |start: usize, end: &str| {
        Some(text[start..].find(end).map_or(text.len(), |at| start + at + end.len()))
    };
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return until(2, "*/");
    }
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return until(hashes + 2, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    let quote = text.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let mut characters = text.char_indices().skip(1);
    let first = text[1..].chars().next()?;
    let is_lifetime =
        quote == '\'' && first != '\\' && !text[1 + first.len_utf8()..].starts_with('\'');
    if is_lifetime {
        return None;
    }
    while let Some((index, c)) = characters.next() {
        if c == '\\' {
            characters.next();
        } else if c == quote {
            return Some(index + 1);
        }
    }
    Some(text.len())
}
