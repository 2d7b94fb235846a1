//! What a run of pings has to tell: each pong, the summary, the verdict; as words or JSON.
//! Leaves to `tally.rs`: counting.

use std::{
    fmt,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use holdline::dial::{End, Opened, Refusal};
use serde::Serialize;

use super::tally::{Pong, Tally};
use crate::cli::moment;

/// What became of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answers.
    Alive,
    /// Its oldest unanswered ping is this old.
    Dead(Duration),
    /// The connection ended.
    Ended(End),
    /// We stopped before anything was known.
    Unknown,
}

/// How it is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) json: bool,
    /// Only the beginning and the end.
    pub(super) quiet: bool,
}

impl Verdict {
    /// The word of `--json`.
    fn label(&self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Dead(_) => "dead",
            Self::Ended(_) => "ended",
            Self::Unknown => "unknown",
        }
    }
}

/// In words, for people.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alive => f.write_str("server is alive"),
            Self::Dead(timeout) => write!(f, "server is dead: no pong within {timeout:?}"),
            Self::Ended(end) => write!(f, "connection {end}"),
            Self::Unknown => f.write_str("no pong has come yet"),
        }
    }
}

#[derive(Debug, Default, Serialize)]
struct Record<'a> {
    time: String,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    also_answers: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
}

#[derive(Debug, Serialize)]
struct Counts {
    pings: u64,
    pongs: u64,
    passed_over: u64,
    duplicates: u64,
    strange: u64,
    loss_percent: f64,
    min_ms: Option<f64>,
    avg_ms: Option<f64>,
    max_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl Report {
    /// The connection is open.
    pub(super) fn opened(self, url: &str, opened: &Opened) -> io::Result<()> {
        let took = opened.took.iter().sum();
        if self.json {
            return record(Record {
                event: "open",
                url: Some(url),
                address: Some(opened.address.to_string()),
                took_ms: Some(milliseconds(took)),
                ..Record::default()
            });
        }
        let took = milliseconds(took);
        say(&format!("PING {url} ({}): connected in {took:.1} ms", opened.address))
    }

    /// There is no connection.
    pub(super) fn refused(self, url: &str, refusal: &Refusal) -> io::Result<()> {
        if self.json {
            return record(Record {
                event: "refused",
                url: Some(url),
                reason: Some(refusal.label()),
                status: refusal.status(),
                words: Some(refusal.to_string()),
                ..Record::default()
            });
        }
        eprintln!("not connected to {url}: {refusal}");
        Ok(())
    }

    /// A pong came.
    pub(super) fn pong(self, from: SocketAddr, pong: Pong) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        if self.json {
            let (event, seq) = match pong {
                Pong::Answer(seq, ..) => ("pong", Some(seq)),
                Pong::Duplicate(seq) => ("duplicate", Some(seq)),
                Pong::Strange => ("strange", None),
            };
            let (rtt_ms, also_answers) = match pong {
                Pong::Answer(_, trip, others) => (Some(milliseconds(trip)), Some(others)),
                _ => (None, None),
            };
            let also_answers = also_answers.filter(|others| *others > 0);
            return record(Record { event, seq, rtt_ms, also_answers, ..Record::default() });
        }
        match pong {
            Pong::Answer(seq, trip, others) => {
                let time = milliseconds(trip);
                let also = match others {
                    0 => String::new(),
                    others => format!(" (answers {others} before it as well)"),
                };
                say(&format!("pong from {from}: seq={seq} time={time:.3} ms{also}"))
            }
            Pong::Duplicate(seq) => say(&format!("pong from {from}: seq={seq} (duplicate)")),
            Pong::Strange => say(&format!("pong from {from}: not with the payload of a ping")),
        }
    }

    /// How it went.
    pub(super) fn summary(
        self,
        url: &str,
        tally: &Tally,
        verdict: &Verdict,
        took: Duration,
    ) -> io::Result<()> {
        // What is on its way when we stop is not lost.
        let lost = match verdict {
            Verdict::Alive | Verdict::Unknown => 0,
            Verdict::Dead(_) | Verdict::Ended(_) => tally.out(),
        };
        let loss = 100.0 * lost as f64 / tally.pings().max(1) as f64;
        if self.json {
            return self.summary_record(url, tally, verdict, loss);
        }
        let mut text =
            format!("\n--- {url} ping statistics ---\n{}", counted(tally.pings(), "ping"));
        text += &format!(", {}, {}% loss", counted(tally.pongs(), "pong"), rounded(loss));
        for (count, what) in [
            (tally.passed_over(), "answered by a later pong"),
            (tally.duplicates(), "answered twice"),
            (tally.strange(), "with a payload of its own"),
            (tally.out() - lost, "still on its way"),
        ] {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        text += &format!(", time {} ms", took.as_millis());
        if let Some(trips) = tally.trips() {
            let [min, avg, max, p99] =
                [trips.min, trips.avg, trips.max, trips.p99].map(milliseconds);
            text += &format!("\nrtt min/avg/max/p99 = {min:.3}/{avg:.3}/{max:.3}/{p99:.3} ms");
        }
        say(&format!("{text}\n{verdict}"))
    }

    fn summary_record(
        self,
        url: &str,
        tally: &Tally,
        verdict: &Verdict,
        loss: f64,
    ) -> io::Result<()> {
        let trips = tally.trips();
        record(Record {
            event: "summary",
            url: Some(url),
            verdict: Some(verdict.label()),
            reason: match verdict {
                Verdict::Ended(end) => Some(end.label()),
                _ => None,
            },
            words: Some(verdict.to_string()),
            counts: Some(Counts {
                pings: tally.pings(),
                pongs: tally.pongs(),
                passed_over: tally.passed_over(),
                duplicates: tally.duplicates(),
                strange: tally.strange(),
                loss_percent: loss,
                min_ms: trips.map(|trips| milliseconds(trips.min)),
                avg_ms: trips.map(|trips| milliseconds(trips.avg)),
                max_ms: trips.map(|trips| milliseconds(trips.max)),
                p99_ms: trips.map(|trips| milliseconds(trips.p99)),
            }),
            ..Record::default()
        })
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Whole where it is whole, as ping(8) writes it.
fn rounded(percent: f64) -> String {
    let text = format!("{percent:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn milliseconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}

fn record(record: Record<'_>) -> io::Result<()> {
    let record = Record { time: moment::now(), ..record };
    say(&serde_json::to_string(&record)?)
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}
