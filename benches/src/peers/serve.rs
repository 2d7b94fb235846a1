//! How the peers made with Rust are started: the arguments, one thread, the listener, the clock of the pings.
//! Leaves to `tungstenite.rs`, `axum.rs`, `fastwebsockets.rs`: what each library is good for.

use std::{future::Future, net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

/// Messages that may wait for one member of a room: what gorilla's chat example allows too.
pub(crate) const QUEUED_MESSAGES_MAX: usize = 256;

/// Connections that the kernel may hold before they are accepted: a storm of thousands.
const BACKLOG: u32 = 4096;

/// A server of the benchmark: `/ws/echo` and `/ws/rooms/{room}`, in one thread, until SIGTERM.
#[derive(Clone, Copy, Debug, Parser)]
pub(crate) struct Arguments {
    /// Where to listen.
    #[arg(long, value_name = "127.0.0.1:PORT")]
    listen: SocketAddr,
    /// Seconds between two pings to the same connection; 0: none.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    ping_interval: Duration,
}

/// Reads the arguments and runs `serve` to its end, in this thread alone.
pub(crate) fn run<F>(serve: impl FnOnce(TcpListener, Pinging) -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let arguments = Arguments::parse();
    raise_descriptor_limit().context("raising the limit of open files")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = listen(arguments.listen)
            .with_context(|| format!("listening on {}", arguments.listen))?;
        serve(listener, Pinging(arguments.ping_interval)).await
    })
}

/// How often each connection is pinged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pinging(Duration);

impl Pinging {
    /// The clock of a connection that has just been opened.
    pub(crate) fn clock(self) -> PingClock {
        let clock = (!self.0.is_zero()).then(|| {
            let mut clock = interval_at(Instant::now() + self.0, self.0);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            clock
        });
        PingClock(clock)
    }
}

/// Tells when the next ping is due.
#[derive(Debug)]
pub(crate) struct PingClock(Option<Interval>);

impl PingClock {
    /// Waits until a ping is due; for ever where there are none. Nothing is lost by ending the wait.
    pub(crate) async fn due(&mut self) {
        match &mut self.0 {
            Some(clock) => {
                clock.tick().await;
            }
            None => std::future::pending().await,
        }
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn raise_descriptor_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
