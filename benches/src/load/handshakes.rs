//! Handshakes: open, wait for the 101, close frame and its answer, close, again.
//! Leaves to `swarm`: the connections; to `meter`: the window.

use anyhow::Result;
use holdline_benches::{
    outcome::Outcome,
    wire::frames::{Opcode, Repeated},
};

use crate::{arguments::Handshakes, connection::Expected, meter::Meter, swarm::Swarm};

/// What a peer says that leaves (RFC 6455, 7.4.1): 1000.
const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();

pub(crate) fn run(handshakes: &Handshakes) -> Result<Outcome> {
    let mut meter = Meter::new(&handshakes.common)?;
    let nothing = Expected::new(Vec::new(), Vec::new());
    let mut swarm = Swarm::new(&handshakes.common, nothing, Repeated::new(&[], 1)?)?;
    let request = swarm.request(handshakes.common.path.as_deref().unwrap_or("/ws/echo"))?;
    let mut begun = vec![0; handshakes.in_flight];
    meter.warm_up();
    for (index, begun) in begun.iter_mut().enumerate() {
        *begun = meter.now();
        swarm.open(index, &request)?;
    }
    while !meter.turn()? {
        swarm.wait(meter.wait())?;
        while let Some((index, news)) = swarm.news() {
            let news = swarm.named(index, news)?;
            if news.opened {
                meter.took(meter.now() - begun[index]);
                swarm.send_first(index, Opcode::Close, &NORMAL)?;
            }
            if news.closed {
                meter.count(1);
                swarm.close(index);
                begun[index] = meter.now();
                swarm.open(index, &request)?;
            }
        }
    }
    let arguments =
        [("in_flight", handshakes.in_flight), ("tls", usize::from(handshakes.common.tls))];
    meter.finish("handshakes", &arguments)
}
