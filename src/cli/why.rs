//! `holdline why`: who ended a connection, why, and what to do.
//! Reading the logs and judging them is left to the library.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use holdline::why::{self, Format, Logs};

use super::exit;

/// Say who ended a connection, why, and what to do; or count all ends by cause.
///
/// Joins the gateway's access and error log with Holdline's own lines. Every cause is a row of
/// docs/ends.md. Exits 0 when the end is explained; 1 when the id is in no file, or its connection
/// is still open or its end unknown; 64 on wrong arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A request id (X-Request-ID) or a connection id (id= in Holdline's log); without, all ends
    id: Option<String>,
    /// The gateway's access log, - for standard input; may be given several times
    #[arg(long = "access-log", value_name = "FILE")]
    access: Vec<PathBuf>,
    /// The gateway's error log, best at level info
    #[arg(long = "error-log", value_name = "FILE")]
    error: Vec<PathBuf>,
    /// Holdline's log, text or JSON
    #[arg(long = "log", value_name = "FILE")]
    own: Vec<PathBuf>,
    /// The access log's log_format, unless it is the shipped one, JSON with nginx's names, or combined
    #[arg(long, value_name = "FORMAT")]
    access_format: Option<Format>,
    /// How to answer
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    format: Form,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// Reads the logs and answers on standard output.
pub(super) fn run(args: Args) -> ExitCode {
    let Args { id, access, error, own, access_format, format } = args;
    let logs = Logs { access, error, own, access_format };
    let files: Vec<_> = [&logs.access, &logs.error, &logs.own].into_iter().flatten().collect();
    if files.is_empty() {
        eprintln!("error: no log to look into; give --access-log, --error-log or --log");
        return exit::usage();
    }
    if files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
        eprintln!("error: standard input (-) can be read once only");
        return exit::usage();
    }
    let answered = match &id {
        Some(id) => one(&logs, id, format),
        None => all(&logs, format),
    };
    match answered {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // The reader has seen enough (`holdline why … | head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            exit::usage()
        }
    }
}

/// Whether the end of this one is explained.
fn one(logs: &Logs, id: &str, format: Form) -> io::Result<bool> {
    let answer = match why::explain(logs, id)? {
        Ok(answer) => answer,
        Err(absent) => {
            eprint!("{id} {absent}");
            return Ok(false);
        }
    };
    match format {
        Form::Text => write!(io::stdout().lock(), "{answer}")?,
        Form::Json => json(&answer)?,
    }
    Ok(answer.explained)
}

/// Whether there is any end.
fn all(logs: &Logs, format: Form) -> io::Result<bool> {
    let table = why::tabulate(logs)?;
    match format {
        Form::Text => write!(io::stdout().lock(), "{table}")?,
        Form::Json => json(&table)?,
    }
    Ok(table.ends > 0)
}

fn json(answer: &impl serde::Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    writeln!(out)
}
