//! What may be asked of the load generator.
//! Leaves to each work: doing it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use holdline_benches::process::Accounted;

/// Makes one kind of work for a WebSocket server and tells as JSON what came of it.
#[derive(Debug, Parser)]
#[command(name = "load")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) work: Work,
}

/// The kinds of work.
#[derive(Debug, Subcommand)]
pub(crate) enum Work {
    /// Each message returns to its sender; a unit is an echo.
    Echo(Echo),
    /// Each message goes to everyone in its room; a unit is a delivery.
    Fanout(Fanout),
    /// Connections are open and answer pings; a unit is a ping answered.
    Idle(Idle),
    /// Open, close, again; a unit is a connection that was opened and closed.
    Handshakes(Handshakes),
    /// All connections are cut and come back at once; a unit is one that came back.
    Storm(Storm),
}

/// What every work needs.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Where the server listens.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) address: SocketAddr,
    /// The path of the handshake [default: /ws/echo; of fanout: /ws/rooms/, the room is appended].
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// A header of the handshake: 'Name: value'. Repeatable.
    #[arg(long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// TLS, the server's name being localhost; needs --ca.
    #[arg(long, requires = "ca")]
    pub(crate) tls: bool,
    /// Who may have signed the server's certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Processes to account, all their threads: NAME=PID[,PID…]. Repeatable.
    #[arg(long = "account", value_name = "NAME=PID", value_parser = Accounted::parse)]
    pub(crate) accounts: Vec<Accounted>,
    /// Seconds of work before measuring.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0.5")]
    pub(crate) warmup: Duration,
    /// Seconds of measuring.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "3")]
    pub(crate) seconds: Duration,
    /// Stop measuring after this many units, if that comes first.
    #[arg(long)]
    pub(crate) units: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Echo {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Connections.
    #[arg(long, value_parser = at_least_one)]
    pub(crate) connections: usize,
    /// Bytes of each message.
    #[arg(long)]
    pub(crate) bytes: usize,
    /// Messages outstanding on each connection; with --rate at most that many.
    #[arg(long, default_value = "1", value_parser = at_least_one)]
    pub(crate) depth: usize,
    /// Messages per second of all connections together, whatever comes back: latency counts from
    /// when a message should have left.
    #[arg(long, value_parser = rate)]
    pub(crate) rate: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct Fanout {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Members of all rooms together, spread evenly.
    #[arg(long, value_parser = at_least_one)]
    pub(crate) members: usize,
    /// Bytes of each message.
    #[arg(long)]
    pub(crate) bytes: usize,
    /// Broadcasts outstanding in each room: published, not yet with every member.
    #[arg(long, default_value = "1", value_parser = at_least_one)]
    pub(crate) in_flight: usize,
    /// Rooms.
    #[arg(long, default_value = "1", value_parser = at_least_one)]
    pub(crate) rooms: usize,
    /// The name of a room before its number.
    #[arg(long, default_value = "room")]
    pub(crate) room_prefix: String,
}

#[derive(Debug, Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Connections.
    #[arg(long, value_parser = at_least_one)]
    pub(crate) connections: usize,
    /// Seconds to hold them; --warmup is how long they settle before.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) hold: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Handshakes {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Connections under way at once.
    #[arg(long, default_value = "16", value_parser = at_least_one)]
    pub(crate) in_flight: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Storm {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Connections.
    #[arg(long, value_parser = at_least_one)]
    pub(crate) connections: usize,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "must be seconds, as in 3 or 0.5".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("must be a whole number of at least 1".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && f64::is_finite(rate) => Ok(rate),
        _ => Err("must be messages per second, more than 0".to_owned()),
    }
}
