//! One connection of the load: its handshake, its frames out and the server's frames in.
//! Leaves to each work: how much to send and what to count.

use anyhow::{Context, Result, bail, ensure};
use holdline_benches::{
    poll::{Ready, Taken},
    wire::{
        frames::{self, Header, Opcode, Repeated},
        handshake,
        scanner::{Piece, Scanner, describe_close},
    },
};

use crate::transport::Transport;

/// What a right server sends.
#[derive(Debug)]
pub(crate) struct Expected {
    payload: Vec<u8>,
    /// The header of such a message in one frame.
    header: Vec<u8>,
    /// Bytes of that frame.
    frame: usize,
    /// Another message that may come any time, of another length; see `fanout`.
    probe: Vec<u8>,
}

impl Expected {
    pub(crate) fn new(payload: Vec<u8>, probe: Vec<u8>) -> Self {
        let mut header = Vec::new();
        Header::new(Opcode::Text, payload.len(), None).put(&mut header);
        Self { frame: header.len() + payload.len(), payload, header, probe }
    }

    /// Whether these bytes, `before` bytes into a message whose frame has `frame` bytes, are right.
    fn check(&self, bytes: &[u8], before: u64, frame: u64) -> Result<()> {
        let is_probe = frame == self.probe.len() as u64;
        let whole = if is_probe { &self.probe } else { &self.payload };
        let at = usize::try_from(before)?;
        let Some(expected) = whole.get(at..at + bytes.len()) else {
            bail!("a message is longer than the {} bytes that were sent", whole.len());
        };
        if let Some(wrong) = bytes.iter().zip(expected).position(|(one, other)| one != other) {
            let (is, was) = (bytes[wrong], expected[wrong]);
            bail!("byte {} of a message is {is:#04x}; {was:#04x} was sent", at + wrong);
        }
        Ok(())
    }
}

/// What a turn of a connection brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// The handshake was answered.
    pub(crate) opened: bool,
    /// Messages that came.
    pub(crate) messages: u32,
    /// Probes that came.
    pub(crate) probes: u32,
    /// Pings that came and are answered.
    pub(crate) pings: u32,
    /// Our close frame was answered.
    pub(crate) closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The handshake is not answered yet.
    Upgrading,
    Open,
    /// Our close frame is on its way.
    Closing,
}

#[derive(Debug)]
pub(crate) struct Connection {
    transport: Transport,
    phase: Phase,
    /// Whether a message of it has been compared byte by byte.
    checked: bool,
    scanner: Scanner,
    /// Frames that are still to leave.
    owed: u32,
    /// How much of the first of them has left, in bytes.
    frame_at: usize,
    /// What leaves before them, at the next end of a frame: the handshake, pongs, a close frame.
    first: Vec<u8>,
    first_at: usize,
    /// The response to the handshake, when it comes in pieces.
    response: Vec<u8>,
    /// Messages that came.
    messages: u64,
}

impl Connection {
    /// A connection whose handshake is sent as soon as it is there.
    pub(crate) fn new(transport: Transport, request: &[u8]) -> Self {
        Self {
            transport,
            phase: Phase::Upgrading,
            checked: false,
            scanner: Scanner::default(),
            owed: 0,
            frame_at: 0,
            first: request.to_vec(),
            first_at: 0,
            response: Vec::new(),
            messages: 0,
        }
    }

