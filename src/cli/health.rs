//! `holdline health`: asks a backend whether it is ready, for container health checks.
//! What "ready" means is left to the backend.

use std::{process::ExitCode, time::Duration};

/// How long the backend may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Ask a backend's /readyz: exit 0 when it is ready, 1 when it is not or does not answer.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The address to ask
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9001/readyz")]
    url: String,
}

pub(super) fn run(args: Args) -> ExitCode {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    match agent.get(&args.url).call() {
        Ok(answer) if answer.status() == 200 => {
            println!("ready");
            ExitCode::SUCCESS
        }
        Ok(answer) => {
            eprintln!("not ready: {} answered {}", args.url, answer.status());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("not ready: {}: {error}", args.url);
            ExitCode::FAILURE
        }
    }
}
