//! Where happenings are shown, and in which form: a person's terminal, plain lines, JSON.
//! Leaves to `happening.rs`: the words; to `terminal.rs`: drawing.

use std::io::{self, IsTerminal, Write};

use crossterm::{event::Event, style::Color};

use super::{
    editor::Typed,
    happening::{Happening, Kind},
    harmless::harmless,
    terminal::Terminal,
};
use crate::cli::moment;

/// What everything is shown on.
#[derive(Debug)]
pub(super) struct Screen {
    face: Face,
    timestamps: bool,
}

#[derive(Debug)]
enum Face {
    /// A person types and reads.
    Terminal(Terminal),
    /// What the server says goes to standard output, all else to standard error. True: the
    /// output is a terminal, which must not be harmed.
    Plain(bool),
    /// Everything goes to standard output.
    Json,
}

impl Screen {
    /// A terminal that is taken over.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn terminal(colour: bool, timestamps: bool) -> io::Result<Self> {
        Ok(Self { face: Face::Terminal(Terminal::take_over(colour)?), timestamps })
    }

    /// Lines of text.
    pub(super) fn plain(timestamps: bool) -> Self {
        Self { face: Face::Plain(io::stdout().is_terminal()), timestamps }
    }

    /// Lines of JSON.
    pub(super) fn json() -> Self {
        Self { face: Face::Json, timestamps: false }
    }

    /// Shows what happened.
    ///
    /// # Errors
    /// When nobody reads standard output any more.
    pub(super) fn show(&mut self, happening: &Happening) -> io::Result<()> {
        let stamp = if self.timestamps { moment::now() + " " } else { String::new() };
        let kind = happening.kind();
        match &mut self.face {
            Face::Terminal(terminal) => {
                let (mark, colour) = match kind {
                    Kind::Incoming => ("< ", Color::Blue),
                    Kind::Notice => ("", Color::Green),
                    Kind::Trouble => ("error: ", Color::Yellow),
                };
                let words = harmless(&happening.words());
                terminal.print(&format!("{stamp}{mark}{words}"), colour)
            }
            Face::Plain(guarded) if matches!(happening, Happening::Message(_)) => {
                let words = happening.words();
                let words = if *guarded { harmless(&words) } else { words };
                say(&format!("{stamp}{words}"))
            }
            Face::Plain(_) => {
                let mark = if kind == Kind::Trouble { "error: " } else { "" };
                let words = harmless(&happening.words());
                // Who does not listen to notices does not need them.
                let _ = writeln!(io::stderr().lock(), "{stamp}{mark}{words}");
                Ok(())
            }
            Face::Json => say(&happening.json()),
        }
    }

    /// Takes a key that was pressed. Without a terminal there are none.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn key(&mut self, event: &Event) -> io::Result<Option<Typed>> {
        let stamp = if self.timestamps { moment::now() + " " } else { String::new() };
        let Face::Terminal(terminal) = &mut self.face else { return Ok(None) };
        let typed = terminal.key(event)?;
        if let Some(Typed::Line(line)) = &typed {
            // The line stays on the screen, as in every shell.
            terminal.print(&format!("{stamp}> {}", harmless(line)), Color::Reset)?;
        }
        Ok(typed)
    }
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}
