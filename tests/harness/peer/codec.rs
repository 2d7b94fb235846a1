//! Frames of RFC 6455 as a client writes and reads them; strict about what a server may send.
//! The test has a codec of its own: the one it judges cannot be the one it uses.

/// Opcodes (RFC 6455 §5.2).
pub const CONTINUATION: u8 = 0x0;
/// A text message, or its first fragment.
pub const TEXT: u8 = 0x1;
/// A binary message, or its first fragment.
pub const BINARY: u8 = 0x2;
/// The closing handshake.
pub const CLOSE: u8 = 0x8;
/// Are you there?
pub const PING: u8 = 0x9;
/// I am.
pub const PONG: u8 = 0xA;

/// One frame from the server.
#[derive(Debug)]
pub struct Frame {
    /// Whether it is the last of its message.
    pub fin: bool,
    /// What kind it is.
    pub opcode: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// One frame to the server: masked, with the shortest length form.
pub fn encode(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(fin, opcode, payload.len() as u64);
    let mask: [u8; 4] = fastrand::u32(..).to_be_bytes();
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The head of a masked frame that claims `length`, without its mask: for peers that lie.
pub fn header(fin: bool, opcode: u8, length: u64) -> Vec<u8> {
    let mut head = vec![u8::from(fin) << 7 | opcode];
    match length {
        0..126 => head.push(0x80 | length as u8),
        126..0x1_0000 => {
            head.push(0x80 | 126);
            head.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend_from_slice(&length.to_be_bytes());
        }
    }
    head
}

/// The payload of a close frame (RFC 6455 §5.5.1).
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// Bytes in, frames out.
#[derive(Default)]
pub struct Decoder(Vec<u8>);

impl Decoder {
    /// Takes what was read.
    pub fn push(&mut self, read: &[u8]) {
        self.0.extend_from_slice(read);
    }

    /// Takes the next whole frame out.
    ///
    /// # Panics
    /// At a frame that a server must not send: masked, with reserved bits, a length longer than
    /// need be, or a control frame that is fragmented or long.
    pub fn next(&mut self) -> Option<Frame> {
        let (&first, &second) = (self.0.first()?, self.0.get(1)?);
        assert_eq!(first & 0x70, 0, "no extension was negotiated, yet a reserved bit is set");
        assert_eq!(second & 0x80, 0, "a server must not mask");
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0F);
        let (length, start) = match second {
            126 => (u16::from_be_bytes(self.0.get(2..4)?.try_into().ok()?).into(), 4),
            127 => (u64::from_be_bytes(self.0.get(2..10)?.try_into().ok()?), 10),
            short => (u64::from(short), 2),
        };
        assert!(start != 4 || length > 125, "{length} in 16 bits");
        assert!(start != 10 || length > 0xFFFF, "{length} in 64 bits");
        assert!(opcode < 8 || fin && length < 126, "a control frame of {length}, fin {fin}");
        let end = start + usize::try_from(length).ok()?;
        let payload = self.0.get(start..end)?.to_vec();
        self.0.drain(..end);
        Some(Frame { fin, opcode, payload })
    }
}
