//! The epoll loop: what is ready, and a plain read and write that say "not now" without an error.
//! Leaves to `load` and `floor`: what a connection is.

use std::{
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::{
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    io::Errno,
};

/// Bytes of the one buffer that all connections are read into.
pub const READ_BYTES: usize = 128 << 10;

/// Descriptors that are watched, and those that are ready.
///
/// A connection is watched once for everything and told at each edge: so it costs no further system
/// call, but must be read until [`Taken::Some`] was less than the buffer or [`Taken::Later`] came.
pub struct Poll {
    epoll: OwnedFd,
    events: Vec<Event>,
    at: usize,
}

/// A descriptor that is ready.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// What it was given when it was added.
    pub token: u64,
    /// There is something to read, or an end or an error that a read will tell.
    pub read: bool,
    /// There is room to write.
    pub write: bool,
    /// What is read ends: a short read is not yet all.
    pub ending: bool,
}

/// What a read or write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// This many bytes; 0 of a read is the end of the stream.
    Some(usize),
    /// Nothing now: the poll will tell when.
    Later,
}

impl Poll {
    /// Ready ones that are fetched at once.
    const EVENTS: usize = 1024;

    /// Watches nothing yet.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn new() -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).context("no epoll descriptor")?;
        Ok(Self { epoll, events: Vec::with_capacity(Self::EVENTS), at: 0 })
    }

    /// Watches a connection for everything, told at each edge.
    ///
    /// # Errors
    /// The system's memory or limit for watches.
    pub fn add(&self, descriptor: impl AsFd, token: u64) -> Result<()> {
        let everything = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, descriptor, EventData::new_u64(token), everything)
            .context("cannot watch a connection")
    }

    /// Watches a listener: told as long as somebody waits to be accepted.
    ///
    /// # Errors
    /// The system's memory or limit for watches.
    pub fn add_listener(&self, descriptor: impl AsFd, token: u64) -> Result<()> {
        epoll::add(&self.epoll, descriptor, EventData::new_u64(token), EventFlags::IN)
            .context("cannot watch the listener")
    }

    /// Waits until something is ready, or until `timeout` is over; `None` waits as long as it takes.
    /// How many are ready.
    ///
    /// # Errors
    /// None is known.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<usize> {
        self.events.clear();
        self.at = 0;
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, spare, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(self.events.len()),
            Err(error) => Err(error).context("cannot wait for connections"),
        }
    }

    /// The next of those that were ready.
    #[inline]
    pub fn ready(&mut self) -> Option<Ready> {
        let event = *self.events.get(self.at)?;
        self.at += 1;
        let flags = event.flags;
        let ending = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        Some(Ready {
            token: event.data.u64(),
            read: ending || flags.contains(EventFlags::IN),
            write: flags.contains(EventFlags::OUT),
            ending,
        })
    }
}

/// One read.
///
/// # Errors
/// The connection's: reset, refused, …
#[inline]
pub fn read(descriptor: impl AsFd, buffer: &mut [u8]) -> std::io::Result<Taken> {
    taken(rustix::io::read(descriptor, buffer))
}

/// One write.
///
/// # Errors
/// The connection's: reset, refused, …
#[inline]
pub fn write(descriptor: impl AsFd, bytes: &[u8]) -> std::io::Result<Taken> {
    taken(rustix::io::write(descriptor, bytes))
}

fn taken(result: rustix::io::Result<usize>) -> std::io::Result<Taken> {
    match result {
        Ok(bytes) => Ok(Taken::Some(bytes)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(Taken::Later),
        Err(error) => Err(error.into()),
    }
}
