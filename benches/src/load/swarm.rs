//! All connections of the load, in one loop: opening them, and what each has to tell.
//! Leaves to each work: what to do with it; to `connection`: one of them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use holdline_benches::{
    poll::{Poll, READ_BYTES},
    wire::{
        frames::{Opcode, Repeated},
        handshake,
    },
};

use crate::{
    arguments::Common,
    connection::{Connection, Expected, News},
    transport::Target,
};

/// No handshake answered for this long: no more will be.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Handshakes under way at once while connections are opened for other work.
pub(crate) const UNDER_WAY: usize = 200;

pub(crate) struct Swarm {
    poll: Poll,
    target: Target,
    host: String,
    headers: Vec<String>,
    connections: Vec<Option<Connection>>,
    buffer: Box<[u8]>,
    expected: Expected,
    frames: Repeated,
}

impl Swarm {
    /// No connection yet; messages will carry `payload`, `depth` of them side by side at most.
    ///
    /// # Errors
    /// The arguments' files.
    pub(crate) fn new(common: &Common, expected: Expected, frames: Repeated) -> Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            target: Target::new(common)?,
            host: common.address.to_string(),
            headers: common.headers.clone(),
            connections: Vec::new(),
            buffer: vec![0; READ_BYTES].into(),
            expected,
            frames,
        })
    }

    /// The handshake for a path.
    ///
    /// # Errors
    /// A header that is none.
    pub(crate) fn request(&self, path: &str) -> Result<Vec<u8>> {
        handshake::request(&self.host, path, &self.headers)
    }

    /// Begins connection `index`.
    ///
    /// # Errors
    /// No descriptor or port is left.
    pub(crate) fn open(&mut self, index: usize, request: &[u8]) -> Result<()> {
        let transport =
            self.target.connect().with_context(|| format!("connection {index} cannot begin"))?;
        self.poll.add(&transport, index as u64)?;
        if self.connections.len() <= index {
            self.connections.resize_with(index + 1, || None);
        }
        self.connections[index] = Some(Connection::new(transport, request));
        Ok(())
    }

    /// Opens connections 0 to `count`, [`UNDER_WAY`] at once.
    ///
    /// # Errors
    /// One of them was not agreed to.
    pub(crate) fn open_all<'a>(
        &mut self,
        count: usize,
        request: impl Fn(usize) -> &'a [u8],
    ) -> Result<()> {
        let (mut begun, mut open, mut last) = (0, 0, Instant::now());
        while open < count {
            while begun < count && begun - open < UNDER_WAY {
                self.open(begun, request(begun))?;
                begun += 1;
            }
            self.wait(Duration::from_millis(100))?;
            while let Some((index, news)) = self.news() {
                if self.named(index, news)?.opened {
                    open += 1;
                    last = Instant::now();
                }
            }
            if last.elapsed() > PATIENCE {
                bail!("{open} of {count} handshakes were answered, and none for {PATIENCE:?}");
            }
        }
        Ok(())
    }

    /// Forgets a connection, closing it.
    pub(crate) fn close(&mut self, index: usize) {
        self.connections[index] = None;
    }

    /// Cuts a connection with RST.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn cut(&mut self, index: usize) -> Result<()> {
        match self.connections[index].take() {
            Some(connection) => connection.into_transport().cut(),
            None => Ok(()),
        }
    }

    /// Waits until something is ready, at most so long.
    ///
    /// # Errors
    /// None is known.
    #[inline]
    pub(crate) fn wait(&mut self, at_most: Duration) -> Result<()> {
        self.poll.wait(Some(at_most)).map(drop)
    }

    /// The next connection that has something to tell, until all that were ready have.
    #[inline]
    pub(crate) fn news(&mut self) -> Option<(usize, Result<News>)> {
        loop {
            let ready = self.poll.ready()?;
            let index = ready.token as usize;
            let Some(Some(connection)) = self.connections.get_mut(index) else { continue };
            let news = connection.turn(ready, &mut self.buffer, &self.expected, &self.frames);
            if !matches!(&news, Ok(news) if *news == News::default()) {
                return Some((index, news));
            }
        }
    }

    /// What a connection told, or its error with its name.
    ///
    /// # Errors
    /// That error.
    #[inline]
    pub(crate) fn named<T>(&self, index: usize, news: Result<T>) -> Result<T> {
        news.with_context(|| {
            let messages = self.connections[index].as_ref().map_or(0, Connection::messages);
            format!("connection {index} to {}, after {messages} messages", self.host)
        })
    }

    /// Sends so many messages on a connection, in one write if there is room.
    ///
    /// # Errors
    /// The connection's.
    #[inline]
    pub(crate) fn send(&mut self, index: usize, messages: u32) -> Result<()> {
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        connection.owe(messages);
        let sent = connection.flush(&self.frames);
        self.named(index, sent)
    }

    /// Sends one frame of another kind.
    ///
    /// # Errors
    /// The connection's.
    pub(crate) fn send_first(&mut self, index: usize, opcode: Opcode, what: &[u8]) -> Result<()> {
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        connection.send_first(opcode, what);
        let sent = connection.flush(&self.frames);
        self.named(index, sent)
    }
}
