//! What is measured, in which order, and by whom: all blocks of a run.
//! Leaves to `cell`: doing it; to `report`: what becomes of it.

use super::{
    gateway::{Change, Gateway},
    server::Server,
    work::{Pace, Work},
};

/// One work, and everybody who does it in turn.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The part of the report that it belongs to, and what `--only` takes.
    pub(crate) group: &'static str,
    /// What is done.
    pub(crate) work: Work,
    /// By whom, in the order of the tables.
    pub(crate) servers: Vec<Server>,
    /// How long.
    pub(crate) pace: Pace,
    /// At most so many rounds, where more would tell nothing.
    pub(crate) rounds_max: u32,
}

/// All groups, in the order of a run.
pub(crate) const GROUPS: &[&str] = &[
    "echo",
    "latency",
    "fanout",
    "idle",
    "pings",
    "handshakes",
    "storm",
    "gateway",
    "settings",
    "growth",
    "memory",
    "calls",
];

/// Servers made with what others use, with an echo.
pub(crate) const PEERS: &[&str] = &["tungstenite", "axum", "fastwebsockets", "gorilla", "ws"];

/// Connections of the short form, which proves that everything works and measures nothing.
const SHORT_CONNECTIONS: u64 = 50;

/// Everything of a run, or of its short form.
pub(crate) fn blocks(short: bool) -> Vec<Block> {
    let mut plan = Plan { short, blocks: Vec::new() };
    plan.echo();
    plan.fanout();
    plan.connections();
    plan.gateway();
    plan.settings();
    plan.growth();
    plan.calls();
    plan.blocks
}

struct Plan {
    short: bool,
    blocks: Vec<Block>,
}

impl Plan {
    fn echo(&mut self) {
        let all = with_peers(PEERS);
        for (bytes, depth) in [(32, 1), (32, 16), (1024, 16), (16 * 1024, 1)] {
            if self.short && bytes == 1024 {
                continue;
            }
            self.add("echo", self.echo_work(bytes, depth), &all);
        }
        // The rate is filled in from what `echo` has found.
        let work = Work::Echo { connections: self.cut(64), bytes: 32, depth: 1, rate: Some(0) };
        self.add("latency", work, &all);
    }

    fn fanout(&mut self) {
        let mut peers = PEERS.to_vec();
        peers.push("nchan");
        let all = with_peers(&peers);
        for (bytes, in_flight, rooms) in [(64, 1, 1), (256, 16, 1), (256, 4, 100)] {
            let work = Work::Fanout {
                members: self.cut(1000),
                bytes,
                in_flight,
                rooms: self.rooms(rooms),
            };
            self.add("fanout", work, &all);
        }
    }

    fn connections(&mut self) {
        let mut peers = PEERS.to_vec();
        peers.push("nchan");
        let all = with_peers(&peers);
        let hold = if self.short { 0.1 } else { 1.0 };
        let connections = self.cut(10_000);
        self.add("idle", Work::Idle { connections, hold, ping: None }, &all);
        // A second is the least that nchan takes; a full interval is held and a little more.
        let (ping, hold) = if self.short { (1.0, 1.2) } else { (5.0, 6.0) };
        self.add("pings", Work::Idle { connections, hold, ping: Some(ping) }, &all);
        self.add("handshakes", self.handshakes_work(), &all);
        self.add("storm", Work::Storm { connections: self.cut(5000) }, &all);
    }

    fn gateway(&mut self) {
        let servers = [
            Server::Holdline { workers: 1 },
            Server::Gateway(Gateway::shipped(false)),
            Server::Gateway(Gateway::stock()),
            Server::Gateway(Gateway::shipped(true)),
        ];
        let works = [
            self.echo_work(32, 1),
            self.echo_work(16 * 1024, 1),
            self.fanout_work(256, 16),
            self.idle_work(),
        ];
        for work in works {
            self.add("gateway", work, &servers);
        }
    }

    /// One setting at a time against the shipped file, with the works that it could touch.
    fn settings(&mut self) {
        let (small, large) = (self.echo_work(32, 1), self.echo_work(16 * 1024, 1));
        let (fanout, idle) = (self.fanout_work(256, 16), self.idle_work());
        let handshakes = self.handshakes_work();
        let workers = Change::Set("worker_processes", "2");
        // nginx wants the second with the first; it is about responses, not what is upgraded.
        let buffer = vec![
            Change::Set("proxy_buffer_size", "16k"),
            Change::Add("proxy_busy_buffers_size", "16k"),
        ];
        let double = vec![Change::Set("proxy_buffer_size", "8k")];
        let pool = vec![Change::Set("request_pool_size", "4k")];
        let plain = [
            (large.clone(), vec![double.clone(), buffer.clone()]),
            (idle.clone(), vec![double.clone(), buffer.clone(), pool]),
            (
                fanout.clone(),
                vec![double, buffer, vec![workers], vec![Change::Add("tcp_nodelay", "off")]],
            ),
            (small, vec![vec![workers], vec![Change::Add("tcp_nodelay", "off")]]),
            (Work::Gets, vec![vec![Change::Remove("keepalive")]]),
            (
                handshakes.clone(),
                vec![
                    vec![Change::Remove("keepalive")],
                    vec![workers],
                    vec![workers, Change::Append("listen", "listen.conf", "reuseport")],
                    vec![Change::Set("access_log", "access.log holdline buffer=64k flush=1s")],
                    vec![Change::Set("access_log", "off")],
                ],
            ),
        ];
        let records = vec![
            vec![Change::Set("ssl_buffer_size", "16k")],
            vec![Change::Set("proxy_buffer_size", "8k")],
        ];
        let tls = [
            (large, records.clone()),
            (fanout, records.clone()),
            (idle, records),
            (
                handshakes,
                vec![
                    vec![Change::Set("ssl_protocols", "TLSv1.2")],
                    vec![Change::Remove("ssl_ciphers")],
                    vec![Change::Set("ssl_session_cache", "off")],
                ],
            ),
        ];
        for (tls, works) in [(false, plain.to_vec()), (true, tls.to_vec())] {
            for (work, changes) in works {
                let shipped = std::iter::once(Gateway::shipped(tls));
                let changed =
                    changes.into_iter().map(|changes| Gateway { stock: false, tls, changes });
                let servers: Vec<_> = shipped.chain(changed).map(Server::Gateway).collect();
                self.add("settings", work, &servers);
            }
        }
    }

