//! A terminal with a line that is being typed at its bottom, and everything else above it.
//! Leaves to `editor.rs`: the line; to `screen.rs`: what is shown.

use std::io::{self, Write};

use crossterm::{
    QueueableCommand, cursor,
    event::{DisableBracketedPaste, EnableBracketedPaste, Event},
    style::{Color, Print, ResetColor, SetForegroundColor},
    terminal::{self, Clear, ClearType},
};

use super::editor::{Editor, Typed};

/// wscat's prompt.
const PROMPT: &str = "> ";

/// The terminal, in raw mode until this is dropped.
#[derive(Debug)]
pub(super) struct Terminal {
    editor: Editor,
    columns: u16,
    colour: bool,
}

impl Terminal {
    /// Takes the terminal over and shows the prompt.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn take_over(colour: bool) -> io::Result<Self> {
        let (columns, _) = terminal::size()?;
        terminal::enable_raw_mode()?;
        let terminal = Self { editor: Editor::default(), columns, colour };
        let mut frame = Vec::new();
        frame.queue(EnableBracketedPaste)?;
        terminal.finish(frame)?;
        Ok(terminal)
    }

    /// Shows `text`, which must be harmless, above the line.
    pub(super) fn print(&self, text: &str, colour: Color) -> io::Result<()> {
        let mut frame = Vec::with_capacity(text.len() + 64);
        erase(&mut frame)?;
        if self.colour {
            frame.queue(SetForegroundColor(colour))?;
        }
        // In raw mode a line feed alone does not return the carriage.
        frame.queue(Print(text.replace('\n', "\r\n")))?;
        if self.colour {
            frame.queue(ResetColor)?;
        }
        frame.extend_from_slice(b"\r\n");
        self.finish(frame)
    }

    /// Takes a key and draws what became of the line.
    pub(super) fn key(&mut self, event: &Event) -> io::Result<Option<Typed>> {
        let typed = self.editor.take(event);
        let mut frame = Vec::new();
        match &typed {
            Some(Typed::Resized(columns)) => self.columns = *columns,
            Some(Typed::Clear) => {
                frame.queue(Clear(ClearType::All))?.queue(cursor::MoveTo(0, 0))?;
            }
            _ => {}
        }
        erase(&mut frame)?;
        self.finish(frame)?;
        Ok(typed)
    }

    /// Draws the line behind what was queued, all in one write so that nothing flickers.
    fn finish(&self, mut frame: Vec<u8>) -> io::Result<()> {
        // A terminal that does not tell its size gets the usual one.
        let columns = if self.columns == 0 { 80 } else { usize::from(self.columns) };
        let (view, column) = self.editor.view(columns.saturating_sub(PROMPT.len() + 1));
        let column = u16::try_from(PROMPT.len() + column).unwrap_or(u16::MAX);
        frame.queue(Print(PROMPT))?.queue(Print(view))?.queue(cursor::MoveToColumn(column))?;
        write(&frame)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut frame = Vec::new();
        let _ = erase(&mut frame);
        let _ = frame.queue(DisableBracketedPaste);
        let _ = write(&frame);
        let _ = terminal::disable_raw_mode();
    }
}

/// Gives the terminal back although its owner hangs, if it was taken over.
pub(super) fn give_back() {
    if terminal::is_raw_mode_enabled().unwrap_or(false) {
        // Not by standard output: its lock may be what hangs.
        let mut frame = Vec::new();
        let _ = frame.queue(DisableBracketedPaste);
        let _ = io::stderr().write_all(&frame);
        let _ = terminal::disable_raw_mode();
    }
}

/// The line takes a single row, so this is all that there is to erase.
fn erase(frame: &mut Vec<u8>) -> io::Result<()> {
    frame.queue(cursor::MoveToColumn(0))?.queue(Clear(ClearType::FromCursorDown))?;
    Ok(())
}

fn write(frame: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(frame)?;
    out.flush()
}
