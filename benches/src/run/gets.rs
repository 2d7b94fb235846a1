//! Plain requests, one after the other: the only work that is no WebSocket's, so `load` has none.
//! Leaves to `cell`: when, and against whom.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use holdline_benches::{outcome::Outcome, process::Accounted};

use super::{server::Running, work::Pace};

/// Asks a gateway for its health on one kept connection, and a new one when that is closed.
pub(crate) fn run(running: &Running, pace: Pace) -> Result<Outcome> {
    let mut asker = Asker { port: running.port, stream: None };
    asker.ask_for(pace.warmup)?;
    let account = |(name, pids): &(&str, Vec<u32>)| Accounted {
        name: (*name).to_owned(),
        processes: pids.clone(),
    };
    let mut accounted: Vec<Accounted> = running.accounts.iter().map(account).collect();
    accounted.push(Accounted::this());
    let before = accounted.iter().map(Accounted::used).collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    let units = asker.ask_for(pace.seconds)?;
    let seconds = start.elapsed().as_secs_f64();
    let mut outcome = Outcome { work: "gets".to_owned(), seconds, units, ..Outcome::default() };
    for (accounted, before) in accounted.iter().zip(&before) {
        outcome.accounts.insert(accounted.name.clone(), accounted.since(before)?);
    }
    outcome.load = outcome.accounts.remove(&Accounted::this().name).unwrap_or_default();
    Ok(outcome)
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
