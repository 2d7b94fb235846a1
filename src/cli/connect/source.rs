//! Where lines to send come from: a person's keys, standard input, or the command line.
//! Leaves to `editor.rs`: what keys mean; to `order.rs`: what lines mean.

use std::{
    io::{self, BufRead, Read},
    thread, vec,
};

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use tokio::sync::mpsc;

/// A longer line of standard input is left out, with a complaint.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Lines read ahead of the network.
const LINES_AHEAD: usize = 4;

/// A source of lines.
#[derive(Debug)]
pub(super) enum Source {
    /// Keys of a terminal in raw mode.
    Keys(EventStream),
    /// Lines of standard input.
    Input(mpsc::Receiver<Heard>),
    /// What `-x` gave.
    Given(vec::IntoIter<String>),
}

/// What came from it.
#[derive(Debug)]
pub(super) enum Heard {
    Key(Event),
    Line(String),
    /// Something that cannot be sent; why.
    Unfit(String),
    Over,
}

impl Source {
    /// The keys of the terminal, which must be in raw mode.
    pub(super) fn keys() -> Self {
        Self::Keys(EventStream::new())
    }

    /// The lines of standard input, read by a thread of their own, which cannot be interrupted
    /// and ends with the process.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn input() -> io::Result<Self> {
        let (lines, heard) = mpsc::channel(LINES_AHEAD);
        let reader = move || {
            let mut input = io::stdin().lock();
            loop {
                let (line, over) = match line(&mut input) {
                    Ok(line) => (line, false),
                    Err(error) => (Heard::Unfit(format!("standard input: {error}")), true),
                };
                let over = over || matches!(line, Heard::Over);
                // A closed channel is how its other end learns that all is over.
                if lines.blocking_send(line).is_err() || over {
                    return;
                }
            }
        };
        thread::Builder::new().name("input".to_owned()).spawn(reader)?;
        Ok(Self::Input(heard))
    }

    /// Whether a person types.
    pub(super) fn is_keyboard(&self) -> bool {
        matches!(self, Self::Keys(_))
    }

    /// How many lines are known to come.
    pub(super) fn left(&self) -> usize {
        match self {
            Self::Given(lines) => lines.len(),
            Self::Keys(_) | Self::Input(_) => 0,
        }
    }

    /// What comes next. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Heard {
        match self {
            Self::Keys(keys) => match keys.next().await {
                Some(Ok(event)) => Heard::Key(event),
                Some(Err(_)) | None => Heard::Over,
            },
            Self::Input(lines) => lines.recv().await.unwrap_or(Heard::Over),
            Self::Given(lines) => lines.next().map_or(Heard::Over, Heard::Line),
        }
    }
}

/// One line, without its end.
fn line(input: &mut impl BufRead) -> io::Result<Heard> {
    let mut line = Vec::new();
    let limit = LINE_BYTES_MAX as u64 + 2;
    if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
        return Ok(Heard::Over);
    }
    let whole = line.ends_with(b"\n");
    if whole {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    if line.len() > LINE_BYTES_MAX {
        if !whole {
            input.skip_until(b'\n')?;
        }
        return Ok(Heard::Unfit(format!("not sent: a line of more than {LINE_BYTES_MAX} bytes")));
    }
    Ok(match String::from_utf8(line) {
        Ok(line) => Heard::Line(line),
        Err(_) => Heard::Unfit("not sent: a line that is not UTF-8 (see --hex)".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(mut input: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            match line(&mut input).unwrap() {
                Heard::Line(line) => all.push(line),
                Heard::Unfit(why) => all.push(format!("! {why}")),
                Heard::Over => return all,
                Heard::Key(_) => unreachable!("nobody presses keys here"),
            }
        }
    }

    #[test]
    fn a_line_ends_at_its_line_feed_and_the_last_one_needs_none() {
        assert_eq!(heard(b"a\n\nb\r\nc"), ["a", "", "b", "c"]);
        assert!(heard(b"").is_empty());
    }

    #[test]
    fn what_cannot_be_sent_is_told_and_the_next_line_is_whole() {
        let mut input = b"\xff\n".to_vec();
        input.extend(vec![b'x'; LINE_BYTES_MAX + 5]);
        input.extend(b"\nnext\n");
        input.extend(vec![b'y'; LINE_BYTES_MAX]);
        let heard = heard(&input);
        assert!(heard[0].contains("UTF-8") && heard[1].contains("more than"), "{:.80}", heard[1]);
        assert_eq!((heard[2].as_str(), heard[3].len()), ("next", LINE_BYTES_MAX));
        assert_eq!(heard.len(), 4);
    }
}
