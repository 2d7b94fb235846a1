//! What a probe has found, for people (`Display`) and for machines (`Serialize`).
//! Leaves to `judgement.rs`: the sentences; to `findings.rs`: the findings.

use serde::Serialize;

/// The whole account of one probe. Names and meanings of the fields stay; more may come.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What was probed, without its query.
    pub url: String,
    /// Whether the server's own pings hold the path.
    pub verdict: Verdict,
    /// The verdict, as a sentence.
    pub words: String,
    /// How long it took.
    pub elapsed_seconds: f64,
    /// Why it stopped.
    pub finished: Finished,
    /// How the first connection was opened, or was not.
    pub handshake: Handshake,
    /// Of our pings.
    pub round_trip_ms: Option<RoundTrip>,
    /// Heartbeats of the server.
    pub server_pings: ServerPings,
    /// What cuts silence, and when.
    pub idle_timeout: Option<IdleTimeout>,
    /// The longest silence that a connection is known to have survived.
    pub longest_silence_survived_seconds: f64,
    /// How a cut looked, and who makes such cuts.
    pub cut: Option<CutSeen>,
    /// What makes the idle timer begin anew: `pings`, `data` or `unknown`.
    pub reset_by: Option<&'static str>,
    /// How a peer ends that answers no pings.
    pub unanswered_pings: Option<Unanswered>,
    /// The age at which every connection ended, whatever it did.
    pub maximum_age_seconds: Option<f64>,
    /// How often something should pass on each connection.
    pub safe_ping_interval_seconds: Option<f64>,
    /// Why so often.
    pub reason: String,
    /// Defaults of gateways and clouds near to what was measured.
    pub known: Vec<String>,
    /// What else should be known, a sentence each.
    pub notes: Vec<String>,
    /// Every connection that was tried.
    pub connections: Vec<Connection>,
}

/// Whether the server's own pings hold the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// They do: a peer that says nothing stays connected.
    Good,
    /// They are absent, or too slow; or there is no WebSocket at all.
    Bad,
    /// It ended before that could be told.
    Unknown,
}

/// Why a probe stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Finished {
    /// There was nothing more to learn.
    Complete,
    /// Its time was over.
    Max,
    /// It was told to.
    Interrupted,
    /// There was no first connection.
    Refused,
}

/// The opening handshake of the first connection.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Handshake {
    /// The server's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// How long its steps took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<Took>,
    /// The HTTP status, where one came.
    pub status: Option<u16>,
    /// Who answered, as far as the header fields tell: products, networks.
    pub hops: Vec<String>,
    /// The `Server` field.
    pub server: Option<String>,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<String>,
    /// What the server agreed to when permessage-deflate (RFC 7692) was offered.
    pub extensions: Option<String>,
    /// The label of [`Refusal`](crate::dial::Refusal), where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Which header or hop is at fault, and what to do; a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diagnosis: Vec<String>,
}

/// How long the steps of a handshake took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Took {
    /// Looking up the host.
    pub resolve: f64,
    /// TCP.
    pub connect: f64,
    /// TLS; 0 without.
    pub tls: f64,
    /// The upgrade.
    pub upgrade: f64,
}

/// Round trips of pings, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RoundTrip {
    /// So many pings.
    pub count: usize,
    /// The fastest.
    pub min: f64,
    /// The middle.
    pub median: f64,
    /// 99 of 100 were faster.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

/// Heartbeats that the server sends by itself.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerPings {
    /// So many came on the connection that heard the most.
    pub seen: u64,
    /// So many of them were pongs that nobody had asked for.
    pub unasked_pongs: u64,
    /// The middle of the gaps between them.
    pub period_seconds: Option<f64>,
    /// The age at which the first came.
    pub first_after_seconds: Option<f64>,
    /// How long the longest-lived passive connection was watched.
    pub watched_seconds: f64,
}

/// A timer that cuts silence, in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct IdleTimeout {
    /// As well as it is known.
    pub seconds: f64,
    /// This silence was survived.
    pub at_least: f64,
    /// This one was not.
    pub at_most: f64,
    /// Whether what is unknown of it is at most the wanted precision.
    pub narrowed: bool,
    /// So many connections showed it.
    pub seen: usize,
}

/// How a connection was cut.
#[derive(Clone, Debug, Serialize)]
pub struct CutSeen {
    /// `close_frame`, `fin`, `reset`, `black_hole`, `reset_when_spoken_to`, `ended_when_spoken_to`, or
    /// a label of [`End`](crate::dial::End).
    pub how: &'static str,
    /// Of the close frame.
    pub code: Option<u16>,
    /// Of the close frame.
    pub text: Option<String>,
    /// What that says about who cut.
    pub who: String,
}

/// How a peer ends that does not answer the server's pings.
#[derive(Clone, Debug, Serialize)]
pub struct Unanswered {
    /// So long after the first ping.
    pub after_seconds: f64,
    /// As in [`CutSeen::how`].
    pub how: &'static str,
    /// Of the close frame.
    pub code: Option<u16>,
}

/// One connection of the probe, in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Connection {
    /// How it was silent: `silent`, `passive`, `pinging`, `talking`, `sounding`.
    pub kind: &'static str,
    /// Since the beginning.
    pub opened_seconds: f64,
    /// Its life.
    pub age_seconds: f64,
    /// How long no frame had passed at its end, or when a sounding spoke.
    pub silence_seconds: f64,
    /// `open`, `refused`, `answered`, `no_answer`, `disturbed`, or as in [`CutSeen::how`].
    pub how: &'static str,
    /// Of the close frame.
    pub code: Option<u16>,
}

impl Report {
    /// Whether the server's own pings hold the path.
    ///
    /// ```
    /// # let server = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/echo_server.rs"));
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use holdline::{dial::Dial, probe::{Finished, Probe}};
    ///
    /// let probe = Probe::new(Dial::new(server.parse()?)).max(Duration::from_secs(1));
    /// let report = probe.run(|_| {}, std::future::pending()).await;
    /// assert_eq!(report.finished, Finished::Max);
    /// assert!(!report.is_good(), "no ping comes within a second");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn is_good(&self) -> bool {
        self.verdict == Verdict::Good
    }
}
