//! Makes what a server wrote safe for a terminal: it must not move the cursor, recolour, retitle,
//! or pretend to be a line of ours.
//! Leaves to `screen.rs`: what is for a terminal and what for a program.

/// `text` with every control character written out (`\u{1b}`), tabs aside. Its line breaks stay,
/// and the lines after the first are indented so that none can look like one of ours.
pub(super) fn harmless(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut shown = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            '\n' => shown.push_str("\n  "),
            '\t' => shown.push(c),
            c if c.is_control() || reorders(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// Characters that make a terminal show the ones around them in another order (UAX #9), or end
/// a line without being a control character.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn plain_text_stays_as_it_is() {
        for text in ["", "hello", "Grüße 👋🏽", "a\tb", "日本語"] {
            assert_eq!(harmless(text), text);
        }
    }

    #[test]
    fn escape_sequences_are_written_out() {
        assert_eq!(harmless("\u{1b}[2J\u{7}"), "\\u{1b}[2J\\u{7}");
        assert_eq!(harmless("a\rb\u{8}\u{7f}"), "a\\rb\\u{8}\\u{7f}");
        assert_eq!(harmless("\u{9b}31m"), "\\u{9b}31m", "C1 controls begin sequences too");
        assert_eq!(harmless("\u{202e}evil"), "\\u{202e}evil");
    }

    #[test]
    fn a_further_line_cannot_pass_for_ours() {
        assert_eq!(harmless("a\n< b\r\nc\n"), "a\n  < b\n  c");
    }
}
