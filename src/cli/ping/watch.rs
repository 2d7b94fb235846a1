//! Pings one server at a steady pace and watches for its pongs, until it is known how it is.
//! Leaves to `tally.rs`: counting; to `report.rs`: telling.

use std::{
    io,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use holdline::dial::{Dial, Event, Line, Opened};
use tokio::time::sleep_until;

use super::{
    report::{Report, Verdict},
    tally::Tally,
};
use crate::cli::interrupt::Interrupt;

/// How long the server may take to answer our close at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What to do.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) dial: Dial,
    /// So many pings; `None`: until stopped.
    pub(super) count: Option<u64>,
    pub(super) interval: Duration,
    /// A ping may be unanswered for so long.
    pub(super) timeout: Duration,
    pub(super) report: Report,
}

/// Runs to the end, and tells the summary. True when the server is alive.
///
/// # Errors
/// When nobody reads the report any more.
pub(super) async fn run(options: Options, tally: Tally, interrupt: Interrupt) -> io::Result<bool> {
    let url = options.dial.url().to_string();
    let report = options.report;
    let mut interrupt = interrupt;
    let opened = tokio::select! {
        opened = options.dial.open() => opened,
        () = interrupt.asked() => return Ok(false),
    };
    let (line, opened) = match opened {
        Ok(opened) => opened,
        Err(refusal) => {
            report.refused(&url, &refusal)?;
            return Ok(false);
        }
    };
    report.opened(&url, &opened)?;
    let began = Instant::now();
    let mut watch = Watch { options, tally, line, opened, ping_at: Some(began) };
    let verdict = watch.until_known(&mut interrupt).await?;
    let Watch { tally, line, .. } = watch;
    report.summary(&url, &tally, &verdict, began.elapsed())?;
    let alive = verdict == Verdict::Alive;
    if matches!(verdict, Verdict::Alive | Verdict::Unknown) {
        goodbye(line).await;
    }
    Ok(alive)
}

struct Watch {
    options: Options,
    tally: Tally,
    line: Line,
    opened: Opened,
    /// When the next ping is due, if there is to be one.
    ping_at: Option<Instant>,
}

impl Watch {
    async fn until_known(&mut self, interrupt: &mut Interrupt) -> io::Result<Verdict> {
        loop {
            let Some(deadline) = self.deadline() else { return Ok(self.answered()) };
            tokio::select! {
                event = self.line.event() => match event {
                    Ok(event) => self.seen(event)?,
                    Err(end) => return Ok(Verdict::Ended(end)),
                },
                () = interrupt.asked() => return Ok(self.answered()),
                () = sleep_until(deadline.into()) => {
                    // What has come already counts, however late we are to look at it.
                    match self.line.event().now_or_never() {
                        Some(Ok(event)) => self.seen(event)?,
                        Some(Err(end)) => return Ok(Verdict::Ended(end)),
                        None => if self.tick(Instant::now()) {
                            return Ok(Verdict::Dead(self.options.timeout));
                        },
                    }
                }
            }
        }
    }

    /// The next ping, or the end of the oldest one's time. None: all pings are answered.
    fn deadline(&self) -> Option<Instant> {
        let dead_at = self.tally.oldest().map(|oldest| oldest + self.options.timeout);
        [self.ping_at, dead_at].into_iter().flatten().min()
    }

    fn answered(&self) -> Verdict {
        if self.tally.pongs() > 0 { Verdict::Alive } else { Verdict::Unknown }
    }

    fn seen(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Pong(payload) => {
                let pong = self.tally.pong(&payload, Instant::now());
                self.options.report.pong(self.opened.address, pong)
            }
            // The end follows, and says it all.
            Event::Close => Ok(()),
            Event::Message(_) | Event::Ping(_) | Event::Flushed => Ok(()),
        }
    }

    /// Does what is due. True when the server is dead.
    fn tick(&mut self, now: Instant) -> bool {
        if self.tally.oldest().is_some_and(|oldest| oldest + self.options.timeout <= now) {
            return true;
        }
        if let Some(due) = self.ping_at
            && due <= now
        {
            let payload = self.tally.ping(now);
            self.line.ping(payload);
            let more = self.options.count.is_none_or(|count| self.tally.pings() < count);
            // A pace is kept, but what was missed is not made up for all at once.
            self.ping_at = more.then(|| (due + self.options.interval).max(now));
        }
        false
    }
}

async fn goodbye(mut line: Line) {
    line.close(1000, "");
    line.finish(CLOSE_TIMEOUT).await;
}
