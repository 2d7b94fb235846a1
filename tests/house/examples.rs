//! Whatever a user of the crate can call has an example in its documentation.
//! That the examples compile and hold is left to rustdoc.

use std::collections::BTreeSet;

use super::SourceFile;

/// The modules that the world sees. What is `pub` in their files can be reached from outside: rustc
/// warns of what cannot (`unreachable_pub`).
pub(crate) fn world(files: &[SourceFile]) -> BTreeSet<&str> {
    let root = files.iter().filter(|file| file.path == "src/lib.rs");
    let lines = root.flat_map(|file| file.code.lines());
    let names = lines.filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names.collect()
}

/// The public functions of a file whose documentation has no example.
pub(crate) fn without_example(file: &SourceFile) -> Vec<String> {
    let (code, text): (Vec<_>, Vec<_>) = (file.code.lines().collect(), file.text.lines().collect());
    let public =
        code.iter().enumerate().filter_map(|(at, line)| Some((at, public_function(line)?)));
    let lacking = public.filter(|(at, _)| !has_example(&code[..*at], &text[..*at]));
    lacking.map(|(at, name)| format!("{}:{}: {name} has no example", file.path, at + 1)).collect()
}

/// The name of the public function that this line begins.
fn public_function(line: &str) -> Option<&str> {
    let mut rest = line.trim_start().strip_prefix("pub ")?;
    for word in ["const ", "async "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// Whether the documentation at the end of these lines has an example.
fn has_example(code: &[&str], text: &[&str]) -> bool {
    // Upwards: attributes are no documentation, and do not end it.
    let above = text.iter().zip(code).rev();
    let mut own = above.take_while(|(_, code)| {
        let code = code.trim();
        code.is_empty() || code.starts_with("#[") || code.ends_with(']')
    });
    // A blank line, or one that is no documentation, belongs to what is above.
    let fences = |text: &str| text.trim_start().starts_with("/// ```");
    own.by_ref().take_while(|(text, _)| !text.trim().is_empty()).any(|(text, _)| fences(text))
}
