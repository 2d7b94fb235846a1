//! What a line that was typed, piped or given by `-x` asks for.
//! Leaves to `talk.rs`: doing it.

use bytes::Bytes;
use holdline::message::Message;

/// The most that a control frame carries (RFC 6455 section 5.5).
const CONTROL_BYTES_MAX: usize = 125;
/// The same less the code.
const REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Send(Message),
    Ping(Bytes),
    Pong(Bytes),
    Close(u16, String),
}

impl Order {
    /// Its payload in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Send(message) => message.len(),
            Self::Ping(payload) | Self::Pong(payload) => payload.len(),
            Self::Close(_, reason) => reason.len(),
        }
    }
}

/// How lines are read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// Lines that begin with a slash are commands.
    pub(super) slash: bool,
    /// Other lines are the digits of a binary message.
    pub(super) hex: bool,
}

impl Reading {
    /// What `line` asks for.
    ///
    /// # Errors
    /// What is wrong with it; then nothing is to be sent.
    pub(super) fn order(self, line: &str) -> Result<Order, String> {
        match line.strip_prefix('/') {
            Some(command) if self.slash => slash(command),
            _ if self.hex => binary(line),
            _ => Ok(Order::Send(Message::Text(line.into()))),
        }
    }
}

fn slash(command: &str) -> Result<Order, String> {
    let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    match name {
        "ping" => Ok(Order::Ping(payload(rest)?)),
        "pong" => Ok(Order::Pong(payload(rest)?)),
        "close" => close(rest.trim()),
        "binary" => binary(rest),
        _ => Err(format!(
            "unrecognized slash command /{name}: there are /ping [data], /pong [data], \
             /close [code [reason]] and /binary HEX"
        )),
    }
}

fn payload(data: &str) -> Result<Bytes, String> {
    match data.len() {
        ..=CONTROL_BYTES_MAX => Ok(Bytes::copy_from_slice(data.as_bytes())),
        bytes => Err(format!("{bytes} bytes do not fit into a control frame: at most 125 do")),
    }
}

fn close(rest: &str) -> Result<Order, String> {
    let (code, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let code = match code {
        "" => 1000,
        code => code.parse().ok().filter(|code| may_be_sent(*code)).ok_or_else(|| {
            format!("{code:?} is no close code: 1000-1003, 1007-1014 and 3000-4999 may be sent")
        })?,
    };
    let reason = reason.trim_start();
    if reason.len() > REASON_BYTES_MAX {
        return Err(format!("a reason of {} bytes is too long: 123 fit", reason.len()));
    }
    Ok(Order::Close(code, reason.to_owned()))
}

/// RFC 6455 section 7.4 with IANA's registry; 1004 to 1006 and 1015 must not be on the wire.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Two digits make a byte; spaces may stand anywhere between bytes.
fn binary(text: &str) -> Result<Order, String> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for word in text.split_ascii_whitespace() {
        for pair in word.as_bytes().chunks(2) {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
            let digits = pair.filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
            let byte = digits.and_then(|pair| u8::from_str_radix(pair, 16).ok());
            bytes.push(byte.ok_or("not hexadecimal: two digits make a byte, such as 68656c6c6f")?);
        }
    }
    Ok(Order::Send(Message::Binary(bytes.into())))
}

/// Bytes as digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLASH: Reading = Reading { slash: true, hex: false };
    const HEX: Reading = Reading { slash: false, hex: true };

    fn text(text: &str) -> Order {
        Order::Send(Message::Text(text.into()))
    }

    #[test]
    fn a_line_is_a_message_as_it_is() {
        let plain = Reading::default();
        for line in ["hello", "", " two  spaces ", "/ping", "{\"a\": 1}"] {
            assert_eq!(plain.order(line), Ok(text(line)));
        }
        assert_eq!(SLASH.order("no /ping here"), Ok(text("no /ping here")));
    }

    #[test]
    fn slash_commands_are_wscat_s_and_take_all_that_follows() {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        assert_eq!(SLASH.order("/ping"), Ok(Order::Ping(Bytes::new())));
        assert_eq!(SLASH.order("/ping a b"), Ok(Order::Ping(bytes("a b"))));
        assert_eq!(SLASH.order("/pong x"), Ok(Order::Pong(bytes("x"))));
        assert_eq!(SLASH.order("/close"), Ok(Order::Close(1000, String::new())));
        assert_eq!(SLASH.order("/close 4001"), Ok(Order::Close(4001, String::new())));
        assert_eq!(SLASH.order("/close 4001 a  b"), Ok(Order::Close(4001, "a  b".to_owned())));
    }

    #[test]
    fn a_command_that_cannot_be_obeyed_says_why() {
        for (line, why) in [
            ("/pin", "/pin"),
            ("/", "there are /ping"),
            ("/close 1005", "no close code"),
            ("/close 1006", "no close code"),
            ("/close 99", "no close code"),
            ("/close soon", "soon"),
            ("/binary 123", "two digits"),
            ("/binary zz", "two digits"),
            ("/binary +1", "two digits"),
        ] {
            let wrong = SLASH.order(line).expect_err("a fault");
            assert!(wrong.contains(why), "{line}: {wrong}");
        }
        let long = "x".repeat(126);
        assert!(SLASH.order(&format!("/ping {long}")).is_err());
        assert!(SLASH.order(&format!("/ping {}", &long[1..])).is_ok());
        assert!(SLASH.order(&format!("/close 1000 {}", &long[2..])).is_err());
        assert!(SLASH.order(&format!("/close 1000 {}", &long[3..])).is_ok());
    }

    #[test]
    fn digits_become_bytes_and_bytes_digits() {
        let hello = Order::Send(Message::Binary(Bytes::from_static(b"hello")));
        assert_eq!(SLASH.order("/binary 68656c6c6f"), Ok(hello.clone()));
        assert_eq!(HEX.order("68 656C 6c6F"), Ok(hello));
        assert_eq!(hex(b"hello\xff\x00"), "68656c6c6fff00");
        assert!(HEX.order("/binary 00").is_err(), "commands are commands only with --slash");
    }
}
