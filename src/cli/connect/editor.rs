//! The line that is being typed, and those typed before: keys in, whole lines out; pure.
//! Leaves to `terminal.rs`: reading keys and drawing.

use std::collections::VecDeque;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::{Input, InputRequest};
use unicode_width::UnicodeWidthChar;

/// As many lines can be called back.
const HISTORY_MAX: usize = 500;
/// A longer line cannot be typed or pasted.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// What came of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line is finished.
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty line.
    End,
    /// Ctrl-L: the screen is to be cleared.
    Clear,
    /// A paste that would make the line too long was left out: its length in bytes.
    TooLong(usize),
    /// The terminal has this many columns now.
    Resized(u16),
}

/// The line and its history.
#[derive(Debug, Default)]
pub(super) struct Editor {
    input: Input,
    history: VecDeque<String>,
    /// The line of the history that is shown, counted from the newest, and what was typed
    /// before it was called.
    recalled: Option<(usize, String)>,
}

impl Editor {
    /// Takes a key, a paste or a new size.
    pub(super) fn take(&mut self, event: &Event) -> Option<Typed> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(*key),
            Event::Paste(text) => self.paste(text),
            Event::Resize(columns, _) => Some(Typed::Resized(*columns)),
            _ => None,
        }
    }

    /// The part of the line that fits into so many columns with the cursor in it, and the
    /// cursor's column there. Characters that would move the cursor are shown by pictures.
    pub(super) fn view(&self, columns: usize) -> (String, usize) {
        let shown: Vec<char> = self.input.value().chars().map(picture).collect();
        let width = |c: &char| c.width().unwrap_or(0);
        let (before, after) = shown.split_at(self.input.cursor().min(shown.len()));
        // The cursor needs a column of its own.
        let (mut start, mut column) = (before.len(), 0);
        while start > 0 && column + width(&before[start - 1]) < columns {
            start -= 1;
            column += width(&before[start]);
        }
        let mut end = column;
        let fitting = after.iter().take_while(|c| {
            end += width(c);
            end <= columns
        });
        (before[start..].iter().chain(fitting).collect(), column)
    }

    fn key(&mut self, key: KeyEvent) -> Option<Typed> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Enter => return Some(Typed::Line(self.finish())),
            // What crossterm makes of a line feed, which a program at the keyboard may send.
            KeyCode::Char('j') if control => return Some(Typed::Line(self.finish())),
            KeyCode::Char('c') if control => return Some(Typed::Interrupt),
            KeyCode::Char('d') if control && self.input.value().is_empty() => {
                return Some(Typed::End);
            }
            KeyCode::Char('l') if control => return Some(Typed::Clear),
            KeyCode::Up => self.recall(1),
            KeyCode::Char('p') if control => self.recall(1),
            KeyCode::Down => self.recall(-1),
            KeyCode::Char('n') if control => self.recall(-1),
            code => {
                if let Some(request) = request(code, control, alt)
                    && self.has_room_for(request)
                {
                    self.input.handle(request);
                }
            }
        }
        None
    }

    fn has_room_for(&self, request: InputRequest) -> bool {
        let InputRequest::InsertChar(c) = request else { return true };
        self.input.value().len() + c.len_utf8() <= LINE_BYTES_MAX
    }

    /// A paste goes in as it is, its line breaks included: one message of several lines.
    fn paste(&mut self, text: &str) -> Option<Typed> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let line = self.input.value();
        if line.len() + text.len() > LINE_BYTES_MAX {
            return Some(Typed::TooLong(text.len()));
        }
        let cursor = self.input.cursor();
        let at = line.char_indices().nth(cursor).map_or(line.len(), |(at, _)| at);
        let joined = format!("{}{text}{}", &line[..at], &line[at..]);
        self.input = Input::new(joined).with_cursor(cursor + text.chars().count());
        None
    }

    fn finish(&mut self) -> String {
        self.recalled = None;
        let line = self.input.value_and_reset();
        if !line.is_empty() && self.history.back() != Some(&line) {
            self.history.push_back(line.clone());
            if self.history.len() > HISTORY_MAX {
                self.history.pop_front();
            }
        }
        line
    }

    /// Shows the line before (1) or after (-1) the one that is shown.
    fn recall(&mut self, step: isize) {
        let at = self.recalled.as_ref().map_or(0, |(back, _)| back + 1);
        let Some(wanted) = at.checked_add_signed(step) else { return };
        if wanted == 0 {
            if let Some((_, draft)) = self.recalled.take() {
                self.input = Input::new(draft);
            }
            return;
        }
        let Some(index) = self.history.len().checked_sub(wanted) else { return };
        let draft = match self.recalled.take() {
            Some((_, draft)) => draft,
            None => self.input.value().to_owned(),
        };
        self.recalled = Some((wanted - 1, draft));
        self.input = Input::new(self.history[index].clone());
    }
}

/// The keys of readline and of the arrows.
fn request(code: KeyCode, control: bool, alt: bool) -> Option<InputRequest> {
    use InputRequest::*;
    Some(match code {
        KeyCode::Backspace | KeyCode::Char('w') if control => DeletePrevWord,
        KeyCode::Backspace if alt => DeletePrevWord,
        KeyCode::Backspace => DeletePrevChar,
        KeyCode::Delete if control => DeleteNextWord,
        KeyCode::Delete => DeleteNextChar,
        KeyCode::Left if control || alt => GoToPrevWord,
        KeyCode::Right if control || alt => GoToNextWord,
        KeyCode::Left => GoToPrevChar,
        KeyCode::Right => GoToNextChar,
        KeyCode::Home => GoToStart,
        KeyCode::End => GoToEnd,
        KeyCode::Tab => InsertChar('\t'),
        // Control and Alt together are how some keyboards write ordinary characters.
        KeyCode::Char(c) if control == alt => InsertChar(c),
        KeyCode::Char('a') if control => GoToStart,
        KeyCode::Char('e') if control => GoToEnd,
        KeyCode::Char('b') if control => GoToPrevChar,
        KeyCode::Char('f') if control => GoToNextChar,
        KeyCode::Char('h') if control => DeletePrevChar,
        KeyCode::Char('d') if control => DeleteNextChar,
        KeyCode::Char('u') if control => DeleteFromStart,
        KeyCode::Char('k') if control => DeleteTillEnd,
        KeyCode::Char('y') if control => Yank,
        KeyCode::Char('b') if alt => GoToPrevWord,
        KeyCode::Char('f') if alt => GoToNextWord,
        KeyCode::Char('d') if alt => DeleteNextWord,
        _ => return None,
    })
}

/// Control characters have pictures in Unicode; one column each.
fn picture(c: char) -> char {
    match u32::from(c) {
        code @ 0..=0x1f => char::from_u32(0x2400 + code).unwrap_or(c),
        0x7f => '\u{2421}',
        _ if c.is_control() => '\u{fffd}',
        _ => c,
    }
}

#[cfg(test)]
mod tests;
