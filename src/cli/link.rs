//! `holdline link`: arguments, logging, signals and exit code around a bridge.
//! Leaves to the library: everything that an embedder would want too.

mod dialing;
mod limits;

use std::{io, net::SocketAddr, process::ExitCode};

use holdline::{
    bridge::{Bridge, Options},
    config::LogFormat,
    dial::ServerUrl,
};

use self::{dialing::Dialing, limits::Limits};
use super::{exit, log as logging, signals::Signals};

/// Keep WebSockets to servers, and offer them to the programs of this machine over HTTP.
///
/// POST /sh sends the body as one message and answers with the reply:
///
///   holdline link --server ws://localhost:8080/ws/echo
///   curl -H "Content-Type: application/json" -X POST http://localhost:7456/sh -d "Hello World"
///
/// A lost connection is restored; meanwhile requests wait, up to their timeout. A message is
/// given to the wire at most once: when nobody can know whether it arrived, the answer says
/// so ("sent": "maybe"). GET /status tells how each link is doing and why it was last down.
///
/// SIGTERM or SIGINT: requests are refused (503), those being served end, every link is closed
/// with 1000, then exit 0. A second signal exits at once. docs/link.md has every route.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// A server to link to, ws://host:port/path or wss://…; repeatable. Messages that name no
    /// server go to the first
    #[arg(long = "server", value_name = "URL", env = "HOLDLINE_LINK_SERVER")]
    #[arg(hide_env_values = true, value_delimiter = ' ')]
    servers: Vec<String>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", env = "HOLDLINE_LINK_LISTEN")]
    #[arg(default_value = "127.0.0.1:7456", value_parser = address)]
    listen: SocketAddr,
    /// A request may name this server, and any below it (ws://host/ws allows ws://host/ws/echo);
    /// repeatable. It gets no header fields, no token and no certificate of ours
    #[arg(long = "allow", value_name = "URL", env = "HOLDLINE_LINK_ALLOW")]
    #[arg(hide_env_values = true, value_delimiter = ' ')]
    allowed: Vec<String>,
    /// The same, and it gets them; repeatable
    #[arg(long = "allow-with-credentials", value_name = "URL")]
    #[arg(env = "HOLDLINE_LINK_ALLOW_WITH_CREDENTIALS")]
    #[arg(hide_env_values = true, value_delimiter = ' ')]
    trusted: Vec<String>,
    #[command(flatten)]
    dialing: Dialing,
    #[command(flatten)]
    limits: Limits,
    /// text or json
    #[arg(long, value_name = "FORMAT", env = "HOLDLINE_LINK_LOG_FORMAT")]
    #[arg(default_value = "text", value_parser = format, help_heading = "Log")]
    log_format: LogFormat,
}

pub(super) fn run(args: Args) -> ExitCode {
    let log_format = args.log_format;
    let options = match args.options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}");
            return exit::usage();
        }
    };
    logging::start(log_format);
    if let Err(error) = holdline::config::raise_descriptor_limit() {
        log::warn!(error:%; "the descriptor limit could not be raised");
    }
    match actix_rt::System::new().block_on(link(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn link(options: Options) -> io::Result<()> {
    let signals = Signals::new()?;
    let (servers, allowed) = (options.servers.len(), options.allowed.len());
    let bridge = Bridge::bind(options)?;
    log::info!(
        link:% = bridge.address()?, servers, allowed, version = env!("CARGO_PKG_VERSION");
        "listening"
    );
    bridge.run(signals.asked_to_stop()).await
}

impl Args {
    fn options(self) -> Result<Options, String> {
        let mut options = Options { listen: self.listen, ..Options::default() };
        self.limits.apply(&mut options)?;
        let dialler = self.dialing.dialler()?;
        for text in &self.servers {
            let url = text.parse().map_err(|why| format!("--server: {why}"))?;
            options.servers.push(dialler.server(url)?);
        }
        if options.servers.len() > options.links_max {
            let (given, max) = (options.servers.len(), options.links_max);
            return Err(format!("--server: {given} are given, at most {max} may be (--links-max)"));
        }
        for (flag, texts) in
            [("--allow", &self.allowed), ("--allow-with-credentials", &self.trusted)]
        {
            for text in texts {
                let url = bare(flag, text)?;
                options.allowed.push(dialler.allowed(url, flag != "--allow")?);
            }
        }
        Ok(options)
    }
}

/// A URL of the allow list. It is a rule and no server: credentials have no business in it.
fn bare(flag: &str, text: &str) -> Result<ServerUrl, String> {
    let url: ServerUrl = text.parse().map_err(|why| format!("{flag}: {why}"))?;
    if url.host().contains('*') {
        let rule = "has no wildcards: a URL allows itself and what is below it";
        return Err(format!("{flag} {}: {rule}", url.without_query()));
    }
    let shown = url.to_string();
    match shown.parse() {
        Ok(same) if url == same => Ok(url),
        _ => Err(format!("{flag} {}: must have no credentials", url.without_query())),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let rule = "must be an IP address and a port, such as \"127.0.0.1:7456\" or \"[::1]:7456\"";
    text.parse().map_err(|_| rule.to_owned())
}

fn format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be \"text\" or \"json\"".to_owned()),
    }
}
