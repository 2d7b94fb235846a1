//! `holdline probe`: how a path treats silent connections, and whether its server's pings hold it.
//! Leaves to the library: probing; to `dialing.rs`: how to get there.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use holdline::probe::{Probe, Report};

use super::{dialing::Dialing, exit, interrupt::Interrupt, span};

/// A timer that is told to less than its own lateness is not told better.
const PRECISION_MIN: Duration = Duration::from_millis(100);
/// Shorter probes see nothing.
const MAX_MIN: Duration = Duration::from_secs(1);
const SEND_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Measure how a path treats silent WebSocket connections, through any gateway to any server.
///
/// Opens up to 24 connections at once that are silent in different ways: one writes nothing at all,
/// one answers pings as a browser does, one pings, others break their silence once, each after another
/// time. From how each of them ends follow the idle timeout of the path, what resets it, who cuts,
/// a maximum age, the server's own pings, and how often to ping. No message is sent unless --send
/// gives one.
///
/// Ends when everything is known, or after --max; Ctrl-C shows what is known so far. A path that
/// cuts after a minute is known in about two; one that cuts nothing is watched until --max, because
/// timers longer than that do not show.
///
/// Exit codes: 0 the server's own pings hold the path; 1 they are absent or too slow, there is no
/// WebSocket, or it is not known; 64 wrong arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = JSON_HELP)]
pub(super) struct Args {
    /// What to probe: ws://, wss://, or host:port/path
    url: String,
    /// End after so long with what is known then
    #[arg(long, value_name = "DURATION", default_value = "6m", value_parser = max)]
    max: Duration,
    /// Narrow the idle timeout to so much, at least 100ms
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = precision)]
    precision: Duration,
    /// Send this text now and then on a connection of its own; it must be one that does no harm
    #[arg(long, value_name = "TEXT")]
    send: Option<String>,
    /// How often, at least every 100ms
    #[arg(long, value_name = "DURATION", default_value = "5s", requires = "send", value_parser = send_interval)]
    send_interval: Duration,
    /// Do not tell on standard error how it goes
    #[arg(short, long)]
    quiet: bool,
    /// Show the report as one object of JSON (see below)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    dialing: Dialing,
}

const JSON_HELP: &str = "\
The report of --json has, in seconds unless a name says otherwise:
  url, verdict (good, bad, unknown), words, elapsed_seconds,
  finished (complete, max, interrupted, refused),
  handshake {address, took_ms, status, hops, server, subprotocol, extensions,
    refused (resolve, connect, tls, status, not_websocket, hung_up, timeout), words, diagnosis},
  round_trip_ms {count, min, median, p99, max},
  server_pings {seen, unasked_pongs, period_seconds, first_after_seconds, watched_seconds},
  idle_timeout {seconds, at_least, at_most, narrowed, seen},
  longest_silence_survived_seconds,
  cut {how (close_frame, fin, reset, black_hole, reset_when_spoken_to, ended_when_spoken_to, …),
    code, text, who},
  reset_by (pings, data, unknown), unanswered_pings {after_seconds, how, code},
  maximum_age_seconds, safe_ping_interval_seconds, reason, known, notes,
  connections [{kind (silent, passive, pinging, talking, sounding), opened_seconds, age_seconds,
    silence_seconds, how (open, refused, answered, no_answer, disturbed, or as of cut), code}]
What is not known is null. Further fields may come; the names above stay.";

fn max(text: &str) -> Result<Duration, String> {
    match span::duration(text)? {
        max if max < MAX_MIN => Err("must be at least 1s".to_owned()),
        max => Ok(max),
    }
}

fn precision(text: &str) -> Result<Duration, String> {
    match span::duration(text)? {
        precision if precision < PRECISION_MIN => Err("must be at least 100ms".to_owned()),
        precision => Ok(precision),
    }
}

fn send_interval(text: &str) -> Result<Duration, String> {
    match span::duration(text)? {
        interval if interval < SEND_INTERVAL_MIN => Err("must be at least 100ms".to_owned()),
        interval => Ok(interval),
    }
}

/// Probes until it is known how the path is.
pub(super) fn run(args: Args) -> ExitCode {
    let dial = match args.dialing.dial(&args.url) {
        Ok(dial) => dial,
        Err(wrong) => {
            eprintln!("error: {wrong}");
            return exit::usage();
        }
    };
    let mut probe = Probe::new(dial).max(args.max).precision(args.precision);
    if let Some(text) = args.send {
        probe = probe.send(text.into(), args.send_interval);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let probed = runtime.and_then(|runtime| {
        let report = runtime.block_on(async {
            let mut interrupt = Interrupt::listen(|| {})?;
            let tell = |progress: holdline::probe::Progress| {
                if !args.quiet {
                    // A reader who has gone must not end the measuring.
                    let _ = writeln!(io::stderr(), "{progress}");
                }
            };
            Ok(probe.run(tell, interrupt.asked()).await)
        });
        // A look-up that hangs must not keep us.
        runtime.shutdown_background();
        report
    });
    let shown = probed.and_then(|report| show(&report, args.json).map(|()| report.is_good()));
    match shown {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            if error.kind() != io::ErrorKind::BrokenPipe {
                eprintln!("error: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn show(report: &Report, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(report)?)?,
        false => write!(out, "{report}")?,
    }
    out.flush()
}
