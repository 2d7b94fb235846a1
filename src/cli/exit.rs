//! The exit codes, the same for every command.
//! Which one applies is left to the commands.

use std::process::ExitCode;

/// Wrong arguments or a wrong configuration (`EX_USAGE` of sysexits.h).
pub(super) fn usage() -> ExitCode {
    ExitCode::from(64)
}
