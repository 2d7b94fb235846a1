//! The reconnect storm: all connections are cut at once and come back at once, with no spreading.
//! Leaves to `swarm`: the connections; to `meter`: the window.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use holdline_benches::{outcome::Outcome, wire::frames::Repeated};

use crate::{arguments::Storm, connection::Expected, meter::Meter, swarm::Swarm};

/// When one that was refused tries again, in nanoseconds.
const AGAIN_NS: u64 = 50_000_000;

/// All must be back by then, in nanoseconds.
const ENOUGH_NS: u64 = 60_000_000_000;

/// Connections that are begun before looking what has come of those before.
const AT_ONCE: usize = 64;

pub(crate) fn run(storm: &Storm) -> Result<Outcome> {
    let mut meter = Meter::new(&storm.common)?;
    meter.hold(Duration::from_secs(3600));
    let nothing = Expected::new(Vec::new(), Vec::new());
    let mut swarm = Swarm::new(&storm.common, nothing, Repeated::new(&[], 1)?)?;
    let request = swarm.request(storm.common.path.as_deref().unwrap_or("/ws/echo"))?;
    swarm.open_all(storm.connections, |_| &request)?;
    settle(&mut swarm, &mut meter)?;
    let start = meter.now();
    for index in 0..storm.connections {
        swarm.cut(index)?;
    }
    let retries = come_back(storm, &request, &mut swarm, &mut meter, start)?;
    let arguments = [("connections", storm.connections), ("tls", usize::from(storm.common.tls))];
    let outcome = meter.finish("storm", &arguments)?;
    Ok(Outcome { retries, ..outcome })
}

/// Lets the warm-up pass; at its end measuring begins.
fn settle(swarm: &mut Swarm, meter: &mut Meter) -> Result<()> {
    let until = meter.warm_up();
    while Instant::now() < until {
        swarm.wait(meter.wait())?;
        while let Some((index, news)) = swarm.news() {
            swarm.named(index, news)?;
        }
    }
    meter.begin()
}

/// Reconnects everybody and waits for all; how many attempts failed.
fn come_back(
    storm: &Storm,
    request: &[u8],
    swarm: &mut Swarm,
    meter: &mut Meter,
    start: u64,
) -> Result<u64> {
    let (mut begun, mut back, mut retries) = (0, 0, 0);
    let mut again = VecDeque::<(u64, usize)>::new();
    let (mut last, mut is_back) = (None, vec![false; storm.connections]);
    while back < storm.connections {
        let until = storm.connections.min(begun + AT_ONCE);
        while begun < until {
            swarm.open(begun, request)?;
            begun += 1;
        }
        while again.front().is_some_and(|(at, _)| *at <= meter.now()) {
            if let Some((_, index)) = again.pop_front() {
                swarm.open(index, request)?;
            }
        }
        let more = begun < storm.connections;
        let patience = if more { Duration::ZERO } else { Duration::from_millis(10) };
        swarm.wait(patience)?;
        while let Some((index, news)) = swarm.news() {
            match swarm.named(index, news) {
                Ok(news) if news.opened => {
                    back += 1;
                    is_back[index] = true;
                    meter.took(meter.now() - start);
                    meter.count(1);
                }
                Ok(_) => {}
                Err(error) if is_back[index] => return Err(error),
                Err(error) => {
                    swarm.close(index);
                    retries += 1;
                    again.push_back((meter.now() + AGAIN_NS, index));
                    last = Some(error);
                }
            }
        }
        if meter.now() - start > ENOUGH_NS {
            let words = format!("{back} of {} came back in 60 s", storm.connections);
            return Err(last
                .unwrap_or_else(|| anyhow!("the others were not answered"))
                .context(words));
        }
    }
    Ok(retries)
}
