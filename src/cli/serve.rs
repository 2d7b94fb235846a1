//! `holdline serve`: configuration, logging, signals and exit code around a backend.
//! Leaves to the library: everything that an embedder would want too.

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use holdline::{backend::Backend, config::Config, node::Node};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{exit, log as logging};

/// Run the backend.
///
/// SIGTERM or SIGINT drains it: not ready, new handshakes 503, every connection closed with 1012
/// within drain.delay + drain.window, then exit 0. A second signal exits at once.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to read [default: holdline.toml in the working directory, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> ExitCode {
    let loaded = match Config::load(args.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("{error}");
            return exit::usage();
        }
    };
    let mut config = loaded.config;
    logging::start(config.log.format);
    let descriptors = holdline::config::raise_descriptor_limit();
    let cut = descriptors.map(|limit| holdline::config::fit_descriptors(&mut config, limit));
    for warning in loaded.warnings.into_iter().chain(cut.ok().flatten()) {
        log::warn!("{warning}");
    }
    match actix_rt::System::new().block_on(serve(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> io::Result<()> {
    let mut first = Signals::new()?;
    let backend = Backend::bind(Node::new(config))?.abort_when_stalled();
    let (server, control) = (backend.public_address()?, backend.control_address()?);
    log::info!(server:%, control:%, version = env!("CARGO_PKG_VERSION"); "listening");
    let shutdown = async move {
        let signal = first.next().await;
        log::info!(signal; "shutting down");
        actix_rt::spawn(exit_at_second_signal());
    };
    backend.run(shutdown).await
}

/// Some supervisors signal the process and its group, so that one request to stop comes twice.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

async fn exit_at_second_signal() {
    actix_rt::time::sleep(SAME_SIGNAL).await;
    let Ok(mut second) = Signals::new() else { return };
    let signal = second.next().await;
    log::warn!(signal; "second signal, exiting at once");
    std::process::exit(1);
}

/// The signals that ask a process to stop.
struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}
