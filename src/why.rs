//! Who ended a connection and why: joins the gateway's access and error log with our own lines.
//! Leaves to `cli/why.rs`: arguments, output and exit codes.
//!
//! Every end has a [`Cause`]; what each looks like, and what to do about it, is in `docs/ends.md`.

mod access;
mod answer;
mod cause;
mod error;
mod evidence;
mod format;
mod lines;
mod moment;
mod own;
mod search;
mod sieve;
mod table;
mod verdict;

use std::{io, path::PathBuf};

use serde::Serialize;

pub use self::{
    answer::Answer,
    cause::Cause,
    format::{BadFormat, Format},
    table::{Row, Table},
};

/// The files to look into, each of any length: one line is in memory at a time, and what is kept of
/// them is bounded. `-` is standard input. A compressed file is refused.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    /// The gateway's access log: as shipped, nginx's `combined`, or of `access_format`.
    pub access: Vec<PathBuf>,
    /// The gateway's error log, best at `info`.
    pub error: Vec<PathBuf>,
    /// Holdline's log, text or JSON.
    pub own: Vec<PathBuf>,
    /// Another `log_format`.
    pub access_format: Option<Format>,
}

/// Lines that could not be read as what they were said to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// How many.
    pub count: u64,
    /// `FILE:LINE` of the first.
    pub first: Option<String>,
    /// Of an access log of which no line could be read: that it is none, or of another format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<String>,
}

/// None of the logs has this id. As text it is what may be the matter, behind the id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Absent {
    /// Whether there is an access log and no line of it has a request id.
    pub nameless: bool,
    /// Lines that could not be read.
    pub unread: Unread,
}

/// What the logs say of one connection: a request id, or a connection id as our log has it.
/// [`Absent`] when it is in none of them.
///
/// # Errors
/// When a file cannot be read.
///
/// ```
/// use holdline::why::{self, Logs};
///
/// let log = std::env::temp_dir().join(format!("why-{}.log", std::process::id()));
/// std::fs::write(&log, "2026-11-21T11:33:20.375Z WARN  end id=1f request=c1d0 reason=no_pong code=1011 age=3.013 in=0 out=0\n")?;
/// let logs = Logs { own: vec![log.clone()], ..Logs::default() };
/// let answer = why::explain(&logs, "c1d0")?.expect("it is there");
/// assert_eq!(answer.cause, "no_pong");
/// assert!(why::explain(&logs, "c1d1")?.is_err());
/// # std::fs::remove_file(log)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn explain(logs: &Logs, id: &str) -> io::Result<Result<Answer, Absent>> {
    let found = search::Search::run(logs, id.trim())?;
    Ok(match found.evidence.is_empty() {
        true => Err(Absent { nameless: found.is_nameless(), unread: found.unread }),
        false => Ok(Answer::of(found)),
    })
}

/// All ends that the logs tell of, by cause, the most frequent first.
///
/// # Errors
/// When a file cannot be read.
///
/// ```
/// use holdline::why::{self, Logs};
///
/// let table = why::tabulate(&Logs::default())?;
/// assert!(table.rows.is_empty(), "there was nothing to read");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn tabulate(logs: &Logs) -> io::Result<Table> {
    table::tabulate(logs)
}
