//! The floor: the least that a server of the same work can do, to measure the others by.
//! Leaves to real servers: limits on messages, rates and connections, UTF-8, timeouts, compression,
//! authentication, logs, metrics, a message in fragments (it treats each as a message), and an end
//! that is agreed on.
//!
//! One thread and one epoll. What came for a connection is read in one read; its echoes leave in one
//! write. A broadcast is encoded once; each member's broadcasts leave in one write when everything
//! that was ready has been read.

mod connection;
mod rooms;
mod server;
mod upgrade;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::Parser;
use holdline_benches::process::raise_descriptor_limit;

/// The least that a WebSocket server can do: /ws/echo and /ws/rooms/{room} over one epoll loop.
#[derive(Debug, Parser)]
#[command(name = "floor")]
struct Arguments {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Seconds between pings of each connection; 0 sends none.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    ping_interval: Duration,
}

/// The exit code for arguments that make no sense (`EX_USAGE` of sysexits.h).
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody is left to tell when this cannot be written.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match serve(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> Result<()> {
    raise_descriptor_limit()?;
    server::Server::new(arguments.listen, arguments.ping_interval)
        .with_context(|| format!("cannot serve at {}", arguments.listen))?
        .run()
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "must be seconds, as in 20 or 0.5".to_owned())
}
