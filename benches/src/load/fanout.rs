//! Fan-out: each message goes to everyone in its room, a fixed number of them under way.
//! Leaves to `swarm`: the connections; to `meter`: the window.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use holdline_benches::{
    outcome::Outcome,
    wire::frames::{Opcode, Repeated, payload},
};

use crate::{
    arguments::Fanout,
    connection::Expected,
    meter::Meter,
    swarm::{PATIENCE, Swarm},
};

/// How long a probe may need to reach every member before another is published.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// A room: members are every `rooms`-th connection, the first of them publishes.
#[derive(Clone, Debug)]
struct Room {
    members: u32,
    /// Broadcasts published.
    published: u64,
    /// Broadcasts that every member has and the publisher has not replaced yet.
    done: u32,
    /// Of each broadcast under way, by its number: members that do not have it yet, and when it
    /// left.
    under_way: Vec<(u32, u64)>,
}

pub(crate) fn run(fanout: &Fanout) -> Result<Outcome> {
    let (members, rooms) = (fanout.members, fanout.rooms);
    ensure!(rooms <= members, "--rooms {rooms} is more than --members {members}: some stay empty");
    let mut meter = Meter::new(&fanout.common)?;
    // Of another length than the messages, so that one that comes late is not taken for one.
    let probe: &[u8] = if fanout.bytes == 5 { b"probe!" } else { b"probe" };
    let payload = payload(fanout.bytes);
    let frames = Repeated::new(&payload, fanout.in_flight)?;
    let mut swarm = Swarm::new(&fanout.common, Expected::new(payload, probe.to_vec()), frames)?;
    let path = fanout.common.path.as_deref().unwrap_or("/ws/rooms/");
    let requests: Vec<_> = (0..rooms)
        .map(|room| swarm.request(&format!("{path}{}{room}", fanout.room_prefix)))
        .collect::<Result<_>>()?;
    swarm.open_all(members, |index| &requests[index % rooms])?;
    wait_for_members(fanout, &mut swarm, probe)?;
    publish(fanout, &mut swarm, &mut meter)?;
    meter.finish(
        "fanout",
        &[
            ("members", members),
            ("bytes", fanout.bytes),
            ("in_flight", fanout.in_flight),
            ("rooms", rooms),
            ("tls", usize::from(fanout.common.tls)),
        ],
    )
}

/// A handshake that was answered is not yet a membership: publishes probes in each room until every
/// member has had one.
fn wait_for_members(fanout: &Fanout, swarm: &mut Swarm, probe: &[u8]) -> Result<()> {
    let (start, rooms) = (Instant::now(), fanout.rooms);
    let mut missing: Vec<_> =
        (0..rooms).map(|room| (room..fanout.members).step_by(rooms).count()).collect();
    let mut has_had = vec![false; fanout.members];
    while missing.iter().any(|missing| *missing > 0) {
        if start.elapsed() > PATIENCE {
            let late = has_had.iter().position(|had| !had).unwrap_or_default();
            bail!(
                "connection {late} in room {}{} has had nothing that its room's first member sent, \
                 {PATIENCE:?} after the first time",
                fanout.room_prefix,
                late % rooms
            );
        }
        for (room, _) in missing.iter().enumerate().filter(|(_, missing)| **missing > 0) {
            swarm.send_first(room, Opcode::Text, probe)?;
        }
        let again = Instant::now() + PROBE_EVERY;
        while missing.iter().any(|missing| *missing > 0) && Instant::now() < again {
            swarm.wait(again.saturating_duration_since(Instant::now()))?;
            while let Some((index, news)) = swarm.news() {
                if swarm.named(index, news)?.probes > 0 && !has_had[index] {
                    has_had[index] = true;
                    missing[index % rooms] -= 1;
                }
            }
        }
    }
    Ok(())
}

fn publish(fanout: &Fanout, swarm: &mut Swarm, meter: &mut Meter) -> Result<()> {
    let (count, in_flight) = (fanout.rooms, fanout.in_flight);
    let mut rooms: Vec<_> = (0..count)
        .map(|room| Room {
            members: (room..fanout.members).step_by(count).count() as u32,
            published: 0,
            done: in_flight as u32,
            under_way: vec![(0, 0); in_flight],
        })
        .collect();
    // Broadcasts each member has had.
    let mut had = vec![0_u64; fanout.members];
    // Rooms where broadcasts are done: replaced when all that was ready has been read.
    let mut ready: Vec<_> = (0..count).collect();
    meter.warm_up();
    loop {
        for room in ready.drain(..) {
            let (now, publisher) = (meter.now(), room);
            let more = rooms[room].publish(now);
            swarm.send(publisher, more)?;
        }
        swarm.wait(meter.wait())?;
        while let Some((index, news)) = swarm.news() {
            let news = swarm.named(index, news)?;
            if news.messages == 0 {
                continue;
            }
            let room = &mut rooms[index % count];
            let (now, had) = (meter.now(), &mut had[index]);
            ensure!(
                *had + u64::from(news.messages) <= room.published,
                "connection {index} has more broadcasts than the {} published",
                room.published
            );
            let done = room.done;
            for _ in 0..news.messages {
                meter.took(now - room.delivered(*had));
                *had += 1;
            }
            if done == 0 && room.done > 0 {
                ready.push(index % count);
            }
            meter.count(news.messages.into());
        }
        if meter.turn()? {
            return Ok(());
        }
    }
}

impl Room {
    /// Replaces the broadcasts that are done; how many.
    fn publish(&mut self, now: u64) -> u32 {
        for _ in 0..self.done {
            let slot = self.published as usize % self.under_way.len();
            self.under_way[slot] = (self.members, now);
            self.published += 1;
        }
        std::mem::take(&mut self.done)
    }

    /// A member has this broadcast; when that had left.
    #[inline]
    fn delivered(&mut self, broadcast: u64) -> u64 {
        let slot = broadcast as usize % self.under_way.len();
        let (missing, left) = &mut self.under_way[slot];
        *missing -= 1;
        self.done += u32::from(*missing == 0);
        *left
    }
}
