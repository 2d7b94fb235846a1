//! `holdline connect`: a person's, or a script's, end of one WebSocket that reconnects.
//! Leaves to `talk.rs`: the talk itself; to `dialing.rs`: how to get there.

mod conversation;
mod editor;
mod happening;
mod harmless;
mod order;
mod outgoing;
mod screen;
mod source;
mod talk;
mod terminal;

use std::{
    env,
    ffi::OsStr,
    io::{self, IsTerminal},
    process::ExitCode,
    str::FromStr,
    time::Duration,
};

use self::{
    order::Reading,
    screen::Screen,
    source::Source,
    talk::{Options, Talk},
};
use super::{dialing::Dialing, exit, interrupt::Interrupt, span};

/// wscat's wait after `-x`.
const WAIT_AFTER_EXECUTING: Duration = Duration::from_secs(2);

/// Send and read messages in a terminal, or from a script; reconnect when the connection is lost.
///
/// In a terminal: type a line, press Enter. Keys are those of a shell; a paste of several lines is
/// one message. Ctrl-C or Ctrl-D closes politely (1000), a second Ctrl-C at once. What the server
/// says is shown with control characters written out.
///
/// When standard input is no terminal, each of its lines is a message; at its end the connection
/// is closed with 1000, after --wait if given. Messages go to standard output as they are, one per
/// line, everything else to standard error.
///
/// While there is no connection, lines are kept: up to 100, or 1 MiB; further ones are refused,
/// with a notice. A line that was given to a connection is never sent again.
///
/// Exit codes: 0 when the connection was closed as wished (with --once also when the server closed
/// it with 1000, 1001 or no code) and everything was sent; 1 otherwise; 64 wrong arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = JSON_HELP)]
pub(super) struct Args {
    /// Where to connect: ws://, wss://, or host:port/path
    url: String,
    /// Show when a ping or pong is received
    #[arg(short = 'P', long)]
    show_ping_pong: bool,
    /// Enable /ping [data], /pong [data], /close [code [reason]] and /binary HEX
    #[arg(long)]
    slash: bool,
    /// Send this after connecting, instead of what is typed or piped; repeatable. A slash command
    /// where --slash is given. Then wait as --wait says, and close
    #[arg(short = 'x', long, value_name = "MESSAGE", allow_hyphen_values = true)]
    execute: Vec<String>,
    /// How long to wait for answers after -x, or after the end of standard input; -1: until the
    /// server closes [default: 2 after -x, 0 after standard input]
    #[arg(short, long, value_name = "SECONDS", allow_hyphen_values = true)]
    wait: Option<Wait>,
    /// What is typed, piped or given by -x is hexadecimal, and sent as binary messages
    #[arg(long)]
    hex: bool,
    /// Do not reconnect: end when the first connection ends or is refused
    #[arg(long)]
    once: bool,
    /// Show everything as lines of JSON on standard output (see below)
    #[arg(long)]
    json: bool,
    /// Begin each line that is shown with the time
    #[arg(short, long)]
    timestamps: bool,
    /// No colours; so does the variable NO_COLOR
    #[arg(long)]
    no_color: bool,
    /// Ping the server so often, to notice when the connection is dead; or off
    #[arg(long, value_name = "DURATION", default_value = "20s")]
    ping_interval: Interval,
    /// The connection is dead when nothing came for so long after a ping
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = span::duration)]
    pong_timeout: Duration,
    #[command(flatten)]
    dialing: Dialing,
}

const JSON_HELP: &str = "\
JSON lines: {\"time\": RFC 3339, \"event\": …} and, by event:
  open          address, subprotocol, took_ms
  message       text, or binary (hexadecimal)
  ping, pong    text, or binary; not the pongs that answer our own heartbeat
  close         reason (closed_by_server, closed_by_us), code, text, words
  lost          reason (fin, reset, no_pong, write_timeout, too_big, bad_data, protocol_error,
                tls, network), words
  refused       reason (resolve, connect, tls, status, not_websocket, hung_up, timeout), status,
                words
  reconnecting  wait_ms, try
  unwanted      words: the server refused us for good (401, 403, 1008)
  unanswered    words: the server did not answer our close
  trouble       words: something was not sent
Further fields and events may come; the names above stay.";

/// `--wait`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    UntilClosed,
    For(Duration),
}

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "-1" => Ok(Self::UntilClosed),
            "0" => Ok(Self::For(Duration::ZERO)),
            text => span::seconds(text).map(Self::For),
        }
    }
}

/// `--ping-interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interval(Option<Duration>);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            text => span::duration(text).map(|interval| Self(Some(interval))),
        }
    }
}

/// Talks until it is over.
pub(super) fn run(args: Args) -> ExitCode {
    let dial = match args.dialing.dial(&args.url) {
        Ok(dial) => dial,
        Err(wrong) => {
            eprintln!("error: {wrong}");
            return exit::usage();
        }
    };
    let reading = Reading { slash: args.slash, hex: args.hex };
    // Said before anything is sent, not after half of it.
    if let Some(wrong) = args.execute.iter().find_map(|line| reading.order(line).err()) {
        eprintln!("error: --execute: {wrong}");
        return exit::usage();
    }
    let after = match args.execute.is_empty() {
        true => Duration::ZERO,
        false => WAIT_AFTER_EXECUTING,
    };
    let options = Options {
        dial,
        reading,
        once: args.once,
        ping_pong: args.show_ping_pong || args.json,
        wait: match args.wait.unwrap_or(Wait::For(after)) {
            Wait::UntilClosed => None,
            Wait::For(wait) => Some(wait),
        },
        ping_interval: args.ping_interval.0,
        pong_timeout: args.pong_timeout,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let talked = runtime.and_then(|runtime| {
        let good = runtime.block_on(async {
            let interrupt = Interrupt::listen(terminal::give_back)?;
            let (screen, source) = ends(&args)?;
            Talk::new(options, screen, source, interrupt).run().await
        });
        // A look-up that hangs must not keep us.
        runtime.shutdown_background();
        good
    });
    match talked {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // The reader has seen enough (`holdline connect … | head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Where lines come from, and where what happens is shown.
fn ends(args: &Args) -> io::Result<(Screen, Source)> {
    let dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == OsStr::new("dumb"));
    let person = io::stdin().is_terminal() && io::stdout().is_terminal();
    if person && !dumb && !args.json && args.execute.is_empty() {
        let screen = Screen::terminal(!args.no_color, args.timestamps)?;
        return Ok((screen, Source::keys()));
    }
    let screen = if args.json { Screen::json() } else { Screen::plain(args.timestamps) };
    let source = match args.execute.is_empty() {
        true => Source::input()?,
        false => Source::Given(args.execute.clone().into_iter()),
    };
    Ok((screen, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_as_wscat_takes_them_or_a_duration() {
        assert_eq!("-1".parse(), Ok(Wait::UntilClosed));
        assert_eq!("0".parse(), Ok(Wait::For(Duration::ZERO)));
        assert_eq!("1.5".parse(), Ok(Wait::For(Duration::from_millis(1500))));
        assert_eq!("300ms".parse(), Ok(Wait::For(Duration::from_millis(300))));
        assert!("-2".parse::<Wait>().is_err());
    }

    #[test]
    fn the_heartbeat_can_be_switched_off() {
        assert_eq!("off".parse(), Ok(Interval(None)));
        assert_eq!("1m".parse(), Ok(Interval(Some(Duration::from_secs(60)))));
        assert!("20".parse::<Interval>().is_err());
    }
}
