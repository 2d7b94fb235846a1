//! Echo: each message returns to its sender, as fast as it comes back or at a fixed rate.
//! Leaves to `swarm`: the connections; to `meter`: the window.

use std::{num::NonZeroU64, time::Duration};

use anyhow::{Context, Result, ensure};
use holdline_benches::{
    outcome::Outcome,
    wire::frames::{Repeated, payload},
};

use crate::{arguments::Echo, connection::Expected, meter::Meter, swarm::Swarm};

pub(crate) fn run(echo: &Echo) -> Result<Outcome> {
    let mut meter = Meter::new(&echo.common)?;
    let payload = payload(echo.bytes);
    let frames = Repeated::new(&payload, echo.depth)?;
    let mut swarm = Swarm::new(&echo.common, Expected::new(payload, Vec::new()), frames)?;
    let request = swarm.request(echo.common.path.as_deref().unwrap_or("/ws/echo"))?;
    swarm.open_all(echo.connections, |_| &request)?;
    let mut arguments = vec![
        ("connections", echo.connections),
        ("bytes", echo.bytes),
        ("depth", echo.depth),
        ("tls", usize::from(echo.common.tls)),
    ];
    match echo.rate {
        None => closed_loop(echo, &mut swarm, &mut meter)?,
        Some(rate) => {
            arguments.push(("rate", rate as usize));
            open_loop(echo, rate, &mut swarm, &mut meter)?;
        }
    }
    meter.finish("echo", &arguments)
}

/// Each echo is answered with the next message, all that came at once with one write.
fn closed_loop(echo: &Echo, swarm: &mut Swarm, meter: &mut Meter) -> Result<()> {
    let depth = echo.depth;
    // When each outstanding message left, a ring for each connection, and where each begins.
    let mut left = vec![0; echo.connections * depth];
    let mut oldest = vec![0; echo.connections];
    meter.warm_up();
    for index in 0..echo.connections {
        left[index * depth..(index + 1) * depth].fill(meter.now());
        swarm.send(index, depth as u32)?;
    }
    loop {
        swarm.wait(meter.wait())?;
        while let Some((index, news)) = swarm.news() {
            let news = swarm.named(index, news)?;
            if news.messages == 0 {
                continue;
            }
            let now = meter.now();
            let more = news.messages as usize <= depth;
            ensure!(more, "connection {index}: {} echoes of {depth} messages", news.messages);
            let ring = &mut left[index * depth..(index + 1) * depth];
            let at = &mut oldest[index];
            for _ in 0..news.messages {
                meter.took(now - ring[*at]);
                ring[*at] = now;
                *at = if *at + 1 == depth { 0 } else { *at + 1 };
            }
            meter.count(news.messages.into());
            swarm.send(index, news.messages)?;
        }
        if meter.turn()? {
            return Ok(());
        }
    }
}

/// A connection of the open loop. Its messages are numbered: the n-th of connection c should leave
/// `(n × connections + c) / rate` seconds after the start, however late the ones before come back.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    sent: u64,
    returned: u64,
}

/// When messages should leave, in nanoseconds since the program began.
struct Timetable {
    start: u64,
    connections: u64,
    gap_ns: f64,
}

impl Timetable {
    fn at(&self, connection: usize, message: u64) -> u64 {
        self.nth(message * self.connections + connection as u64)
    }

    fn nth(&self, all: u64) -> u64 {
        self.start + (all as f64 * self.gap_ns) as u64
    }
}

fn open_loop(echo: &Echo, rate: f64, swarm: &mut Swarm, meter: &mut Meter) -> Result<()> {
    // Else the system wakes us up to 50 microseconds late, and blames the server.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1)).context("no exact timer")?;
    let mut sent = vec![Sent::default(); echo.connections];
    meter.warm_up();
    let connections = echo.connections as u64;
    let table = Timetable { start: meter.now(), connections, gap_ns: 1e9 / rate };
    // How many should have left by now, of all connections.
    let mut due = 0_u64;
    loop {
        let now = meter.now();
        while table.nth(due) <= now {
            let index = (due % connections) as usize;
            due += 1;
            let one = &mut sent[index];
            if one.sent - one.returned < echo.depth as u64 && table.at(index, one.sent) <= now {
                one.sent += 1;
                swarm.send(index, 1)?;
            }
        }
        let next = Duration::from_nanos(table.nth(due).saturating_sub(meter.now()));
        swarm.wait(next.min(meter.wait()))?;
        while let Some((index, news)) = swarm.news() {
            let news = swarm.named(index, news)?;
            if news.messages == 0 {
                continue;
            }
            let (now, one) = (meter.now(), &mut sent[index]);
            for _ in 0..news.messages {
                ensure!(one.returned < one.sent, "connection {index}: more echoes than messages");
                meter.took(now - table.at(index, one.returned));
                one.returned += 1;
            }
            meter.count(news.messages.into());
            // Those that had to wait for this one, because of --depth.
            let mut more = 0;
            while one.sent - one.returned < echo.depth as u64 && table.at(index, one.sent) <= now {
                one.sent += 1;
                more += 1;
            }
            if more > 0 {
                swarm.send(index, more)?;
            }
        }
        if meter.turn()? {
            return Ok(());
        }
    }
}
