//! Reads the peer's messages out of its bytes, in whatever pieces they come.
//! Leaves to `inbound.rs`: where the bytes come from, and the pace.

use std::rc::Rc;

use bytes::{Buf, Bytes};

use super::{
    InboundLimits, Observed, Received,
    assembly::Assembly,
    close,
    header::{BYTES_MAX, Header, Room},
    message::Begun,
    observed::Fault,
};
use crate::{
    disconnect::Close,
    frame::{CONTROL_BYTES_MAX, opcode},
};

/// Turns bytes into whole messages and control frames.
#[derive(Debug)]
pub(super) struct Reader {
    limits: InboundLimits,
    observed: Rc<Observed>,
    mode: Mode,
    /// The first bytes of a header that came in pieces.
    header: [u8; BYTES_MAX],
    header_bytes: usize,
    /// The frame whose payload is being read.
    frame: Option<Frame>,
    /// The message that is begun and not finished.
    message: Option<Begun>,
    /// The control frame that is begun and not finished; it may lie between two fragments.
    control: Option<Assembly>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// All is well.
    Open,
    /// After a fault or our own close: whatever is not the peer's Close is passed over.
    Skipping,
    /// After the peer's Close: nothing counts.
    Deaf,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    purpose: Purpose,
    opcode: u8,
    fin: bool,
    /// The masking key, turned so that its first byte belongs to the next byte of payload.
    key: [u8; 4],
    /// Payload bytes that have not come yet; after a fault this may be a number that never will.
    left: u64,
}

/// What a frame's payload is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Message,
    Control,
    Nothing,
}

/// What one step came to.
enum Step {
    /// Something to give out.
    Emit(Received),
    /// Nothing yet, but there may be more in the chunk.
    Again,
    /// The chunk is used up.
    Starved,
}

impl Reader {
    pub(super) fn new(limits: InboundLimits, observed: Rc<Observed>) -> Self {
        Self {
            limits,
            observed,
            mode: Mode::Open,
            header: [0; BYTES_MAX],
            header_bytes: 0,
            frame: None,
            message: None,
            control: None,
        }
    }

    /// Reads on in `chunk` up to the next thing to give out, and takes what it read off it; `None`
    /// when the chunk is used up. Nothing of a chunk that is used up is kept.
    pub(super) fn read(&mut self, chunk: &mut Bytes) -> Option<Received> {
        if self.mode == Mode::Open && self.observed.is_swallowing() {
            self.skip();
        }
        let received = loop {
            match self.step(chunk) {
                Ok(Step::Emit(received)) => break Some(received),
                Ok(Step::Again) => {}
                Ok(Step::Starved) => break None,
                Err(fault) => {
                    self.observed.note_fault(fault);
                    self.skip();
                    break Some(Received::Fault(fault.into()));
                }
            }
        };
        if received.is_none() || chunk.is_empty() {
            // An empty slice would still hold on to the memory it is a slice of.
            *chunk = Bytes::new();
        }
        if received.is_none() && self.mode == Mode::Open && self.is_unfinished() {
            self.observed.note_unfinished();
        }
        received
    }

    fn step(&mut self, chunk: &mut Bytes) -> Result<Step, Fault> {
        if self.mode == Mode::Deaf {
            return Ok(Step::Starved);
        }
        let mut frame = match self.frame {
            Some(frame) => frame,
            None => match self.read_header(chunk)? {
                Some(header) => self.begin(header),
                None => return Ok(Step::Starved),
            },
        };
        if frame.left > 0 && chunk.is_empty() {
            self.frame = Some(frame);
            return Ok(Step::Starved);
        }
        let piece = chunk.len().min(usize::try_from(frame.left).unwrap_or(usize::MAX));
        let key = frame.key;
        frame.key.rotate_left(piece % 4);
        frame.left -= piece as u64;
        // In place before it is judged, so that after a fault the rest of it is passed over.
        self.frame = Some(frame);
        let judged = self.take(frame, &chunk[..piece], key);
        chunk.advance(piece);
        judged?;
        if frame.left > 0 {
            return Ok(Step::Starved);
        }
        self.frame = None;
        self.observed.note_frame();
        self.finish(frame)
    }

    /// The next header; while it is not whole, its bytes are put aside. A fault leaves what was
    /// read in place: it is then read again without judging.
    fn read_header(&mut self, chunk: &mut Bytes) -> Result<Option<Header>, Fault> {
        if self.header_bytes == 0 {
            self.check(chunk)?;
            if let Some(header) = Header::read(chunk) {
                chunk.advance(header.header_bytes);
                return Ok(Some(header));
            }
        }
        loop {
            let seen = &self.header[..self.header_bytes];
            self.check(seen)?;
            if let Some(header) = Header::read(seen) {
                self.header_bytes = 0;
                return Ok(Some(header));
            }
            if chunk.is_empty() {
                return Ok(None);
            }
            self.header[self.header_bytes] = chunk.get_u8();
            self.header_bytes += 1;
        }
    }

