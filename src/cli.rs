//! The commands of `holdline`: one file each, from arguments to an exit code.
//! What the commands do is left to the library.

mod config;
mod connect;
mod dialing;
mod exit;
mod health;
mod interrupt;
mod link;
mod lint;
mod log;
mod moment;
mod ping;
mod probe;
mod serve;
mod signals;
mod span;
mod why;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The WebSocket tier of an HTTP application: holds connections open through silence, proxies,
/// slow peers and deploys, and says why whenever one ends.
///
/// Exit codes: 0 good; 1 what was checked is bad, or the work failed; 64 usage or configuration.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Config(config::Args),
    Health(health::Args),
    Link(Box<link::Args>),
    Connect(Box<connect::Args>),
    Ping(Box<ping::Args>),
    Probe(Box<probe::Args>),
    Lint(lint::Args),
    Why(why::Args),
}

/// Runs the command that the process's arguments name.
pub(crate) fn run() -> ExitCode {
    match Arguments::try_parse() {
        Ok(Arguments { command: Command::Serve(args) }) => serve::run(args),
        Ok(Arguments { command: Command::Config(args) }) => config::run(args),
        Ok(Arguments { command: Command::Health(args) }) => health::run(args),
        Ok(Arguments { command: Command::Link(args) }) => link::run(*args),
        Ok(Arguments { command: Command::Connect(args) }) => connect::run(*args),
        Ok(Arguments { command: Command::Ping(args) }) => ping::run(*args),
        Ok(Arguments { command: Command::Probe(args) }) => probe::run(*args),
        Ok(Arguments { command: Command::Lint(args) }) => lint::run(args),
        Ok(Arguments { command: Command::Why(args) }) => why::run(args),
        Err(answer) => {
            // Help and version come this way too; they go to standard output and are no fault.
            let _ = answer.print();
            if answer.use_stderr() { exit::usage() } else { ExitCode::SUCCESS }
        }
    }
}
