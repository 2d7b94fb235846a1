//! Reads a server's frames out of a stream that is cut anywhere, without copying what they carry.
//! Leaves to `load`: what was to come, and what to do with it.

use anyhow::{Context, Result, bail, ensure};

use super::frames::{HEADER_BYTES_MAX, Header, Opcode};

/// Where in the stream of frames a connection is.
#[derive(Debug, Default)]
pub struct Scanner {
    /// A header that was cut, or an empty one between frames.
    head: [u8; HEADER_BYTES_MAX],
    have: u8,
    /// The frame whose payload comes next.
    frame: Option<Header>,
    /// Bytes of its payload that are still to come.
    remaining: u64,
    /// Bytes of the message so far, all its fragments; `None` between messages.
    message: Option<u64>,
    /// What the control frame being read carries: at most 125 bytes.
    control: Vec<u8>,
}

/// A part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Part of a message: its bytes, how many of that message came before, and how many its frame
    /// has in all.
    Payload(&'a [u8], u64, u64),
    /// A text message is complete and was of this many bytes.
    Message(u64),
    /// A ping, whose payload [`Scanner::control`] has.
    Ping,
    /// A pong.
    Pong,
    /// A close frame, whose code and reason [`Scanner::control`] has.
    Close,
}

impl Scanner {
    /// Counts the frames at the beginning of `input` that are whole, begin with exactly `header` and
    /// are `frame` bytes long in all, and passes over them. The quick way through what is expected;
    /// whatever it does not count, [`Scanner::next`] tells.
    #[inline]
    pub fn count(&self, input: &mut &[u8], header: &[u8], frame: usize) -> u32 {
        if self.have > 0 || self.frame.is_some() || self.message.is_some() {
            return 0;
        }
        let mut count = 0;
        while input.len() >= frame && input.starts_with(header) {
            *input = &input[frame..];
            count += 1;
        }
        count
    }

