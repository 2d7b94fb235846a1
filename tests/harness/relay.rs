//! A wire with faults: a TCP relay between whoever dials and a server, disturbed while it runs.
//! It knows bytes only; what a frame is, and what a fault should lead to, is for the promises.

mod connection;
mod door;
mod flow;

use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};

use self::connection::{Connection, End, Live, Order, Wire};
use self::door::Door;
use self::flow::Flow;
use super::port;

/// What the kernel holds unread for us, in bytes (it doubles the number): small, so that a stalled
/// relay is felt at the other end after a few hundred kilobytes and not after megabytes.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Connections that wait to be accepted, at most.
const BACKLOG: i32 = 1024;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From whoever dialled.
    ToServer,
    /// Back.
    ToDialler,
}

/// A relay that runs, as a task of the runtime that started it; dropped, it ends all it holds.
///
/// Faults are settings, and combine; [`pass`](Self::pass) takes all of them back. The three that
/// end connections are awaited, and done when they return. The others hold from their return on.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What the relay and its tasks share.
struct Shared {
    /// Where connections are led.
    server: SocketAddr,
    /// Never accepts itself: [`door::open`] does.
    listener: std::net::TcpListener,
    settings: watch::Sender<Settings>,
    /// The way to every connection's task, those that have ended included until the next is made.
    connections: Mutex<Vec<mpsc::Sender<Order>>>,
    /// Every task but the flapping one; all end with the relay.
    tasks: Mutex<JoinSet<()>>,
    flapping: Mutex<Option<AbortHandle>>,
    accepted: AtomicUsize,
    live: Arc<AtomicUsize>,
    to_server: AtomicU64,
    to_dialler: AtomicU64,
}

/// How the wire is disturbed; by default not at all.
#[derive(Clone, Debug, Default)]
struct Settings {
    flow: Flow,
    /// Connects are refused.
    refusing: bool,
    /// How often that began.
    refusals: u64,
    door: Door,
    /// Where the next connection that is led to the server is cut.
    cut: Option<(Direction, u64)>,
}

impl Relay {
    /// Listens on a port of its own of 127.0.0.1 and leads every connection to `server`.
    ///
    /// # Panics
    /// When no port is left.
    pub async fn to(server: SocketAddr) -> Self {
        // Not port 0: the kernel takes back a port that it chose itself when we refuse.
        let listener = std::iter::repeat_with(port::free)
            .take(5)
            .find_map(|port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
            .expect("not five free ports are taken in a row");
        listener.set_nonblocking(true).expect("any socket can be made non-blocking");
        // What is accepted inherits it.
        let sized = SockRef::from(&listener).set_recv_buffer_size(RECEIVE_BUFFER);
        sized.expect("any socket has a receive buffer");
        let address = listener.local_addr().expect("it listens");
        let shared = Arc::new(Shared {
            server,
            listener,
            settings: watch::Sender::default(),
            connections: Mutex::default(),
            tasks: Mutex::default(),
            flapping: Mutex::default(),
            accepted: AtomicUsize::default(),
            live: Arc::default(),
            to_server: AtomicU64::default(),
            to_dialler: AtomicU64::default(),
        });
        lock(&shared.tasks).spawn(door::open(shared.clone()));
        Self { address, shared }
    }

    /// Where to dial.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes every fault back. A connection that a fault has already changed stays as it is: half
    /// open, or never answered.
    pub fn pass(&self) {
        self.stop_flapping();
        self.accept();
        self.set(|settings| {
            *settings = Settings { refusals: settings.refusals, ..Settings::default() }
        });
    }

    /// Ends every live connection by a FIN to both sides, behind what was forwarded so far. What
    /// comes afterwards is read and thrown away, for a close with bytes unread would be an RST.
    pub async fn cut(&self) {
        self.shared.end_all(End::Cut).await;
    }

    /// Ends every live connection by an RST to both sides, in place of what is still under way.
    pub async fn reset(&self) {
        self.shared.end_all(End::Reset).await;
    }

    /// Lets the server of every live connection vanish: to the server it is a FIN, and the dialler
    /// is told nothing. Its bytes are read and thrown away, nothing ever comes back, and the
    /// connection lives on until the dialler ends it. New connections are not concerned.
    pub async fn half_open(&self) {
        self.shared.end_all(End::HalfOpen).await;
    }

    /// Forwards nothing any more and reads nothing, on live connections and on new ones, which are
    /// still let in. Windows fill; no end is passed on either.
    pub fn stall(&self) {
        self.set(|settings| settings.flow.stalled = true);
    }

    /// Takes [`stall`](Self::stall) back; what was held goes first, and nothing is lost.
    pub fn resume(&self) {
        self.set(|settings| settings.flow.stalled = false);
    }

    /// Forwards at most so many bytes each tick and direction, on each live connection and each
    /// new one.
    pub fn slow(&self, bytes_per_tick: usize, tick: Duration) {
        assert!(bytes_per_tick > 0, "nothing per tick is a stall");
        self.set(|settings| settings.flow.pace = Some((bytes_per_tick, tick)));
    }

    /// Listens no more: connects get ECONNREFUSED. Live connections are not concerned.
    pub fn refuse(&self) {
        if !self.shared.settings.borrow().refusing {
            self.set(|settings| {
                settings.refusing = true;
                settings.refusals += 1;
            });
            // On Linux this undoes `listen` and keeps `bind`: nobody can take the port meanwhile.
            let deaf = SockRef::from(&self.shared.listener).shutdown(Shutdown::Both);
            deaf.expect("a listener can be shut down");
        }
    }

    /// Takes [`refuse`](Self::refuse) back: listens again on the same port.
    pub fn accept(&self) {
        if self.shared.settings.borrow().refusing {
            let heard = SockRef::from(&self.shared.listener).listen(BACKLOG);
            heard.expect("the port was kept");
            self.set(|settings| settings.refusing = false);
        }
    }

    /// Answers every new connection with these bytes, if any, once its request has come (up to
    /// the first empty line), then sends a FIN. The server hears nothing of it.
    pub fn answer_wrong(&self, bytes: impl Into<Vec<u8>>) {
        self.set(|settings| settings.door = Door::Wrong(bytes.into()));
    }

    /// Accepts every new connection and never answers it. The server hears nothing of it.
    pub fn black_hole(&self) {
        self.set(|settings| settings.door = Door::Silent);
    }

    /// Cuts the next connection that is led to the server once exactly so many bytes have gone in
    /// this direction; the one after it is as any other.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        self.set(|settings| settings.cut = Some((direction, bytes)));
    }

