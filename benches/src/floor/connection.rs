//! One connection of the floor: what of a frame has come, what could not be written yet.
//! Leaves to `server`: reading, and whom a message is for.

use std::{net::TcpStream, rc::Rc};

use anyhow::{Result, ensure};
use holdline_benches::{
    poll::{self, Taken},
    wire::frames::{self, Header, Opcode},
};

/// A connection that is this far behind is cut: the only limit there is, in bytes.
const BEHIND_BYTES_MAX: usize = 16 << 20;

/// A request or message longer than this is not waited for, in bytes.
const MESSAGE_BYTES_MAX: u64 = 16 << 20;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its handshake has not come yet.
    Handshake,
    /// Its messages return to it.
    Echo,
    /// Its messages go to the room of this number.
    Room(usize),
}

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) purpose: Purpose,
    /// The beginning of what is not whole yet.
    pub(crate) partial: Vec<u8>,
    /// Broadcasts that are to leave with the next write.
    pending: Vec<Rc<[u8]>>,
    /// What there was no room for.
    unwritten: Vec<u8>,
}

/// What is done with a frame that came whole.
pub(crate) enum Frame<'a> {
    /// A message or part of one: its first byte, its key and its payload, still masked.
    Message(u8, [u8; 4], &'a [u8]),
    /// A ping, to be answered with the same.
    Ping([u8; 4], &'a [u8]),
    /// A pong: nothing.
    Pong,
    /// The end, to be answered with the same.
    Close([u8; 4], &'a [u8]),
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            purpose: Purpose::Handshake,
            partial: Vec::new(),
            pending: Vec::new(),
            unwritten: Vec::new(),
        }
    }

    /// One read.
    #[inline]
    pub(crate) fn read(&self, buffer: &mut [u8]) -> std::io::Result<Taken> {
        poll::read(&self.stream, buffer)
    }

    /// Puts a broadcast with what leaves next; whether it is the first.
    #[inline]
    pub(crate) fn push(&mut self, frame: &Rc<[u8]>) -> bool {
        self.pending.push(frame.clone());
        self.pending.len() == 1
    }

    /// Writes the broadcasts that are pending at once. `together` is where several are put side by
    /// side.
    #[inline]
    pub(crate) fn write_pending(&mut self, together: &mut Vec<u8>) -> Result<()> {
        let written = match &self.pending[..] {
            [] => Ok(()),
            [one] => write(&self.stream, &mut self.unwritten, one),
            several => {
                together.clear();
                several.iter().for_each(|frame| together.extend_from_slice(frame));
                write(&self.stream, &mut self.unwritten, together)
            }
        };
        self.pending.clear();
        written
    }

    /// One write; keeps what there is no room for.
    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        write(&self.stream, &mut self.unwritten, bytes)
    }

    /// Writes what there was no room for.
    pub(crate) fn write_rest(&mut self) -> Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.unwritten);
        self.write(&bytes)
    }

    /// Whether it takes more now.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.unwritten.is_empty()
    }
}

#[inline]
fn write(stream: &TcpStream, unwritten: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    let taken = match unwritten.is_empty() && !bytes.is_empty() {
        false => 0,
        true => match poll::write(stream, bytes)? {
            Taken::Some(taken) => taken,
            Taken::Later => 0,
        },
    };
    if taken < bytes.len() {
        unwritten.extend_from_slice(&bytes[taken..]);
        ensure!(unwritten.len() < BEHIND_BYTES_MAX, "too far behind");
    }
    Ok(())
}

/// The frame at the beginning of `input`, which begins after it then; `None` when it is not whole.
///
/// # Errors
/// No peer may send this.
#[inline]
pub(crate) fn next_frame<'a>(input: &mut &'a [u8]) -> Result<Option<Frame<'a>>> {
    let Some((header, taken)) = Header::read(input) else { return Ok(None) };
    let Some(key) = header.key else { anyhow::bail!("a frame without a mask") };
    ensure!(header.length <= MESSAGE_BYTES_MAX, "a frame of {} bytes", header.length);
    let end = taken + header.length as usize;
    let Some(payload) = input.get(taken..end) else { return Ok(None) };
    *input = &input[end..];
    Ok(Some(match Opcode::from_first(header.first) {
        Some(Opcode::Ping) => Frame::Ping(key, payload),
        Some(Opcode::Pong) => Frame::Pong,
        Some(Opcode::Close) => Frame::Close(key, payload),
        _ => Frame::Message(header.first, key, payload),
    }))
}

/// Appends a frame as a server sends it, of what a peer sent masked.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, first: u8, key: [u8; 4], masked: &[u8]) {
    Header { first, key: None, length: masked.len() as u64 }.put(out);
    frames::put_unmasked(out, key, masked);
}
