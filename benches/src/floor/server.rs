//! The loop of the floor: accept, read, answer, write.
//! Leaves to `connection`: the bytes of one connection; to `upgrade`: its handshake.

use std::{
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use holdline_benches::{
    poll::{Poll, READ_BYTES, Ready, Taken},
    wire::{
        frames::{Opcode, put_plain},
        handshake,
    },
};
use rustix::{io::Errno, net::SocketFlags};
use socket2::{Domain, Socket, Type};

use crate::{
    connection::{Connection, Frame, Purpose, next_frame, put},
    rooms::Rooms,
    upgrade::{self, Route},
};

/// The listener among the tokens.
const LISTENER: u64 = u64::MAX;

/// How often pings are looked for: those of an interval leave spread over it in such steps.
const PING_STEP: Duration = Duration::from_millis(10);

pub(crate) struct Server {
    poll: Poll,
    listener: Socket,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    rooms: Rooms,
    /// Connections with broadcasts to write when everything ready has been read.
    to_write: Vec<usize>,
    buffer: Box<[u8]>,
    /// Where what leaves in one write is put side by side.
    out: Vec<u8>,
    pings: Pings,
}

/// Which connections get a ping when: their numbers in turn, all of them once an interval.
struct Pings {
    interval: Duration,
    /// When the present interval began, and how many have had theirs in it.
    since: Instant,
    done: usize,
    frame: Vec<u8>,
}

impl Server {
    pub(crate) fn new(listen: SocketAddr, ping_interval: Duration) -> Result<Self> {
        let listener = Socket::new(Domain::for_address(listen), Type::STREAM, None)?;
        listener.set_reuse_address(true)?;
        listener.set_nonblocking(true)?;
        // Those accepted have it from the listener.
        listener.set_tcp_nodelay(true)?;
        listener.bind(&listen.into())?;
        listener.listen(4096)?;
        let poll = Poll::new()?;
        poll.add_listener(&listener, LISTENER)?;
        let mut frame = Vec::new();
        put_plain(&mut frame, Opcode::Ping, b"floor");
        Ok(Self {
            poll,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            rooms: Rooms::default(),
            to_write: Vec::new(),
            buffer: vec![0; READ_BYTES].into(),
            out: Vec::new(),
            pings: Pings { interval: ping_interval, since: Instant::now(), done: 0, frame },
        })
    }

    /// Serves until the process is ended.
    pub(crate) fn run(mut self) -> Result<()> {
        let patience = (!self.pings.interval.is_zero()).then_some(PING_STEP);
        loop {
            self.poll.wait(patience)?;
            while let Some(ready) = self.poll.ready() {
                if ready.token == LISTENER {
                    self.accept()?;
                } else if self.turn(ready).is_err() {
                    self.remove(ready.token as usize);
                }
            }
            for index in std::mem::take(&mut self.to_write) {
                let Some(connection) = &mut self.connections[index] else { continue };
                if connection.write_pending(&mut self.out).is_err() {
                    self.remove(index);
                }
            }
            if patience.is_some() {
                self.ping();
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let stream: OwnedFd = match rustix::net::accept_with(&self.listener, flags) {
                Ok(stream) => stream,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED | Errno::INTR) => continue,
                Err(error) => return Err(error).context("cannot accept"),
            };
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            self.poll.add(&stream, index as u64)?;
            self.connections[index] = Some(Connection::new(TcpStream::from(stream)));
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some(connection) = self.connections[index].take() {
            if let Purpose::Room(room) = connection.purpose {
                self.rooms.leave(room, index);
            }
            self.free.push(index);
        }
    }

    /// What can be done for a connection that is ready. An error is its end.
    fn turn(&mut self, ready: Ready) -> Result<()> {
        let index = ready.token as usize;
        let mut readable = ready.read;
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        if ready.write && !connection.has_room() {
            connection.write_rest()?;
            // It was not read while it did not take its echoes.
            readable = true;
        }
        while readable {
            let Some(connection) = &mut self.connections[index] else { return Ok(()) };
            if !connection.has_room() && connection.purpose == Purpose::Echo {
                return Ok(());
            }
            let Taken::Some(bytes) = connection.read(&mut self.buffer)? else { return Ok(()) };
            ensure!(bytes > 0, "the end");
            readable = bytes == self.buffer.len() || ready.ending;
            self.out.clear();
            self.take(index, bytes)?;
            if let Some(connection) = &mut self.connections[index]
                && !self.out.is_empty()
            {
                connection.write(&self.out)?;
            }
        }
        Ok(())
    }

    /// Does what these bytes ask for; what is for this connection itself is in `out` then.
    fn take(&mut self, index: usize, bytes: usize) -> Result<()> {
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        let mut partial = std::mem::take(&mut connection.partial);
        let joined = !partial.is_empty();
        if joined {
            partial.extend_from_slice(&self.buffer[..bytes]);
        }
        let mut input = if joined { &partial[..] } else { &self.buffer[..bytes] };
        if connection.purpose == Purpose::Handshake {
            let Some(end) = handshake::head_end(input) else {
                ensure!(input.len() < handshake::RESPONSE_BYTES_MAX, "a request without an end");
                connection.partial = input.to_vec();
                return Ok(());
            };
            let Some((route, answer)) = upgrade::answer(&input[..end]) else {
                connection.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
                bail!("no handshake");
            };
            connection.purpose = match route {
                Route::Echo => Purpose::Echo,
                Route::Room(name) => Purpose::Room(self.rooms.enter(name, index)),
            };
            self.out.extend(answer);
            input = &input[end..];
        }
        let purpose = connection.purpose;
        while let Some(frame) = next_frame(&mut input)? {
            match (frame, purpose) {
                (Frame::Message(first, key, payload), Purpose::Room(room)) => {
                    let mut frame = Vec::with_capacity(payload.len() + 10);
                    put(&mut frame, first, key, payload);
                    let frame = Rc::<[u8]>::from(frame);
                    for &member in self.rooms.members(room) {
                        if let Some(member_connection) = &mut self.connections[member]
                            && member_connection.push(&frame)
                        {
                            self.to_write.push(member);
                        }
                    }
                }
                (Frame::Message(first, key, payload), _) => put(&mut self.out, first, key, payload),
                (Frame::Ping(key, payload), _) => put(&mut self.out, 0x8a, key, payload),
                (Frame::Pong, _) => {}
                (Frame::Close(key, payload), _) => {
                    put(&mut self.out, 0x88, key, payload);
                    if let Some(connection) = &mut self.connections[index] {
                        connection.write(&self.out)?;
                    }
                    bail!("the peer left");
                }
            }
        }
        if !input.is_empty()
            && let Some(connection) = &mut self.connections[index]
        {
            connection.partial = match joined {
                false => input.to_vec(),
                true => {
                    let from = partial.len() - input.len();
                    partial.drain(..from);
                    partial
                }
            };
        }
        Ok(())
    }

    /// Pings those whose turn it is.
    fn ping(&mut self) {
        let Pings { interval, since, done, frame } = &mut self.pings;
        let (passed, all) = (since.elapsed(), self.connections.len());
        let part = (passed.as_secs_f64() / interval.as_secs_f64()).min(1.0);
        let mut gone = Vec::new();
        let until = (all as f64 * part) as usize;
        for index in *done..until {
            if let Some(connection) = &mut self.connections[index]
                && connection.purpose != Purpose::Handshake
                && connection.write(frame).is_err()
            {
                gone.push(index);
            }
        }
        *done = until;
        if passed >= *interval {
            *since += *interval;
            *done = 0;
        }
        gone.into_iter().for_each(|index| self.remove(index));
    }
}
