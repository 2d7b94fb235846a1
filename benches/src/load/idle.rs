//! Idle connections: open, silent, answering pings; what they weigh.
//! Leaves to `swarm`: the connections and their pongs; to `meter`: the window.

use anyhow::Result;
use holdline_benches::{
    outcome::{Kernel, Outcome},
    process::kernel_bytes,
    wire::frames::Repeated,
};

use crate::{arguments::Idle, connection::Expected, meter::Meter, swarm::Swarm};

pub(crate) fn run(idle: &Idle) -> Result<Outcome> {
    let mut meter = Meter::new(&idle.common)?;
    meter.hold(idle.hold);
    let nothing = Expected::new(Vec::new(), Vec::new());
    let mut swarm = Swarm::new(&idle.common, nothing, Repeated::new(&[], 1)?)?;
    let request = swarm.request(idle.common.path.as_deref().unwrap_or("/ws/echo"))?;
    let before = kernel_bytes()?;
    swarm.open_all(idle.connections, |_| &request)?;
    meter.warm_up();
    while !meter.turn()? {
        swarm.wait(meter.wait())?;
        while let Some((index, news)) = swarm.news() {
            let pings = swarm.named(index, news)?.pings;
            meter.count(pings.into());
        }
    }
    let arguments = [("connections", idle.connections), ("tls", usize::from(idle.common.tls))];
    let after = kernel_bytes()?;
    let outcome = meter.finish("idle", &arguments)?;
    Ok(Outcome { kernel: Some(Kernel { before, after }), ..outcome })
}