    fn check(&self, header: &[u8]) -> Result<(), Fault> {
        if self.mode != Mode::Open {
            return Ok(());
        }
        Header::check(header, Room::left(&self.limits, self.message.as_ref()))
    }

    /// Decides what the frame's payload is for.
    fn begin(&mut self, header: Header) -> Frame {
        let payload_bytes = usize::try_from(header.payload_bytes).unwrap_or(usize::MAX);
        let is_close = header.opcode == opcode::CLOSE && payload_bytes <= CONTROL_BYTES_MAX;
        let purpose = match self.mode {
            Mode::Open if header.is_control() => Purpose::Control,
            Mode::Open => Purpose::Message,
            _ if is_close => Purpose::Control,
            _ => Purpose::Nothing,
        };
        match purpose {
            Purpose::Control => self.control = Some(Assembly::default()),
            Purpose::Message => {
                self.message.get_or_insert_with(|| Begun::new(&header)).begin_fragment();
            }
            Purpose::Nothing => {}
        }
        Frame {
            purpose,
            opcode: header.opcode,
            fin: header.fin,
            key: header.key,
            left: header.payload_bytes,
        }
    }

    /// Takes a piece of the frame's payload; `frame.left` is what comes after it.
    fn take(&mut self, frame: Frame, piece: &[u8], key: [u8; 4]) -> Result<(), Fault> {
        match (frame.purpose, &mut self.message, &mut self.control) {
            (Purpose::Message, Some(message), _) => {
                // How long the message is going to be is known only in its last frame.
                let payload_max = match frame.fin {
                    true => message.payload_bytes() + piece.len() + frame.left as usize,
                    false => self.limits.wire_bytes_max(message.is_deflated()),
                };
                message.append(piece, key, payload_max);
                let is_whole = frame.fin && frame.left == 0;
                if is_whole { Ok(()) } else { message.check() }
            }
            (Purpose::Control, _, Some(control)) => {
                control.append(piece, key, CONTROL_BYTES_MAX);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Draws the conclusion from a whole frame.
    fn finish(&mut self, frame: Frame) -> Result<Step, Fault> {
        let emitted = match frame.purpose {
            // A Close too long to be one: its fault was told at its header, and now that it is
            // over nothing more will come. Without this the closing handshake would wait in vain.
            Purpose::Nothing if frame.opcode == opcode::CLOSE => {
                self.mode = Mode::Deaf;
                self.observed.note_close(Close::new(Close::NO_CODE, ""));
                return Ok(Step::Again);
            }
            Purpose::Nothing => return Ok(Step::Again),
            Purpose::Message if !frame.fin => return Ok(Step::Again),
            Purpose::Message => {
                let max = self.limits.message_bytes_max;
                let message = self.message.take().map(|message| message.finish(max)).transpose()?;
                message.map(Received::Message)
            }
            Purpose::Control => match (self.control.take(), frame.opcode) {
                (Some(control), opcode::CLOSE) => Some(self.finish_close(control.payload())?),
                (Some(control), opcode::PING) => Some(Received::Ping(control.finish().into())),
                (control, _) => control.map(|control| Received::Pong(control.finish().into())),
            },
        };
        if self.message.is_none() {
            self.observed.note_finished();
        }
        Ok(emitted.map_or(Step::Again, Step::Emit))
    }

    /// The peer's Close is the last thing that counts, whatever is in it.
    fn finish_close(&mut self, payload: &[u8]) -> Result<Received, Fault> {
        let was_open = self.mode == Mode::Open;
        self.mode = Mode::Deaf;
        self.message = None;
        let (close, fault) = match close::read(payload) {
            Ok(close) => (close, None),
            Err(fault) => (Close::new(Close::NO_CODE, ""), Some(fault)),
        };
        self.observed.note_close(close.clone());
        match fault {
            Some(fault) if was_open => Err(fault),
            _ => Ok(Received::Close(close)),
        }
    }

    /// From here on only the peer's Close counts; what was collected for anything else goes.
    fn skip(&mut self) {
        if self.mode == Mode::Open {
            self.mode = Mode::Skipping;
        }
        self.message = None;
        if let Some(frame) = &mut self.frame
            && frame.opcode != opcode::CLOSE
        {
            frame.purpose = Purpose::Nothing;
            self.control = None;
        }
    }

    fn is_unfinished(&self) -> bool {
        self.header_bytes > 0 || self.frame.is_some() || self.message.is_some()
    }
}
