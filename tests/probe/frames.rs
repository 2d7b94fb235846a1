//! Frames of RFC 6455 as a server writes and reads them, with nothing checked.
//! When which frame is due is the plain server's business.

/// Opcodes (RFC 6455 section 5.2).
pub const TEXT: u8 = 1;
/// The closing handshake.
pub const CLOSE: u8 = 8;
/// Are you there?
pub const PING: u8 = 9;
/// I am.
pub const PONG: u8 = 10;

/// A short frame, as a server sends it.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126, "a plain server says little");
    [&[0x80 | opcode, payload.len() as u8], payload].concat()
}

/// A close frame.
pub fn close(code: u16, text: &str) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), text.as_bytes()].concat())
}

/// Takes a whole frame of the far end out of what was read, if there is one: opcode and payload.
pub fn take(read: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (opcode, short) = (*read.first()? & 15, *read.get(1)? & 127);
    assert!(read[1] & 0x80 != 0, "who dials must mask");
    let (length, at) = match short {
        126 => (u16::from_be_bytes(read.get(2..4)?.try_into().ok()?).into(), 4),
        127 => panic!("a probe says little"),
        short => (usize::from(short), 2),
    };
    let mask: [u8; 4] = read.get(at..at + 4)?.try_into().ok()?;
    let payload = read.get(at + 4..at + 4 + length)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    read.drain(..at + 4 + length);
    Some((opcode, payload))
}
