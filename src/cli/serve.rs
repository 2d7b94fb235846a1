//! `holdline serve`: configuration, logging, signals and exit code around a backend.
//! Leaves to the library: everything that an embedder would want too.

use std::{io, path::PathBuf, process::ExitCode};

use holdline::{backend::Backend, config::Config, node::Node};

use super::{exit, log as logging, signals::Signals};

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
    let signals = Signals::new()?;
    let backend = Backend::bind(Node::new(config)?)?.abort_when_stalled();
    let (server, control) = (backend.public_address()?, backend.control_address()?);
    log::info!(server:%, control:%, version = env!("CARGO_PKG_VERSION"); "listening");
    backend.run(signals.asked_to_stop()).await
}
