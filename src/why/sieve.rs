//! Which lines may be about the connection that is looked for: a look at their letters, which costs a
//! fraction of taking them apart. Leaves to `search.rs`: what a line that passes says.

use super::lines::Place;

/// So many lines of each file are taken apart whatever they have: they tell what file it is.
pub(super) const TRIED: u64 = 10_000;

/// What is looked for.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    /// Ids, in small letters: a client may spell its own in others.
    ids: Vec<String>,
    /// Whether an id may be spelled otherwise in a line, as JSON does with quotes: then all lines pass.
    is_open: bool,
    /// Of a file that has shown no ids, all lines pass.
    pub(super) is_nameless: bool,
    line: String,
}

impl Sieve {
    /// Has lines with this id pass, too.
    pub(super) fn add(&mut self, id: &str) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        self.is_open |= id.is_empty() || !id.bytes().all(plain);
        let id = id.to_ascii_lowercase();
        if !self.ids.contains(&id) {
            self.ids.push(id);
        }
    }

    /// Whether a line must be taken apart.
    pub(super) fn passes(&mut self, place: &Place, line: &str) -> bool {
        if place.line <= TRIED || self.is_open || self.is_nameless {
            return true;
        }
        self.line.clear();
        self.line.push_str(line);
        self.line.make_ascii_lowercase();
        self.ids.iter().any(|id| self.line.contains(id.as_str()))
    }
}

/// Whether a line of the error log is about another connection than that of this serial number.
pub(super) fn is_anothers(place: &Place, line: &str, serial: Option<u64>) -> bool {
    let Some(serial) = serial.filter(|_| place.line > TRIED) else { return false };
    line.contains(": *") && !line.contains(&format!(": *{serial} "))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::why::{Logs, explain};

    const JUNK: usize = 12_000;

    /// A folder with a file of as many lines, and these behind them.
    fn file(folder: &tempfile::TempDir, name: &str, line: &str, last: &str) -> Vec<PathBuf> {
        let file = folder.path().join(name);
        fs::write(&file, format!("{line}\n").repeat(JUNK) + last).expect("it is ours");
        vec![file]
    }

    #[test]
    fn lines_without_the_id_are_not_taken_apart_and_those_with_it_are_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let end = "2026-11-21T20:31:38.000Z INFO  end id=1f2e request=C1d0 reason=peer_gone code=- age=9.000 \
                   in=0 out=0\n";
        let line = |id: &str, serial| {
            format!(
                "{{\"time\":\"2026-11-21T21:31:38+01:00\",\"request\":\"{id}\",\"serial\":\"{serial}\",\
                 \"worker\":\"41\",\"status\":\"101\",\"life\":9.000,\"completion\":\"OK\"}}"
            )
        };
        let cut = |serial| {
            format!(
                "2026/11/21 21:31:38 [info] 41#41: *{serial} upstream timed out (110: x) while proxying \
                 upgraded connection"
            )
        };
        // Lines that nobody can read stand for those that nobody has to.
        let access = format!("{}\nx\n{}\n", line("a1", 6), line("c1d0", 7));
        let logs = Logs {
            own: file(&folder, "own", "x", end),
            access: file(&folder, "access", &line("a0", 5), &access),
            error: file(&folder, "error", &cut(5), &format!("x: *5 y\n{}\n", cut(7))),
            access_format: None,
        };
        for id in ["1F2E", "c1D0"] {
            let answer = explain(&logs, id).expect("readable").expect("it is there");
            assert_eq!(answer.cause, "gateway_read_timeout", "{answer}");
            assert_eq!(answer.evidence.len(), 3, "{answer}");
            assert_eq!(answer.unread.count, TRIED, "{answer}");
        }
    }

    #[test]
    fn an_access_log_without_ids_is_read_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let line = |peer: &str| {
            format!(
                "{peer} - - [21/Nov/2026:20:31:38 +0000] \"GET /ws/echo HTTP/1.1\" 101 4 \"-\" \"x\""
            )
        };
        let own = "2026-11-21T20:31:29.000Z INFO  open id=1f2e request=c1d0 peer=203.0.113.7 route=/ws/echo\n\
                   2026-11-21T20:31:38.000Z INFO  end id=1f2e request=c1d0 reason=peer_gone code=- age=9.000 \
                   in=0 out=0\n";
        let logs = Logs {
            own: file(&folder, "own", "x", own),
            access: file(&folder, "access", &line("203.0.113.8"), &line("203.0.113.7")),
            ..Logs::default()
        };
        let answer = explain(&logs, "c1d0").expect("readable").expect("it is there");
        assert_eq!((answer.status, answer.evidence.len()), (Some(101), 3), "{answer}");
    }
}
