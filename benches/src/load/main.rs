//! The load generator: one kind of work against one server, and what came of it as JSON.
//! Leaves to `bench`: starting servers, pinning, repeating, comparing.

mod arguments;
mod connection;
mod echo;
mod fanout;
mod handshakes;
mod idle;
mod meter;
mod storm;
mod swarm;
mod transport;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use holdline_benches::{outcome::Outcome, process::raise_descriptor_limit};

use arguments::{Arguments, Work};

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
    match run(&arguments.work).and_then(|outcome| print(&outcome)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(work: &Work) -> Result<Outcome> {
    raise_descriptor_limit()?;
    match work {
        Work::Echo(echo) => echo::run(echo),
        Work::Fanout(fanout) => fanout::run(fanout),
        Work::Idle(idle) => idle::run(idle),
        Work::Handshakes(handshakes) => handshakes::run(handshakes),
        Work::Storm(storm) => storm::run(storm),
    }
}

fn print(outcome: &Outcome) -> Result<()> {
    println!("{}", serde_json::to_string(outcome).context("an outcome that is no JSON")?);
    Ok(())
}
