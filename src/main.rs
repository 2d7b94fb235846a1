//! The `holdline` command: reads arguments and hands over to the command they name.
//! What a command does is left to `cli`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
