//! The `holdline` command: reads arguments and hands over to the command they name.
//! What a command does is left to `cli`.

mod cli;

use std::process::ExitCode;

use clap::Parser;

/// The WebSocket tier of an HTTP application.
#[derive(Debug, Parser)]
#[command(version)]
enum Command {
    Config(cli::config::Args),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Config(args) => cli::config::run(args),
    }
}
