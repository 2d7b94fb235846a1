//! From the findings of a probe to its report: the verdict, who cut, the safe interval, as sentences.
//! Leaves to `text.rs`: how the report is laid out for people.

use std::time::Duration;

use super::{
    cut::Cut,
    diagnosis::hops,
    findings::{Findings, Idle, ResetBy},
    known::{KnownKind, near},
    plan::Plan,
    record::{Fate, Record},
    report::{
        Connection, Finished, Handshake, IdleTimeout, Report, RoundTrip, ServerPings, Took,
        Unanswered, Verdict,
    },
};
use crate::dial::{Opened, Refusal};

/// What to ping at where no timer showed: a third of the 60 s at which nginx cuts by default.
const USUAL: Duration = Duration::from_secs(20);
/// How late a ping may come that is meant for that.
const MARGIN: Duration = Duration::from_secs(1);

/// All that a run knows at its end.
pub(super) struct Known<'a> {
    pub(super) url: String,
    pub(super) plan: &'a Plan,
    pub(super) opened: Option<&'a Opened>,
    pub(super) extensions: Option<String>,
    pub(super) records: &'a [Record],
    pub(super) findings: Findings,
    pub(super) elapsed: Duration,
    pub(super) finished: Finished,
}

/// The report of a run.
pub(super) fn judge(known: Known<'_>) -> Report {
    let (verdict, words) = known.verdict();
    let Known { plan, records, findings, elapsed, .. } = &known;
    let idle = findings.idle.as_ref();
    let cut = idle.map(|idle| &idle.cut).or(findings.age.as_ref().map(|(_, cut)| cut));
    let cut = cut.or(findings.at_once.as_ref());
    let (interval, reason) = known.interval();
    Report {
        verdict,
        words,
        elapsed_seconds: seconds(*elapsed),
        finished: known.finished,
        handshake: known.handshake(),
        round_trip_ms: round_trip(records),
        server_pings: known.server_pings(),
        idle_timeout: idle.map(|idle| idle_timeout(idle, plan.precision)),
        longest_silence_survived_seconds: seconds(findings.survived),
        cut: cut.map(Cut::seen),
        reset_by: known.reset_by(),
        unanswered_pings: findings.unanswered.as_ref().map(|(after, cut)| Unanswered {
            after_seconds: seconds(*after),
            how: cut.label(),
            code: cut.code(),
        }),
        maximum_age_seconds: findings.age.as_ref().map(|(age, _)| seconds(*age)),
        safe_ping_interval_seconds: findings.at_once.is_none().then(|| seconds(interval)),
        reason,
        known: known.alike(),
        notes: known.notes(),
        connections: records.iter().map(connection).collect(),
        url: known.url,
    }
}

/// The report where the first connection could not be opened.
pub(super) fn refused(
    url: String,
    refusal: &Refusal,
    diagnosis: Vec<String>,
    elapsed: Duration,
) -> Report {
    let answer = refusal.answer();
    let handshake = Handshake {
        status: refusal.status(),
        hops: answer.map(hops).unwrap_or_default(),
        server: answer.and_then(|answer| answer.header("server")).map(str::to_owned),
        refused: Some(refusal.label()),
        words: Some(refusal.to_string()),
        diagnosis,
        ..Handshake::default()
    };
    Report {
        url,
        verdict: Verdict::Bad,
        words: format!("there is no WebSocket: {refusal}"),
        elapsed_seconds: seconds(elapsed),
        finished: Finished::Refused,
        handshake,
        round_trip_ms: None,
        server_pings: ServerPings {
            seen: 0,
            unasked_pongs: 0,
            period_seconds: None,
            first_after_seconds: None,
            watched_seconds: 0.0,
        },
        idle_timeout: None,
        longest_silence_survived_seconds: 0.0,
        cut: None,
        reset_by: None,
        unanswered_pings: None,
        maximum_age_seconds: None,
        safe_ping_interval_seconds: None,
        reason: String::new(),
        known: Vec::new(),
        notes: Vec::new(),
        connections: Vec::new(),
    }
}

