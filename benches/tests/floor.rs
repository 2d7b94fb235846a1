//! That the floor does its work rightly and with the fewest system calls: else it is none.
//! Leaves to `load.rs`: the load generator.

mod program;

use std::{collections::BTreeMap, fs, io::Write, process::Command};

use holdline_benches::wire::frames::{self, Opcode, payload, put_masked, put_plain};
use program::{Peer, Server, until};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn echoes_are_byte_right_at_every_size() {
    let floor = Server::floor(&[]);
    let mut peer = Peer::open(floor.address, "/ws/echo");
    for bytes in [0, 1, 125, 126, 65_535, 65_536] {
        for opcode in [Opcode::Text, Opcode::Binary] {
            peer.send(opcode, &payload(bytes));
            let (first, echo) = peer.frame();
            assert_eq!(first, 0x80 | opcode as u8);
            assert!(echo == payload(bytes), "{bytes} bytes");
        }
    }
}

#[test]
fn echoes_are_byte_right_when_frames_come_in_pieces_and_several_at_once() {
    let floor = Server::floor(&[]);
    let mut peer = Peer::open(floor.address, "/ws/echo");
    let (mut frames, sizes) = (Vec::new(), [3, 0, 300, 126, 70_000, 1]);
    sizes.iter().for_each(|size| put_masked(&mut frames, Opcode::Text, &payload(*size)));
    for cut in [1, 5, 7, 13, 200, 131, 66_000, frames.len() - 1] {
        let (one, other) = frames.split_at(cut);
        peer.0.write_all(one).expect("a piece");
        // The floor has taken the piece when a ping of another connection comes back.
        let mut other_peer = Peer::open(floor.address, "/ws/echo");
        other_peer.send(Opcode::Ping, b"?");
        assert_eq!(other_peer.frame(), (0x8a, b"?".to_vec()));
        peer.0.write_all(other).expect("the rest");
        for size in sizes {
            assert!(peer.frame() == (0x81, payload(size)), "{size} bytes, cut at {cut}");
        }
    }
}

#[test]
fn a_peer_that_does_not_read_its_echoes_loses_none() {
    let floor = Server::floor(&[]);
    let peer = Peer::open(floor.address, "/ws/echo");
    let (mut sender, mut reader) = (Peer(peer.0.try_clone().expect("both ends")), peer);
    let sent = std::thread::spawn(move || {
        for _ in 0..500 {
            sender.send(Opcode::Text, &payload(60_000));
        }
    });
    for number in 0..500 {
        assert!(reader.frame() == (0x81, payload(60_000)), "echo {number}");
    }
    sent.join().expect("all sent");
}

#[test]
fn a_message_goes_to_everyone_in_its_room_and_to_nobody_else() {
    let floor = Server::floor(&[]);
    let mut room: Vec<_> = (0..3).map(|_| Peer::open(floor.address, "/ws/rooms/a")).collect();
    let mut other = Peer::open(floor.address, "/ws/rooms/b");
    drop(room.pop());
    for bytes in [0, 1, 125, 126, 65_535, 65_536] {
        room[0].send(Opcode::Text, &payload(bytes));
        for peer in &mut room {
            assert!(peer.frame() == (0x81, payload(bytes)), "{bytes} bytes");
        }
    }
    other.send(Opcode::Text, b"mine");
    assert_eq!(other.frame(), (0x81, b"mine".to_vec()));
}

#[test]
fn everyone_is_pinged_again_and_again() {
    let floor = Server::floor(&["--ping-interval", "0.1"]);
    let mut peers: Vec<_> = (0..5).map(|_| Peer::open(floor.address, "/ws/echo")).collect();
    for _ in 0..3 {
        for peer in &mut peers {
            let (first, payload) = peer.frame();
            assert_eq!(first, 0x89);
            peer.send(Opcode::Pong, &payload);
        }
    }
}

#[test]
fn a_close_frame_is_answered() {
    let floor = Server::floor(&[]);
    let mut peer = Peer::open(floor.address, "/ws/echo");
    peer.send(Opcode::Close, &1000_u16.to_be_bytes());
    assert_eq!(peer.frame(), (0x88, 1000_u16.to_be_bytes().to_vec()));
}

#[test]
fn an_echo_alone_costs_one_read_and_one_write() {
    let calls = calls(|floor| {
        let mut peer = Peer::open(floor.address, "/ws/echo");
        for _ in 0..1000 {
            peer.send(Opcode::Text, &payload(32));
            peer.skip(34);
        }
    });
    for name in ["read", "write", "epoll_pwait2"] {
        expect(&calls, name, 1000);
    }
}

#[test]
fn sixteen_echoes_that_are_there_together_cost_one_read_and_one_write() {
    let calls = calls(|floor| {
        let mut peer = Peer::open(floor.address, "/ws/echo");
        let frames = frames::Repeated::new(&payload(32), 16).expect("frames");
        for _ in 0..500 {
            peer.0.write_all(frames.slice(16, 0)).expect("16 messages");
            peer.skip(16 * 34);
        }
    });
    for name in ["read", "write", "epoll_pwait2"] {
        expect(&calls, name, 500);
    }
}

#[test]
fn broadcasts_that_are_there_together_cost_one_write_for_each_member() {
    let mut frame = Vec::new();
    put_plain(&mut frame, Opcode::Text, &payload(256));
    let calls = calls(|floor| {
        let mut room: Vec<_> = (0..10).map(|_| Peer::open(floor.address, "/ws/rooms/a")).collect();
        let frames = frames::Repeated::new(&payload(256), 16).expect("frames");
        for _ in 0..100 {
            room[0].0.write_all(frames.slice(16, 0)).expect("16 messages");
            room.iter_mut().for_each(|peer| peer.skip(16 * frame.len()));
        }
    });
    expect(&calls, "read", 100);
    expect(&calls, "write", 1000);
}

/// What starting, handshakes and ending may add to the work's own calls.
const BESIDES: u64 = 80;

fn expect(calls: &BTreeMap<String, u64>, name: &str, expected: u64) {
    let found = calls.get(name).copied().unwrap_or(0);
    let right = expected..=expected + BESIDES;
    assert!(right.contains(&found), "{found} calls of {name}, not {right:?}: {calls:?}");
}

/// The floor's system calls while `work` is done, counted by strace.
fn calls(work: impl FnOnce(&Server)) -> BTreeMap<String, u64> {
    let strace = Command::new("strace").arg("-V").output();
    assert!(strace.is_ok(), "strace is missing, by which the floor is shown to be one");
    let table = tempfile::NamedTempFile::new().expect("a file");
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-o"]).arg(table.path());
    let floor = Server::start(command.args(["--", env!("CARGO_BIN_EXE_floor")]));
    work(&floor);
    let strace = floor.id();
    let child = fs::read_to_string(format!("/proc/{strace}/task/{strace}/children"));
    let child = child.expect("strace's child").trim().parse().expect("one child");
    kill_process(Pid::from_raw(child).expect("a process"), Signal::TERM).expect("ended");
    floor.wait();
    let mut text = String::new();
    until("strace has written its table", || {
        text = fs::read_to_string(table.path()).expect("a table");
        text.contains(" total")
    });
    text.lines().filter_map(line).collect()
}

/// Name and calls of a line of strace's table: `% time, seconds, usecs/call, calls, errors, name`.
fn line(line: &str) -> Option<(String, u64)> {
    let fields: Vec<_> = line.split_whitespace().collect();
    Some((fields.last()?.to_string(), fields.get(3)?.parse().ok()?))
}