    fn growth(&mut self) {
        let servers = [Server::Holdline { workers: 1 }, Server::Holdline { workers: 2 }];
        let sizes: &[u64] =
            if self.short { &[50, 100] } else { &[1000, 2000, 5000, 10_000, 18_000] };
        let rooms: &[u64] = if self.short { &[10] } else { &[10, 100, 1000] };
        let work = |members, rooms| Work::Fanout { members, bytes: 256, in_flight: 1, rooms };
        // What grows by itself, with the kernel's sockets and the processor's caches, is seen in the floor.
        let beside_floor = [&[Server::Peer("floor")][..], &servers].concat();
        for &members in sizes {
            self.add("growth", work(members, 1), &beside_floor);
        }
        let many = sizes[sizes.len().saturating_sub(2)];
        for &rooms in rooms {
            self.add("growth", work(many, rooms), &beside_floor);
        }
        let hold = if self.short { 0.1 } else { 1.0 };
        for &connections in sizes {
            self.add("memory", Work::Idle { connections, hold, ping: None }, &servers);
        }
    }

    /// Counting makes everything slow: what counts are the calls, and once is enough.
    fn calls(&mut self) {
        let traced = |server| Server::Traced(Box::new(server));
        let servers = [traced(Server::Peer("floor")), traced(Server::Holdline { workers: 1 })];
        for work in [self.echo_work(32, 1), self.echo_work(32, 16), self.fanout_work(256, 16)] {
            self.add("calls", work, &servers);
            if let Some(block) = self.blocks.last_mut() {
                (block.pace.warmup, block.rounds_max) = (0.0, 1);
            }
        }
    }

    fn add(&mut self, group: &'static str, work: Work, servers: &[Server]) {
        let pace = if self.short {
            let seconds = if matches!(work, Work::Handshakes { .. }) { 0.5 } else { 0.2 };
            Pace { warmup: 0.05, seconds }
        } else {
            Pace { warmup: 0.5, seconds: 2.0 }
        };
        // What grows tells more by its sizes than by its rounds.
        let rounds_max = if matches!(group, "growth" | "memory") { 2 } else { u32::MAX };
        self.blocks.push(Block { group, work, servers: servers.to_vec(), pace, rounds_max });
    }

    fn echo_work(&self, bytes: u64, depth: u64) -> Work {
        Work::Echo { connections: self.cut(64), bytes, depth, rate: None }
    }

    fn fanout_work(&self, bytes: u64, in_flight: u64) -> Work {
        Work::Fanout { members: self.cut(1000), bytes, in_flight, rooms: 1 }
    }

    /// Few under way in the short form, so that some are over in its short time on a busy machine.
    fn handshakes_work(&self) -> Work {
        Work::Handshakes { in_flight: if self.short { 4 } else { 64 } }
    }

    fn idle_work(&self) -> Work {
        let hold = if self.short { 0.1 } else { 1.0 };
        Work::Idle { connections: self.cut(5000), hold, ping: None }
    }

    fn cut(&self, connections: u64) -> u64 {
        if self.short { connections.min(SHORT_CONNECTIONS) } else { connections }
    }

    fn rooms(&self, rooms: u64) -> u64 {
        if self.short { rooms.min(SHORT_CONNECTIONS / 10) } else { rooms }
    }
}

fn with_peers(peers: &[&'static str]) -> Vec<Server> {
    let own = [Server::Peer("floor"), Server::Holdline { workers: 1 }];
    own.into_iter().chain(peers.iter().map(|&name| Server::Peer(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_have_every_group_and_nothing_else() {
        for short in [false, true] {
            let blocks = blocks(short);
            for group in GROUPS {
                assert!(blocks.iter().any(|block| block.group == *group), "{group}");
            }
            assert!(blocks.iter().all(|block| GROUPS.contains(&block.group)));
        }
    }

    #[test]
    fn no_cell_is_there_twice() {
        for short in [false, true] {
            let mut seen = Vec::new();
            for block in blocks(short) {
                for server in &block.servers {
                    let cell = (block.group, block.work.clone(), server.name());
                    assert!(!seen.contains(&cell), "{cell:?}");
                    seen.push(cell);
                }
            }
        }
    }

    #[test]
    fn the_short_form_opens_few_connections() {
        assert!(blocks(true).iter().all(|block| block.work.connections() <= 100));
    }

    #[test]
    fn no_server_without_echo_is_asked_for_one() {
        let echo = |block: &Block| matches!(block.work, Work::Echo { .. });
        for block in blocks(false).iter().filter(|block| echo(block)) {
            assert!(!block.servers.iter().any(Server::rooms_only), "{block:?}");
        }
    }
}