    /// Messages that came.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    pub(crate) fn into_transport(self) -> Transport {
        self.transport
    }

    /// Owes the server so many frames more.
    #[inline]
    pub(crate) fn owe(&mut self, frames: u32) {
        self.owed += frames;
    }

    /// Sends one frame of another kind before what it owes.
    pub(crate) fn send_first(&mut self, opcode: Opcode, payload: &[u8]) {
        if opcode == Opcode::Close {
            self.phase = Phase::Closing;
        }
        frames::put_masked(&mut self.first, opcode, payload);
    }

    /// Writes all that is owed, or as much as there is room for.
    #[inline]
    pub(crate) fn flush(&mut self, frames: &Repeated) -> Result<()> {
        self.transport.push().context("cannot write")?;
        loop {
            let between = self.frame_at == 0;
            let bytes = match (self.first.is_empty(), self.owed) {
                (false, _) if between => &self.first[self.first_at..],
                (_, 0) => return Ok(()),
                (_, owed) => frames.slice(owed, self.frame_at),
            };
            let Taken::Some(taken) = self.transport.write(bytes).context("cannot write")? else {
                return Ok(());
            };
            if between && !self.first.is_empty() {
                self.first_at += taken;
                if self.first_at == self.first.len() {
                    self.first.clear();
                    self.first_at = 0;
                }
            } else {
                let at = self.frame_at + taken;
                self.owed -= (at / frames.frame_bytes()) as u32;
                self.frame_at = at % frames.frame_bytes();
            }
        }
    }

    /// Does what can be done now that it is ready.
    #[inline]
    pub(crate) fn turn(
        &mut self,
        ready: Ready,
        buffer: &mut [u8],
        expected: &Expected,
        frames: &Repeated,
    ) -> Result<News> {
        let mut news = News::default();
        if ready.write {
            self.flush(frames)?;
        }
        if ready.read {
            self.read(ready, buffer, expected, &mut news)?;
        }
        self.messages += u64::from(news.messages);
        if !self.first.is_empty() {
            self.flush(frames)?;
        }
        Ok(news)
    }

    fn read(
        &mut self,
        ready: Ready,
        buffer: &mut [u8],
        expected: &Expected,
        news: &mut News,
    ) -> Result<()> {
        loop {
            match self.transport.read(buffer).context("cannot read")? {
                Taken::Later => return Ok(()),
                Taken::Some(0) => bail!("the server ended the connection without a close frame"),
                Taken::Some(bytes) => {
                    self.take(&buffer[..bytes], expected, news)?;
                    let short = bytes < buffer.len() && self.transport.short_is_all();
                    if news.closed || (short && !ready.ending) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8], expected: &Expected, news: &mut News) -> Result<()> {
        let mut input = bytes;
        if self.phase == Phase::Upgrading {
            match self.upgrade(bytes)? {
                None => return Ok(()),
                Some(taken) => input = &bytes[taken..],
            }
            news.opened = true;
        }
        loop {
            if self.checked {
                news.messages += self.scanner.count(&mut input, &expected.header, expected.frame);
            }
            match self.scanner.next(&mut input)? {
                None => return Ok(()),
                Some(Piece::Payload(bytes, before, frame)) => {
                    if !self.checked {
                        expected.check(bytes, before, frame)?;
                    }
                }
                Some(Piece::Message(length)) => self.message(length, expected, news)?,
                Some(Piece::Pong) => {}
                Some(Piece::Ping) => {
                    frames::put_masked(&mut self.first, Opcode::Pong, self.scanner.control());
                    news.pings += 1;
                }
                Some(Piece::Close) => {
                    let what = describe_close(self.scanner.control());
                    ensure!(self.phase == Phase::Closing, "the server sent {what}");
                    news.closed = true;
                }
            }
        }
    }

    fn message(&mut self, length: u64, expected: &Expected, news: &mut News) -> Result<()> {
        if length == expected.payload.len() as u64 {
            self.checked = true;
            news.messages += 1;
        } else if length == expected.probe.len() as u64 {
            news.probes += 1;
        } else {
            bail!("a message has {length} bytes; {} were sent", expected.payload.len());
        }
        Ok(())
    }

    /// How many of these bytes end the response to the handshake; `None` while more must come.
    fn upgrade(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        let had = self.response.len();
        let head = match had {
            0 => bytes,
            _ => {
                self.response.extend_from_slice(bytes);
                &self.response
            }
        };
        let Some(end) = handshake::head_end(head) else {
            ensure!(
                head.len() < handshake::RESPONSE_BYTES_MAX,
                "the server's answer to the handshake has no end in {} bytes",
                head.len()
            );
            if had == 0 {
                self.response = bytes.to_vec();
            }
            return Ok(None);
        };
        handshake::check_response(&head[..end])?;
        self.response = Vec::new();
        self.phase = Phase::Open;
        Ok(Some(end - had))
    }
}