impl Known<'_> {
    fn handshake(&self) -> Handshake {
        let Some(opened) = self.opened else { return Handshake::default() };
        let [resolve, connect, tls, upgrade] = opened.took.map(milliseconds);
        // What a clock shows between two looks is no TLS.
        let tls = if self.url.starts_with("wss:") { tls } else { 0.0 };
        Handshake {
            address: Some(opened.address.to_string()),
            took_ms: Some(Took { resolve, connect, tls, upgrade }),
            status: Some(opened.answer.status),
            hops: hops(&opened.answer),
            server: opened.answer.header("server").map(str::to_owned),
            subprotocol: opened.subprotocol.clone(),
            extensions: self.extensions.clone(),
            ..Handshake::default()
        }
    }

    fn server_pings(&self) -> ServerPings {
        let Findings { pings, unasked_pongs, period, first_ping, .. } = &self.findings;
        ServerPings {
            seen: *pings,
            unasked_pongs: *unasked_pongs,
            period_seconds: period.map(seconds),
            first_after_seconds: first_ping.map(seconds),
            watched_seconds: seconds(self.watched()),
        }
    }

    fn reset_by(&self) -> Option<&'static str> {
        self.findings.idle.as_ref()?;
        Some(match self.findings.reset_by {
            Some(ResetBy::Pings) => "pings",
            Some(ResetBy::Data) => "data",
            None => "unknown",
        })
    }

    fn interval(&self) -> (Duration, String) {
        let Some(timeout) = self.findings.limit() else {
            if let Some((age, _)) = &self.findings.age {
                let reason = "a third of the longest silence that could be seen, and at most of 60 s: no \
                              connection became older";
                return (round_down(*age / 3).min(USUAL), reason.to_owned());
            }
            let longest = self.findings.survived.as_secs_f64();
            let rhythm = self.findings.pings > 0 || self.findings.speaks_every.is_some();
            if rhythm && self.findings.survived < USUAL + MARGIN {
                let reason = format!(
                    "no silence was longer than {longest:.1} s, as the server speaks: how much more the \
                     path takes was not seen"
                );
                return (round_down(self.findings.survived.min(USUAL)), reason);
            }
            let reason =
                "a third of the 60 s at which nginx cuts by default, as no idle timeout showed";
            return (USUAL, format!("{reason}; {longest:.1} s of silence were survived"));
        };
        let reason =
            "a third of the idle timeout: one may be lost and one late before silence is cut";
        let reason = match self.findings.reset_by {
            Some(ResetBy::Pings) => reason.to_owned(),
            Some(ResetBy::Data) => format!("{reason}; send messages, pings do not count here"),
            None => format!("{reason}; whether pings reset it was not seen"),
        };
        (round_down(timeout / 3), reason)
    }

    fn alike(&self) -> Vec<String> {
        let timeouts = self.findings.limit().into_iter();
        let ages = self.findings.age.iter().map(|(age, _)| *age);
        let idle = timeouts.flat_map(|timeout| near(KnownKind::Idle, timeout));
        let old = ages.flat_map(|age| near(KnownKind::Age, age));
        idle.chain(old).map(ToString::to_string).collect()
    }
}

fn idle_timeout(idle: &Idle, precision: Duration) -> IdleTimeout {
    // What is seen when it happens is known as sharply as clocks are; what is unknown is whether a
    // little less would have been survived.
    let narrowed = idle.uncertainty() <= precision.max(Duration::from_millis(1)) + precision / 10;
    IdleTimeout {
        seconds: seconds(idle.timeout),
        at_least: seconds(idle.at_least),
        at_most: seconds(idle.at_most),
        narrowed,
        seen: idle.seen,
    }
}

fn round_trip(records: &[Record]) -> Option<RoundTrip> {
    let mut trips: Vec<_> =
        records.iter().flat_map(|record| record.trips.iter().copied()).collect();
    trips.sort_unstable();
    let at = |share: usize| milliseconds(trips[(trips.len() - 1) * share / 100]);
    (!trips.is_empty()).then(|| RoundTrip {
        count: trips.len(),
        min: at(0),
        median: at(50),
        p99: at(99),
        max: at(100),
    })
}

fn connection(record: &Record) -> Connection {
    let cut = record.cut().map(Cut::of);
    let how = match &record.fate {
        Fate::Opening | Fate::Open | Fate::Closed => "open",
        Fate::Refused(_) => "refused",
        Fate::Answered => "answered",
        Fate::NoAnswer(_) => "no_answer",
        Fate::Disturbed => "disturbed",
        Fate::Ended(end) => end.label(),
    };
    Connection {
        kind: record.habit.label(),
        opened_seconds: seconds(record.opened),
        age_seconds: seconds(record.age),
        silence_seconds: seconds(record.silence),
        how: cut.as_ref().map_or(how, Cut::label),
        code: cut.as_ref().and_then(Cut::code),
    }
}

/// To whole seconds, or to tenths where there is not even one. What is measured is a few milliseconds
/// off: 59.99 s are a minute.
fn round_down(length: Duration) -> Duration {
    match (length + Duration::from_millis(20)).as_secs() {
        0 => Duration::from_millis(u64::try_from(length.as_millis() / 100 * 100).unwrap_or(0))
            .max(Duration::from_millis(100)),
        whole => Duration::from_secs(whole),
    }
}

/// To the millisecond.
fn seconds(length: Duration) -> f64 {
    length.as_millis() as f64 / 1e3
}

fn milliseconds(length: Duration) -> f64 {
    length.as_micros() as f64 / 1e3
}
