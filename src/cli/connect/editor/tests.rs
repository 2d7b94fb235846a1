//! What a person at the keyboard expects of the line.
//! How it is drawn is proven in `tests/terminal`.

use super::*;

fn press(editor: &mut Editor, code: KeyCode, modifiers: KeyModifiers) -> Option<Typed> {
    editor.take(&Event::Key(KeyEvent::new(code, modifiers)))
}

fn control(editor: &mut Editor, letter: char) -> Option<Typed> {
    press(editor, KeyCode::Char(letter), KeyModifiers::CONTROL)
}

fn plain(editor: &mut Editor, code: KeyCode) -> Option<Typed> {
    press(editor, code, KeyModifiers::NONE)
}

fn types(editor: &mut Editor, text: &str) {
    for c in text.chars() {
        assert_eq!(plain(editor, KeyCode::Char(c)), None);
    }
}

fn enters(editor: &mut Editor, text: &str) -> String {
    types(editor, text);
    match plain(editor, KeyCode::Enter) {
        Some(Typed::Line(line)) => line,
        other => panic!("a line was due, not {other:?}"),
    }
}

#[test]
fn what_is_typed_comes_out_and_the_line_is_empty_again() {
    let mut editor = Editor::default();
    assert_eq!(enters(&mut editor, "Grüße 👋🏽"), "Grüße 👋🏽");
    assert_eq!(editor.view(80), (String::new(), 0));
    assert_eq!(enters(&mut editor, ""), "");
}

#[test]
fn the_line_can_be_mended_anywhere() {
    let mut editor = Editor::default();
    types(&mut editor, "hallo wxrld");
    control(&mut editor, 'a');
    plain(&mut editor, KeyCode::Right);
    plain(&mut editor, KeyCode::Delete);
    types(&mut editor, "e");
    press(&mut editor, KeyCode::Right, KeyModifiers::CONTROL);
    plain(&mut editor, KeyCode::Right);
    control(&mut editor, 'd');
    types(&mut editor, "o");
    assert_eq!(enters(&mut editor, ""), "hello world");
    types(&mut editor, "one two");
    control(&mut editor, 'w');
    control(&mut editor, 'y');
    plain(&mut editor, KeyCode::Backspace);
    assert_eq!(enters(&mut editor, ""), "one tw");
    types(&mut editor, "gone");
    control(&mut editor, 'u');
    assert_eq!(enters(&mut editor, "kept"), "kept");
}

#[test]
fn former_lines_come_back_and_the_draft_is_not_lost() {
    let mut editor = Editor::default();
    for line in ["one", "two", "two", ""] {
        enters(&mut editor, line);
    }
    types(&mut editor, "draft");
    let mut seen = Vec::new();
    for key in [KeyCode::Up, KeyCode::Up, KeyCode::Up, KeyCode::Down, KeyCode::Down, KeyCode::Down]
    {
        plain(&mut editor, key);
        seen.push(editor.view(80).0);
    }
    assert_eq!(seen, ["two", "one", "one", "two", "draft", "draft"]);
    plain(&mut editor, KeyCode::Up);
    assert_eq!(enters(&mut editor, "!"), "two!");
}

#[test]
fn history_is_bounded() {
    let mut editor = Editor::default();
    for number in 0..2 * HISTORY_MAX {
        enters(&mut editor, &number.to_string());
    }
    assert_eq!(editor.history.len(), HISTORY_MAX);
}

#[test]
fn ctrl_d_ends_only_on_an_empty_line_and_ctrl_c_interrupts_always() {
    let mut editor = Editor::default();
    assert_eq!(control(&mut editor, 'd'), Some(Typed::End));
    types(&mut editor, "x");
    assert_eq!(control(&mut editor, 'd'), None);
    assert_eq!(control(&mut editor, 'c'), Some(Typed::Interrupt));
}

#[test]
fn a_paste_of_several_lines_is_one_message() {
    let mut editor = Editor::default();
    types(&mut editor, "[]");
    plain(&mut editor, KeyCode::Left);
    assert_eq!(editor.take(&Event::Paste("a\r\nb\rc".to_owned())), None);
    assert_eq!(editor.view(80), ("[a␊b␊c]".to_owned(), 6));
    assert_eq!(enters(&mut editor, ""), "[a\nb\nc]");
}

#[test]
fn a_line_cannot_grow_without_end() {
    let mut editor = Editor::default();
    let half = "x".repeat(LINE_BYTES_MAX - 1);
    assert_eq!(editor.take(&Event::Paste(half.clone())), None);
    assert_eq!(editor.take(&Event::Paste("yy".to_owned())), Some(Typed::TooLong(2)));
    types(&mut editor, "yz");
    assert_eq!(enters(&mut editor, ""), format!("{half}y"));
}

#[test]
fn a_long_line_is_seen_where_the_cursor_is() {
    let mut editor = Editor::default();
    types(&mut editor, "abcdefghij");
    assert_eq!(editor.view(5), ("ghij".to_owned(), 4));
    control(&mut editor, 'a');
    assert_eq!(editor.view(5), ("abcde".to_owned(), 0));
    for _ in 0..3 {
        plain(&mut editor, KeyCode::Right);
    }
    assert_eq!(editor.view(5), ("abcde".to_owned(), 3));
    assert_eq!(editor.view(0), (String::new(), 0));
}

#[test]
fn wide_characters_take_two_columns() {
    let mut editor = Editor::default();
    types(&mut editor, "日本語");
    assert_eq!(editor.view(80), ("日本語".to_owned(), 6));
    assert_eq!(editor.view(6), ("本語".to_owned(), 4));
}