    /// The next piece in `input`, which begins after it then; `None` when more must come.
    ///
    /// # Errors
    /// A frame that no server may send, or none that was to be expected here: not of text.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>> {
        let frame = match self.frame {
            Some(frame) => frame,
            None => match self.header(input)? {
                Some(frame) => self.begin(frame)?,
                None => return Ok(None),
            },
        };
        let now = input.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        let (payload, rest) = input.split_at(now);
        *input = rest;
        self.remaining -= now as u64;
        let opcode = Opcode::from_first(frame.first).context("no opcode")?;
        if let Opcode::Close | Opcode::Ping | Opcode::Pong = opcode {
            self.control.extend_from_slice(payload);
            return Ok(self.end().then_some(match opcode {
                Opcode::Close => Piece::Close,
                Opcode::Ping => Piece::Ping,
                _ => Piece::Pong,
            }));
        }
        let before = self.message.unwrap_or(0);
        if now > 0 {
            self.message = Some(before + now as u64);
            return Ok(Some(Piece::Payload(payload, before, frame.length)));
        }
        if !self.end() {
            return Ok(None);
        }
        if !frame.is_final() {
            return self.next(input);
        }
        self.message = None;
        Ok(Some(Piece::Message(before)))
    }

    /// What the last control frame carried.
    pub fn control(&self) -> &[u8] {
        &self.control
    }

    /// Whether the stream may end here: between messages.
    pub fn between(&self) -> bool {
        self.have == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// The header that comes next, when it is all there.
    fn header(&mut self, input: &mut &[u8]) -> Result<Option<Header>> {
        if self.have == 0
            && let Some((header, taken)) = Header::read(input)
        {
            *input = &input[taken..];
            return Ok(Some(header));
        }
        while let Some((byte, rest)) = input.split_first() {
            self.head[usize::from(self.have)] = *byte;
            self.have += 1;
            *input = rest;
            if let Some((header, _)) = Header::read(&self.head[..usize::from(self.have)]) {
                self.have = 0;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    fn begin(&mut self, frame: Header) -> Result<Header> {
        let name = format_args!("a frame with the first byte {:#04x}", frame.first);
        ensure!(frame.key.is_none(), "{name} is masked, which a server's may not be");
        ensure!(frame.first & 0x70 == 0, "{name} has reserved bits, though nothing was agreed to");
        match Opcode::from_first(frame.first) {
            Some(Opcode::Text) if self.message.is_none() => self.message = Some(0),
            Some(Opcode::Continuation) if self.message.is_some() => {}
            Some(Opcode::Close | Opcode::Ping | Opcode::Pong)
                if frame.length <= 125 && frame.is_final() =>
            {
                self.control.clear();
            }
            other => bail!(
                "{name} came ({other:?}, {} bytes) {}: only text was sent",
                frame.length,
                if self.message.is_some() { "within a message" } else { "between messages" }
            ),
        }
        self.frame = Some(frame);
        self.remaining = frame.length;
        Ok(frame)
    }

    /// Whether the frame being read is at its end; it is over then.
    fn end(&mut self) -> bool {
        let ends = self.remaining == 0;
        if ends {
            self.frame = None;
        }
        ends
    }
}

/// A close frame's code and reason in words.
pub fn describe_close(control: &[u8]) -> String {
    match control {
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            format!("a close frame, code {code}, reason {:?}", String::from_utf8_lossy(reason))
        }
        _ => "a close frame without a code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frames::{KEY, payload, put_plain};

    /// What a scanner makes of `stream` given in pieces of `cut` bytes, payloads joined.
    fn read(stream: &[u8], cut: usize) -> Result<Vec<String>> {
        let (mut scanner, mut found, mut text) = (Scanner::default(), Vec::new(), Vec::new());
        for mut input in stream.chunks(cut) {
            while let Some(piece) = scanner.next(&mut input)? {
                match piece {
                    Piece::Payload(bytes, before, _) => {
                        assert_eq!(before, text.len() as u64);
                        text.extend_from_slice(bytes);
                    }
                    Piece::Message(length) => {
                        assert_eq!(length, text.len() as u64);
                        found.push(String::from_utf8(std::mem::take(&mut text))?);
                    }
                    other => found.push(format!("{other:?} {}", scanner.control().len())),
                }
            }
            assert!(input.is_empty(), "something was left");
        }
        assert!(scanner.between());
        Ok(found)
    }

    #[test]
    fn frames_are_told_however_the_stream_is_cut() {
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        for length in [0, 1, 125, 126, 300, 65_535, 65_536, 0] {
            put_plain(&mut stream, Opcode::Text, &payload(length));
            put_plain(&mut stream, Opcode::Ping, &payload(length % 9));
            expected.push(String::from_utf8(payload(length)).expect("text"));
            expected.push(format!("Ping {}", length % 9));
        }
        for cut in [1, 2, 3, 4, 5, 7, 125, 126, 127, 128, 129, 4096, stream.len()] {
            assert_eq!(read(&stream, cut).expect("good frames"), expected, "pieces of {cut}");
        }
    }

    #[test]
    fn fragments_are_one_message_and_may_be_interrupted() {
        let mut stream = vec![0x01, 2, b'a', b'b'];
        put_plain(&mut stream, Opcode::Pong, b"xyz");
        stream.extend([0x00, 0, 0x80, 1, b'c']);
        for cut in 1..=stream.len() {
            assert_eq!(read(&stream, cut).expect("good frames"), ["Pong 3", "abc"], "of {cut}");
        }
    }

    #[test]
    fn what_no_server_may_send_is_told() {
        let mut masked = Vec::new();
        Header::new(Opcode::Text, 0, Some(KEY)).put(&mut masked);
        for (stream, word) in [
            (masked, "masked"),
            (vec![0xc1, 0], "reserved"),
            (vec![0x82, 0], "Some(Binary)"),
            (vec![0x80, 0], "Some(Continuation)"),
            (vec![0x83, 0], "None"),
            (vec![0x09, 0], "Some(Ping)"),
            (vec![0x89, 126, 0, 126], "126 bytes"),
            (vec![0x01, 0, 0x81, 0], "within a message"),
        ] {
            let error = read(&stream, 1).expect_err("a bad frame").to_string();
            assert!(error.contains(word), "{word}: {error}");
        }
    }

    #[test]
    fn the_quick_way_counts_whole_frames_and_leaves_the_others() {
        let mut stream = Vec::new();
        for _ in 0..3 {
            put_plain(&mut stream, Opcode::Text, b"ab");
        }
        put_plain(&mut stream, Opcode::Ping, b"");
        put_plain(&mut stream, Opcode::Text, b"ab");
        let mut scanner = Scanner::default();
        let mut input = &stream[..];
        assert_eq!(scanner.count(&mut input, &[0x81, 2], 4), 3);
        assert_eq!(scanner.next(&mut input).expect("a ping"), Some(Piece::Ping));
        let mut cut = &input[..3];
        assert_eq!(scanner.count(&mut cut, &[0x81, 2], 4), 0, "not whole");
        assert_eq!(scanner.next(&mut cut).expect("half"), Some(Piece::Payload(b"a", 0, 2)));
    }

    #[test]
    fn the_quick_way_is_not_taken_in_by_a_payload_that_looks_like_a_frame() {
        let mut scanner = Scanner::default();
        let (mut head, mut payload) = (&[0x81, 4][..], &[0x81, 2, b'a', b'b'][..]);
        assert_eq!(scanner.next(&mut head).expect("a header"), None);
        assert_eq!(scanner.count(&mut payload, &[0x81, 2], 4), 0, "within a frame");
        let (mut head, mut payload) = (&[0x81][..], &[0x81, 2, b'a', b'b'][..]);
        let mut scanner = Scanner::default();
        assert_eq!(scanner.next(&mut head).expect("half a header"), None);
        assert_eq!(scanner.count(&mut payload, &[0x81, 2], 4), 0, "within a header");
    }
}
