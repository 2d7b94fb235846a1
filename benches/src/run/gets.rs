//! Plain requests, one after the other: the only work that is no WebSocket's, so `load` has none.
//! Leaves to `cell`: when, and against whom.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use holdline_benches::outcome::{Account, Outcome};

use super::{server::Running, work::Pace};

/// Asks a gateway for its health on one kept connection, and a new one when that is closed.
pub(crate) fn run(running: &Running, pace: Pace) -> Result<Outcome> {
    let mut asker = Asker { port: running.port, stream: None };
    asker.ask_for(pace.warmup)?;
    let used = |pids: &[u32]| pids.iter().map(|&pid| cpu_seconds(pid)).sum::<f64>();
    let before: Vec<f64> = running.accounts.iter().map(|(_, pids)| used(pids)).collect();
    let load_before = used(&[std::process::id()]);
    let start = Instant::now();
    let units = asker.ask_for(pace.seconds)?;
    let seconds = start.elapsed().as_secs_f64();
    let accounts = running.accounts.iter().zip(before).map(|((name, pids), before)| {
        let cpu_seconds = used(pids) - before;
        ((*name).to_owned(), Account { cpu_seconds, ..Account::default() })
    });
    Ok(Outcome {
        work: "gets".to_owned(),
        seconds,
        units,
        accounts: accounts.collect(),
        load: Account {
            cpu_seconds: used(&[std::process::id()]) - load_before,
            ..Account::default()
        },
        ..Outcome::default()
    })
}

struct Asker {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
}

impl Asker {
    fn ask_for(&mut self, seconds: f64) -> Result<u64> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let mut asked = 0;
        while Instant::now() < end {
            self.ask().context("GET /healthz")?;
            asked += 1;
        }
        Ok(asked)
    }

    fn ask(&mut self) -> Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(("127.0.0.1", self.port))?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(10)))?;
                BufReader::new(stream)
            }
        };
        stream.get_mut().write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let (mut length, mut kept) = (None, true);
        let mut line = String::new();
        loop {
            line.clear();
            ensure!(stream.read_line(&mut line)? > 0, "closed before an answer");
            let lower = line.trim_end().to_ascii_lowercase();
            if lower.starts_with("http/1.1 ") && !lower.starts_with("http/1.1 200") {
                bail!("answered {lower}, expected 200");
            } else if let Some(value) = lower.strip_prefix("content-length: ") {
                length = Some(value.parse::<usize>()?);
            } else if lower == "connection: close" {
                kept = false;
            } else if lower.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length.context("an answer without Content-Length")?];
        stream.read_exact(&mut body)?;
        self.stream = kept.then_some(stream);
        Ok(())
    }
}

/// CPU time of all threads of a process, in seconds (`/proc/PID/task/TID/schedstat`).
fn cpu_seconds(pid: u32) -> f64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0.0 };
    threads
        .flatten()
        .filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<f64>().ok()
        })
        .sum::<f64>()
        / 1e9
}
