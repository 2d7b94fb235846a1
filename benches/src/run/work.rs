//! What is measured in a cell: a kind of work with its sizes, as arguments of `load` and as words.
//! Leaves to `plan`: which works there are; to `server`: who does them.

use serde::{Deserialize, Serialize};

/// A kind of work with its sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    /// Each message returns to its sender. With a rate (messages per second, all connections
    /// together) the loop is open and what counts is the latency.
    Echo { connections: u64, bytes: u64, depth: u64, rate: Option<u64> },
    /// One member of each room publishes, everybody in it hears.
    Fanout { members: u64, bytes: u64, in_flight: u64, rooms: u64 },
    /// Connections that say nothing, held for `hold` seconds; with pings every `ping` seconds.
    Idle { connections: u64, hold: f64, ping: Option<f64> },
    /// Opened and closed again, `in_flight` at once.
    Handshakes { in_flight: u64 },
    /// All connections are cut at once and come back at once.
    Storm { connections: u64 },
    /// Plain requests on one kept connection: what a health check or a refused handshake is.
    Gets,
}

/// How long a cell is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// What passes before anything is counted, in seconds.
    pub(crate) warmup: f64,
    /// The measured time, in seconds; works with a size of their own (idle, storm) ignore it.
    pub(crate) seconds: f64,
}

/// Where messages return to their sender.
const ECHO: &str = "/ws/echo";

/// What the names of rooms are appended to.
const ROOMS: &str = "/ws/rooms/";

impl Work {
    /// The arguments of `load` after address and accounts. `rooms_only`: the server has no echo, so
    /// that works which need none go to a room.
    pub(crate) fn arguments(&self, pace: Pace, rooms_only: bool) -> Vec<String> {
        let anywhere = if rooms_only { "/ws/rooms/lobby" } else { ECHO };
        let mut words = Words(vec![self.name().to_owned()]);
        match self {
            Self::Echo { connections, bytes, depth, rate } => {
                words.add("--path", ECHO).add("--connections", connections);
                words.add("--bytes", bytes).add("--depth", depth);
                if let Some(rate) = rate {
                    words.add("--rate", rate);
                }
            }
            Self::Fanout { members, bytes, in_flight, rooms } => {
                words.add("--path", ROOMS).add("--members", members).add("--bytes", bytes);
                words.add("--in-flight", in_flight).add("--rooms", rooms);
            }
            Self::Idle { connections, hold, .. } => {
                words.add("--path", anywhere).add("--connections", connections).add("--hold", hold);
            }
            Self::Handshakes { in_flight } => {
                words.add("--path", anywhere).add("--in-flight", in_flight);
            }
            Self::Storm { connections } => {
                words.add("--path", anywhere).add("--connections", connections);
            }
            Self::Gets => {}
        }
        words.add("--warmup", pace.warmup);
        if !matches!(self, Self::Idle { .. } | Self::Storm { .. }) {
            words.add("--seconds", pace.seconds);
        }
        words.0
    }

    /// As `load` names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Echo { .. } => "echo",
            Self::Fanout { .. } => "fanout",
            Self::Idle { .. } => "idle",
            Self::Handshakes { .. } => "handshakes",
            Self::Storm { .. } => "storm",
            Self::Gets => "gets",
        }
    }

    /// In words, for the head of a column.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Echo { connections, bytes, rate: Some(rate), .. } => {
                format!(
                    "{connections} connections, {}, {} messages/s",
                    size(*bytes),
                    thousands(*rate)
                )
            }
            Self::Echo { connections, bytes, depth, rate: None } => {
                format!("{connections} connections, {}, depth {depth}", size(*bytes))
            }
            Self::Fanout { members, bytes, in_flight, rooms } => {
                let rooms = if *rooms == 1 {
                    "1 room".to_owned()
                } else {
                    format!("{} rooms", thousands(*rooms))
                };
                let members = thousands(*members);
                format!("{members} members in {rooms}, {}, {in_flight} in flight", size(*bytes))
            }
            Self::Idle { connections, ping: None, .. } => {
                format!("{} idle connections", thousands(*connections))
            }
            Self::Idle { connections, ping: Some(ping), .. } => {
                format!("{} connections, a ping every {ping} s", thousands(*connections))
            }
            Self::Handshakes { in_flight } => format!("handshakes, {in_flight} under way"),
            Self::Storm { connections } => {
                format!("{} come back at once", thousands(*connections))
            }
            Self::Gets => "plain requests, 1 kept connection".to_owned(),
        }
    }

    /// Connections open at once, where it is their number that counts.
    pub(crate) fn connections(&self) -> u64 {
        match self {
            Self::Echo { connections, .. }
            | Self::Idle { connections, .. }
            | Self::Storm { connections } => *connections,
            Self::Fanout { members, .. } => *members,
            Self::Handshakes { in_flight } => *in_flight,
            Self::Gets => 1,
        }
    }

    /// Seconds between pings that the server is told; 0 is none.
    pub(crate) fn ping_seconds(&self) -> f64 {
        match self {
            Self::Idle { ping: Some(ping), .. } => *ping,
            _ => 0.0,
        }
    }
}

/// 1024 as 1 KiB, so that sizes are short.
pub(crate) fn size(bytes: u64) -> String {
    if bytes >= 1024 && bytes.is_multiple_of(1024) {
        format!("{} KiB", bytes / 1024)
    } else {
        format!("{bytes} B")
    }
}

/// 18000 as 18,000.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

struct Words(Vec<String>);

impl Words {
    fn add(&mut self, name: &str, value: impl ToString) -> &mut Self {
        self.0.push(name.to_owned());
        self.0.push(value.to_string());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { warmup: 0.5, seconds: 2.0 };

    #[test]
    fn an_echo_is_told_its_sizes_and_its_time() {
        let work = Work::Echo { connections: 64, bytes: 1024, depth: 16, rate: None };
        let said = "echo --path /ws/echo --connections 64 --bytes 1024 --depth 16 \
                    --warmup 0.5 --seconds 2";
        assert_eq!(work.arguments(PACE, false).join(" "), said);
        assert_eq!(work.label(), "64 connections, 1 KiB, depth 16");
    }

    #[test]
    fn a_server_without_echo_is_held_idle_in_a_room() {
        let work = Work::Idle { connections: 10_000, hold: 1.0, ping: None };
        let said = "idle --path /ws/rooms/lobby --connections 10000 --hold 1 --warmup 0.5";
        assert_eq!(work.arguments(PACE, true).join(" "), said);
        assert_eq!(work.label(), "10,000 idle connections");
    }
}
