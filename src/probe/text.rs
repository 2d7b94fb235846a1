//! A probe's report for people: the verdict first, then a line for each thing that was measured.
//! Leaves to `judgement.rs`: every sentence in it.

use std::fmt;

use super::report::{Handshake, IdleTimeout, Report, ServerPings, Verdict};

/// As many columns as a terminal has.
const WIDTH: usize = 100;
/// Where the second column begins.
const INDENT: usize = 18;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Good => "GOOD",
            Verdict::Bad => "BAD",
            Verdict::Unknown => "UNKNOWN",
        };
        line(f, verdict, &self.words)?;
        writeln!(f)?;
        line(f, "url", &self.url)?;
        self.handshake(f)?;
        if let Some(trip) = &self.round_trip_ms {
            let (count, min, median, max) = (trip.count, trip.min, trip.median, trip.max);
            let words =
                format!("{min:.1} / {median:.1} / {max:.1} ms (min, median, max of {count})");
            line(f, "round trip", &words)?;
        }
        if self.handshake.status == Some(101) {
            line(f, "server's pings", &self.server_pings.to_string())?;
            self.timers(f)?;
        }
        for note in &self.notes {
            line(f, "note", note)?;
        }
        Ok(())
    }
}

impl Report {
    fn handshake(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handshake = &self.handshake;
        line(f, "handshake", &handshake.to_string())?;
        if !handshake.hops.is_empty() && handshake.refused.is_none() {
            line(f, "answered by", &handshake.hops.join(", "))?;
        }
        if handshake.status == Some(101) {
            let none = || "none".to_owned();
            let chosen = handshake.subprotocol.clone().unwrap_or_else(none);
            let agreed = handshake.extensions.clone().unwrap_or_else(none);
            line(f, "agreed to", &format!("subprotocol {chosen}, extensions {agreed}"))?;
        }
        for sentence in &handshake.diagnosis {
            line(f, "diagnosis", sentence)?;
        }
        Ok(())
    }

    /// The longest life of a connection, in seconds.
    fn oldest(&self) -> f64 {
        self.connections.iter().map(|connection| connection.age_seconds).fold(0.0, f64::max)
    }

    fn timers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.idle_timeout {
            Some(idle) => line(f, "idle timeout", &idle.to_string())?,
            None => {
                let longest = self.longest_silence_survived_seconds;
                line(
                    f,
                    "idle timeout",
                    &format!("none seen; {longest:.1} s of silence were survived"),
                )?;
            }
        }
        if let Some(cut) = &self.cut {
            let how = match (cut.how, cut.code) {
                ("close_frame", Some(code)) => {
                    let text = cut.text.as_deref().unwrap_or_default();
                    format!("close frame {code} {text:?}")
                }
                ("fin", _) => "FIN without a close frame".to_owned(),
                ("reset", _) => "RST".to_owned(),
                ("black_hole", _) => "black hole: no sign at all, packets vanish".to_owned(),
                ("reset_when_spoken_to", _) => "none, until something is sent: then RST".to_owned(),
                ("ended_when_spoken_to", _) => {
                    "none, until something is sent: then an end".to_owned()
                }
                (how, _) => how.to_owned(),
            };
            line(f, "the cut", &how)?;
            line(f, "cut by", &cut.who)?;
        }
        match self.reset_by {
            Some("data") => line(f, "reset by", "messages only: pings did not keep a connection")?,
            Some("pings") => line(f, "reset by", "pings, and anything else that passes")?,
            Some(_) => line(f, "reset by", "not seen")?,
            None => {}
        }
        if let Some(end) = &self.unanswered_pings {
            let code = end.code.map_or_else(String::new, |code| format!(" {code}"));
            let (after, how) = (end.after_seconds, end.how.replace('_', " "));
            let words = format!("{how}{code}, {after:.1} s after the first ping without one");
            line(f, "who sends no pong", &words)?;
        }
        let age = match self.maximum_age_seconds {
            Some(age) => format!("{age:.1} s: every connection ended then, whatever it did"),
            None => format!("none within {:.0} s", self.oldest()),
        };
        line(f, "maximum age", &age)?;
        if let Some(interval) = self.safe_ping_interval_seconds {
            line(f, "safe interval", &format!("a ping every {interval} s: {}", self.reason))?;
        }
        for (number, known) in self.known.iter().enumerate() {
            line(f, if number == 0 { "compare" } else { "" }, known)?;
        }
        Ok(())
    }
}

impl fmt::Display for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(words) = &self.words {
            return f.write_str(words);
        }
        let (Some(address), Some(took)) = (&self.address, &self.took_ms) else {
            return f.write_str("not done");
        };
        let all = took.resolve + took.connect + took.tls + took.upgrade;
        write!(f, "101 from {address} in {all:.1} ms (look-up {:.1}, ", took.resolve)?;
        write!(f, "TCP {:.1}, ", took.connect)?;
        if took.tls > 0.0 {
            write!(f, "TLS {:.1}, ", took.tls)?;
        }
        write!(f, "upgrade {:.1})", took.upgrade)
    }
}

impl fmt::Display for ServerPings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watched = self.watched_seconds;
        match (self.period_seconds, self.first_after_seconds) {
            (Some(period), _) => {
                write!(f, "every {period:.1} s ({} in {watched:.0} s)", self.seen)?
            }
            (None, Some(first)) => write!(f, "one, after {first:.1} s")?,
            (None, None) => write!(f, "none within {watched:.1} s")?,
        }
        match self.unasked_pongs {
            0 => Ok(()),
            _ => f.write_str("; as pongs that nobody asked for, which need no answer"),
        }
    }
}

impl fmt::Display for IdleTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.seconds)?;
        match self.seen {
            1 => f.write_str(", seen on one connection")?,
            seen => write!(f, ", seen on {seen} connections")?,
        }
        if self.at_most - self.seconds > 1.0 {
            write!(f, ", the last of them after {:.1} s", self.at_most)?;
        }
        match self.at_least {
            survived if survived > 0.0 => write!(f, "; {survived:.1} s of silence were survived"),
            _ => Ok(()),
        }
    }
}

/// `name   words`, broken into lines of the terminal's width, the later ones under the first.
fn line(f: &mut fmt::Formatter<'_>, name: &str, words: &str) -> fmt::Result {
    write!(f, "{name:INDENT$}")?;
    let mut column = INDENT;
    for (number, word) in words.split(' ').enumerate() {
        let length = word.chars().count();
        if number > 0 && column + 1 + length > WIDTH {
            write!(f, "\n{:INDENT$}", "")?;
            column = INDENT;
        } else if number > 0 {
            f.write_str(" ")?;
            column += 1;
        }
        f.write_str(word)?;
        column += length;
    }
    writeln!(f)
}
