//! `holdline ping`: round-trip times like ping(8), over the pings of a WebSocket.
//! Leaves to `watch.rs`: pinging; to `dialing.rs`: how to get there.

mod report;
mod tally;
mod watch;

use std::{io, process::ExitCode, time::Duration};

use self::{report::Report, tally::Tally, watch::Options};
use super::{dialing::Dialing, exit, interrupt::Interrupt, span};

/// Pings are out until they are answered, for this long at most, and each takes memory.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);
/// Whoever wants more wants a benchmark.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Measure round-trip times by WebSocket pings, and say whether the server is alive.
///
/// Works with every WebSocket server: each must answer pings. Endless without -c; Ctrl-C shows the
/// summary. A server may answer several pings by one pong (RFC 6455 section 5.5.3): that is no
/// loss. The server is dead when its oldest unanswered ping is --timeout old.
///
/// Exit codes: 0 the server is alive; 1 it is dead, the connection was refused or lost, or no pong
/// came; 64 wrong arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = JSON_HELP)]
pub(super) struct Args {
    /// Whom to ping: ws://, wss://, or host:port/path
    url: String,
    /// Stop after so many pings, when all are answered
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Time between pings, at least 10ms
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    /// How old an unanswered ping may become, at most 1h
    #[arg(short = 'W', long, value_name = "SECONDS", default_value = "5s", value_parser = timeout)]
    timeout: Duration,
    /// Show only the beginning and the summary
    #[arg(short, long)]
    quiet: bool,
    /// Show everything as lines of JSON (see below)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    dialing: Dialing,
}

const JSON_HELP: &str = "\
JSON lines: {\"time\": RFC 3339, \"event\": …} and, by event:
  open       url, address, took_ms
  refused    url, reason (resolve, connect, tls, status, not_websocket, hung_up, timeout), status,
             words
  pong       seq, rtt_ms, also_answers (so many earlier pings)
  duplicate  seq
  strange    a pong that answers no ping of ours
  summary    url, verdict (alive, dead, ended, unknown), reason (of ended: closed_by_server, fin,
             reset, …), words, pings, pongs, passed_over, duplicates, strange, loss_percent,
             min_ms, avg_ms, max_ms, p99_ms
Further fields and events may come; the names above stay.";

fn interval(text: &str) -> Result<Duration, String> {
    match span::seconds(text)? {
        interval if interval < INTERVAL_MIN => Err("must be at least 10ms".to_owned()),
        interval => Ok(interval),
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match span::seconds(text)? {
        timeout if timeout > TIMEOUT_MAX => Err("must be at most 1h".to_owned()),
        timeout => Ok(timeout),
    }
}

/// Pings until it is known how the server is.
pub(super) fn run(args: Args) -> ExitCode {
    let dial = match args.dialing.dial(&args.url) {
        Ok(dial) => dial,
        Err(wrong) => {
            eprintln!("error: {wrong}");
            return exit::usage();
        }
    };
    let Args { count, interval, timeout, quiet, json, .. } = args;
    let options = Options { dial, count, interval, timeout, report: Report { json, quiet } };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let watched = runtime.and_then(|runtime| {
        let alive = runtime.block_on(async {
            let interrupt = Interrupt::listen(|| {})?;
            let tally = Tally::new(fastrand::u64(..)).map_err(io::Error::other)?;
            watch::run(options, tally, interrupt).await
        });
        // A look-up that hangs must not keep us.
        runtime.shutdown_background();
        alive
    });
    match watched {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // The reader has seen enough (`holdline ping … | head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