    /// Ends all live connections after each `every`, by a FIN and by an RST in turn, beginning
    /// with the FIN. When there are none the turn waits.
    pub fn flap(&self, every: Duration) {
        self.stop_flapping();
        let shared = Arc::downgrade(&self.shared);
        let flapping = tokio::spawn(async move {
            for end in [End::Cut, End::Reset].into_iter().cycle() {
                loop {
                    tokio::time::sleep(every).await;
                    let Some(shared) = shared.upgrade() else { return };
                    if shared.end_all(end).await > 0 {
                        break;
                    }
                }
            }
        });
        *lock(&self.shared.flapping) = Some(flapping.abort_handle());
    }

    /// How many connections were accepted, whatever became of them.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many connections live: accepted, and neither ended by both sides nor cut nor reset.
    pub fn live(&self) -> usize {
        self.shared.live.load(Ordering::SeqCst)
    }

    /// How many bytes were forwarded in this direction, over all connections. Thrown away is not
    /// forwarded, nor is a wrong answer.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.shared.count(direction).load(Ordering::SeqCst)
    }

    fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.shared.settings.send_modify(change);
    }

    fn stop_flapping(&self) {
        if let Some(flapping) = lock(&self.shared.flapping).take() {
            flapping.abort();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop_flapping();
        lock(&self.shared.tasks).abort_all();
    }
}

impl Shared {
    /// Ends all live connections, and tells how many there were, once it is done.
    async fn end_all(&self, end: End) -> usize {
        let connections: Vec<_> = lock(&self.connections).clone();
        let mut ended = 0;
        for connection in connections {
            let (done, is_done) = oneshot::channel();
            if connection.send(Order { end, done }).await.is_ok() {
                // Not sent but dropped, whether by a task that has obeyed or by one that was over.
                let _ = is_done.await;
                ended += 1;
            }
        }
        ended
    }

    /// Puts a connection that was accepted into a task of its own.
    fn begin(self: &Arc<Self>, dialler: TcpStream) {
        self.accepted.fetch_add(1, Ordering::SeqCst);
        let settings = self.settings.subscribe();
        let door = settings.borrow().door.clone();
        let mut cut = None;
        if let Door::Open = door {
            self.settings.send_if_modified(|settings| {
                cut = settings.cut.take();
                false
            });
        }
        let (orders, heard) = mpsc::channel(1);
        let live = Live::new(self.live.clone());
        let wire = Wire { shared: self.clone(), settings, cut };
        let connection = Connection { dialler, orders: heard, live, wire };
        let mut connections = lock(&self.connections);
        connections.retain(|connection| !connection.is_closed());
        connections.push(orders);
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(connection.run(door));
    }

    fn count(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToDialler => &self.to_dialler,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
