//! Where a semicolon was forgotten: a known directive at the beginning of a line, in another's arguments.
//! Leaves to `tree.rs`: saying so, and reading on as if it were there.

use super::{directives, token::Word};

/// More words than any directive needs to be complete.
const ARGUMENTS_MAX: usize = 16;

/// How many words each directive has whose semicolon was forgotten; the last directive is not counted.
/// All are found before anything is moved: there may be thousands.
pub(super) fn lengths(words: &[Word]) -> Vec<usize> {
    let (mut rest, mut lengths) = (words, Vec::new());
    while let Some(at) = (1..rest.len()).find(|&at| begins(rest, at)) {
        lengths.push(at);
        rest = &rest[at..];
    }
    lengths
}

/// Whether the word is a directive of its own, and both it and what is before it are complete.
fn begins(words: &[Word], at: usize) -> bool {
    let word = &words[at];
    let complete = |words: &[Word]| {
        let forms = directives::forms(&words[0].text);
        forms.iter().any(|form| form.takes(words.len() - 1))
    };
    // What follows may lack its semicolon too: then its own end is not the last word.
    // A directive that is complete with any number of words is so with its first few.
    let long_enough =
        |words: &[Word]| (1..=words.len().min(ARGUMENTS_MAX)).any(|end| complete(&words[..end]));
    !word.quoted
        && word.line > words[at - 1].line
        && long_enough(&words[at..])
        && (complete(&words[..at]) || directives::forms(&words[0].text).is_empty())
}
