//! The life of one relayed connection: one task, and one place where all its ends are made.
//! Carrying its bytes is the business of `flow`.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};

use super::door::Door;
use super::flow::Carrier;
use super::{Direction, RECEIVE_BUFFER, Settings, Shared, lock};

/// A request longer than this is answered before it is whole.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By both sides, in good order; or by the only one that was left.
    Done,
    /// By a FIN to both sides.
    Cut,
    /// By an RST to both sides.
    Reset,
    /// For the server only.
    HalfOpen,
}

/// An end that the relay orders. It drops `done` when the end is made, and need not send it.
pub(super) struct Order {
    pub(super) end: End,
    pub(super) done: oneshot::Sender<()>,
}

/// Counts as live for as long as it exists.
pub(super) struct Live(Arc<AtomicUsize>);

impl Live {
    pub(super) fn new(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A connection that was accepted.
pub(super) struct Connection {
    pub(super) dialler: TcpStream,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) live: Live,
    pub(super) wire: Wire,
}

/// What lies between the two sides.
pub(super) struct Wire {
    pub(super) shared: Arc<Shared>,
    pub(super) settings: watch::Receiver<Settings>,
    /// Where it will be cut.
    pub(super) cut: Option<(Direction, u64)>,
}

impl Connection {
    pub(super) async fn run(self, door: Door) {
        let Self { mut dialler, mut orders, live, wire } = self;
        // What is written leaves at once, or no byte could be counted on.
        let _ = dialler.set_nodelay(true);
        let mut server = None;
        let lived = wire.live(door, &mut dialler, &mut server);
        let (mut end, mut done) = until_ordered(&mut orders, lived).await;
        while end == End::HalfOpen {
            if let Some(server) = server.take() {
                hang_up(server, &wire.shared);
            }
            drop(done);
            (end, done) = until_ordered(&mut orders, swallow(&mut dialler)).await;
        }
        let sides = server.into_iter().chain([dialler]);
        match end {
            End::Cut => sides.for_each(|side| hang_up(side, &wire.shared)),
            End::Reset => sides.for_each(tear),
            End::Done | End::HalfOpen => drop(sides),
        }
        drop((live, done));
    }
}

impl Wire {
    /// Lives without orders; `server` is there once it is connected.
    async fn live(
        &self,
        door: Door,
        dialler: &mut TcpStream,
        server: &mut Option<TcpStream>,
    ) -> End {
        match door {
            Door::Open => match self.connect().await {
                Ok(stream) => self.carry(dialler, server.insert(stream)).await,
                Err(_) => End::Cut,
            },
            Door::Wrong(bytes) => {
                listen(dialler).await;
                let _ = dialler.write_all(&bytes).await;
                End::Cut
            }
            Door::Silent => swallow(dialler).await,
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER as u32)?;
        let server = socket.connect(self.shared.server).await?;
        server.set_nodelay(true)?;
        Ok(server)
    }

    async fn carry(&self, dialler: &TcpStream, server: &TcpStream) -> End {
        let carrier = |direction, from, to| Carrier {
            from,
            to,
            settings: self.settings.clone(),
            left: self.cut.filter(|(at, _)| *at == direction).map(|(_, bytes)| bytes),
            count: self.shared.count(direction),
        };
        let there = carrier(Direction::ToServer, dialler, server).run();
        let back = carrier(Direction::ToDialler, server, dialler).run();
        tokio::try_join!(there, back).err().unwrap_or(End::Done)
    }
}

/// Lives until it is over by itself or by order.
async fn until_ordered(
    orders: &mut mpsc::Receiver<Order>,
    lived: impl Future<Output = End>,
) -> (End, Option<oneshot::Sender<()>>) {
    tokio::select! {
        biased;
        Some(Order { end, done }) = orders.recv() => (end, Some(done)),
        end = lived => (end, None),
    }
}

/// Reads a request up to its first empty line, or what there is of one.
async fn listen(dialler: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.windows(4).any(|four| four == b"\r\n\r\n")
        && request.len() < REQUEST_BYTES_MAX
        && matches!(dialler.read_buf(&mut request).await, Ok(1..))
    {}
}

/// Reads and throws away, until the far end ends.
async fn swallow(side: &mut TcpStream) -> End {
    let mut waste = [0; 4096];
    while matches!(side.read(&mut waste).await, Ok(1..)) {}
    End::Done
}

/// Sends a FIN, and has the far end heard out: closed with bytes unread, it would get an RST.
fn hang_up(mut side: TcpStream, shared: &Shared) {
    // Who is gone already needs none.
    let _ = SockRef::from(&side).shutdown(Shutdown::Write);
    lock(&shared.tasks).spawn(async move {
        swallow(&mut side).await;
    });
}

/// Closes at once, and with an RST.
fn tear(side: TcpStream) {
    let lingered = SockRef::from(&side).set_linger(Some(Duration::ZERO));
    lingered.expect("any socket can linger for nothing");
}
