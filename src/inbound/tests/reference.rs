//! The protocol told a second time, plainly: all bytes at once, nothing incremental.
//! Leaves to `chunking.rs`: comparing the guard with it.

use super::*;

/// What is to be made of all the bytes that a peer sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) given: Vec<Received>,
    pub(super) fault: Option<Disconnect>,
    pub(super) close: Option<Close>,
    pub(super) frames: u64,
    pub(super) unfinished: bool,
}

/// A message whose last fragment has not come.
#[derive(Default)]
struct Begun {
    opcode: u8,
    payload: Vec<u8>,
    fragments: usize,
}

pub(super) fn outcome(bytes: &[u8], limits: InboundLimits) -> Outcome {
    let mut told = Outcome::default();
    let mut begun: Option<Begun> = None;
    let mut rest = bytes;
    while !rest.is_empty() {
        if told.fault.is_none()
            && let Some(fault) = illegal_header(rest, begun.as_ref(), limits)
        {
            told.fail(fault);
        }
        let Some((length, key, header_bytes)) = header(rest) else { break };
        if length >= 1 << 63 {
            return told;
        }
        let end = (header_bytes as u64).saturating_add(length).min(rest.len() as u64) as usize;
        let payload = rest[header_bytes..end].iter().zip(key.iter().cycle());
        let payload: Vec<u8> = payload.map(|(byte, key)| byte ^ key).collect();
        let is_whole = payload.len() as u64 == length;
        let (opcode, is_final) = (rest[0] & 15, rest[0] >= 128);

        if told.fault.is_none() && opcode < 8 {
            let message = begun.get_or_insert(Begun { opcode, ..Begun::default() });
            message.payload.extend(&payload);
            message.fragments += 1;
            let text = std::str::from_utf8(&message.payload);
            let is_hopeless = text.is_err_and(|error| error.error_len().is_some());
            if message.opcode == TEXT && is_hopeless {
                told.fail(Disconnect::BadData);
            }
        }
        if !is_whole {
            break;
        }
        told.frames += 1;
        rest = &rest[end..];
        match opcode {
            CLOSE if length <= 125 => {
                told.close(&payload);
                return told;
            }
            CLOSE => {
                told.close = Some(Close::new(1005, ""));
                return told;
            }
            _ if told.fault.is_some() => {}
            PING | PONG => told.given.push(whole(opcode, &payload)),
            _ if is_final => {
                let message = begun.take().unwrap_or_default();
                let is_text = std::str::from_utf8(&message.payload).is_ok();
                match message.opcode == TEXT && !is_text {
                    true => told.fail(Disconnect::BadData),
                    false => told.given.push(whole(message.opcode, &message.payload)),
                }
            }
            _ => {}
        }
    }
    told.unfinished = told.fault.is_none() && (begun.is_some() || !rest.is_empty());
    told
}

impl Outcome {
    fn fail(&mut self, fault: Disconnect) {
        self.given.push(Received::Fault(fault.clone()));
        self.fault = Some(fault);
    }

    fn close(&mut self, payload: &[u8]) {
        let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
        let reason = std::str::from_utf8(payload.get(2..).unwrap_or_default());
        let known = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
        let is_known = payload.is_empty() || known.contains(&code) || code / 1000 == 3;
        let fault = match (is_known || code / 1000 == 4, reason) {
            _ if payload.len() == 1 => Disconnect::ProtocolError,
            (false, _) => Disconnect::ProtocolError,
            (true, Err(_)) => Disconnect::BadData,
            (true, Ok(reason)) => {
                self.close = Some(Close::new(code, reason));
                self.given.push(whole(CLOSE, payload));
                return;
            }
        };
        self.close = Some(Close::new(1005, ""));
        match self.fault {
            None => self.fail(fault),
            Some(_) => self.given.push(whole(CLOSE, b"")),
        }
    }
}

/// Length, key, and length of the header itself, once it is whole.
fn header(bytes: &[u8]) -> Option<(u64, [u8; 4], usize)> {
    let (length, at) = length(bytes)?;
    match bytes[1] & 0x80 {
        0 => Some((length, [0; 4], at)),
        _ => Some((length, *bytes[at..].first_chunk()?, at + 4)),
    }
}

fn length(bytes: &[u8]) -> Option<(u64, usize)> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    match *bytes.get(1)? & 0x7f {
        126 => Some((number(bytes.get(2..4)?), 4)),
        127 => Some((number(bytes.get(2..10)?), 10)),
        short => Some((short.into(), 2)),
    }
}

fn illegal_header(
    bytes: &[u8],
    begun: Option<&Begun>,
    limits: InboundLimits,
) -> Option<Disconnect> {
    let is_data = bytes[0] & 15 < 8;
    let first_is_legal = match bytes[0] {
        0x00 | 0x80 => begun.is_some(),
        0x01 | 0x02 | 0x81 | 0x82 => begun.is_none(),
        0x88..=0x8a => true,
        _ => false,
    };
    let fragments = begun.map_or(0, |begun| begun.fragments);
    let so_far = begun.map_or(0, |begun| begun.payload.len()) as u64;
    if !first_is_legal {
        return Some(Disconnect::ProtocolError);
    }
    if is_data && fragments >= limits.message_fragments_max {
        return Some(Disconnect::TooBig);
    }
    let second = *bytes.get(1)?;
    if second < 0x80 || !is_data && second > 0x80 + 125 {
        return Some(Disconnect::ProtocolError);
    }
    let (length, at) = length(bytes)?;
    let minimum = [0, 126, 0x1_0000][at / 4];
    if length < minimum || length >= 1 << 63 {
        return Some(Disconnect::ProtocolError);
    }
    (is_data && so_far + length > limits.message_bytes_max as u64).then_some(Disconnect::TooBig)
}
