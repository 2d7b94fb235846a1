//! What was seen of one connection of a probe: how it was silent, what it heard, how it ended.
//! Leaves to `findings.rs`: what all of them together mean.

use std::time::Duration;

use crate::{
    dial::{End, Refusal},
    message::Message,
};

/// As many gaps between pings, and as many round trips, are kept of one connection.
const SAMPLES_MAX: usize = 4096;

/// In which way a connection is silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Writes nothing at all after the handshake, no pong either.
    Silent,
    /// Answers pings, like a browser's page that says nothing.
    Passive,
    /// Pings at this interval.
    Pinging(Duration),
    /// Sends this message at this interval.
    Talking(Message, Duration),
    /// Lets nothing pass for so long, then pings once and waits for the pong.
    Sounding(Duration),
}

/// What became of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is being opened.
    Opening,
    /// It was never open.
    Refused(Refusal),
    /// It is.
    Open,
    /// A sounding had its pong.
    Answered,
    /// A ping had no pong within this time.
    NoAnswer(Duration),
    /// A sounding gave up: the server speaks too often for a silence this long.
    Disturbed,
    /// We had seen enough and closed it.
    Closed,
    /// It ended otherwise.
    Ended(End),
}

/// One connection. Times count from the beginning of the probe, unless they are lengths.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) habit: Habit,
    pub(super) fate: Fate,
    pub(super) opened: Duration,
    /// Its life until its end, or until now.
    pub(super) age: Duration,
    /// How long no frame had passed either way at its end, or for a sounding when it spoke.
    pub(super) silence: Duration,
    /// A sounding has spoken.
    pub(super) spoke: bool,
    /// The longest time without any frame that it survived.
    pub(super) survived: Duration,
    /// When the server's first and last heartbeat came, as ages.
    pub(super) pinged: Option<(Duration, Duration)>,
    pub(super) pings: u64,
    /// So many of these were pongs that nobody had asked for (RFC 6455 section 5.5.3).
    pub(super) pongs: u64,
    /// Between one ping of the server and the next.
    pub(super) gaps: Vec<Duration>,
    /// Round trips of our pings.
    pub(super) trips: Vec<Duration>,
    /// Messages that the server sent.
    pub(super) messages: u64,
    /// The silence before each of them but the first, which may be a greeting.
    pub(super) message_gaps: Vec<Duration>,
}

/// What a connection reports while it lives.
#[derive(Debug)]
pub(super) enum Sight {
    /// A ping of the server, or a pong that nobody asked for, at this age, after this silence.
    Heartbeat { age: Duration, silence: Duration, pong: bool },
    /// A message of the server, after this silence.
    Message(Duration),
    /// A pong to our ping.
    Trip(Duration),
    /// The end.
    Over { fate: Fate, age: Duration, silence: Duration, spoke: bool },
}

impl Record {
    pub(super) fn new(habit: Habit) -> Self {
        Self {
            habit,
            fate: Fate::Opening,
            opened: Duration::ZERO,
            age: Duration::ZERO,
            silence: Duration::ZERO,
            spoke: false,
            survived: Duration::ZERO,
            pinged: None,
            pings: 0,
            pongs: 0,
            gaps: Vec::new(),
            trips: Vec::new(),
            messages: 0,
            message_gaps: Vec::new(),
        }
    }

    pub(super) fn saw(&mut self, sight: Sight) {
        match sight {
            Sight::Heartbeat { age, silence, pong } => {
                self.survived = self.survived.max(silence);
                self.pings += 1;
                self.pongs += u64::from(pong);
                let first = match self.pinged {
                    Some((first, last)) => {
                        keep(&mut self.gaps, age.saturating_sub(last));
                        first
                    }
                    None => age,
                };
                self.pinged = Some((first, age));
            }
            Sight::Message(silence) => {
                self.messages += 1;
                if self.messages > 1 {
                    keep(&mut self.message_gaps, silence);
                }
                self.survived = self.survived.max(silence);
            }
            Sight::Trip(trip) => keep(&mut self.trips, trip),
            Sight::Over { fate, age, silence, spoke } => {
                if fate == Fate::Answered {
                    self.survived = self.survived.max(silence);
                }
                (self.fate, self.age, self.silence, self.spoke) = (fate, age, silence, spoke);
            }
        }
    }

    /// We close it, which is no end of its own: only how long it was silent is news.
    pub(super) fn parts(&mut self, sight: Sight) {
        if let Sight::Over { silence, .. } = sight
            && self.lives()
        {
            self.silence = silence;
        }
    }

    /// Opening or open.
    pub(super) fn lives(&self) -> bool {
        matches!(self.fate, Fate::Opening | Fate::Open)
    }

    /// Ended by somebody else than us.
    pub(super) fn cut(&self) -> Option<&End> {
        match &self.fate {
            Fate::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Pings or sends messages all the time.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.habit, Habit::Pinging(_) | Habit::Talking(..))
    }
}

impl Habit {
    /// The word of the report.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Passive => "passive",
            Self::Pinging(_) => "pinging",
            Self::Talking(..) => "talking",
            Self::Sounding(_) => "sounding",
        }
    }
}

fn keep(samples: &mut Vec<Duration>, sample: Duration) {
    if samples.len() < SAMPLES_MAX {
        samples.push(sample);
    }
}
