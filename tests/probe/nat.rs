//! A wire that forgets: a relay that drops an idle connection from its table and tells nobody, as a
//! NAT or a firewall does. What is found out about it is for the promises.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

/// What whoever speaks on a forgotten connection gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// Nothing, for ever.
    Nothing,
    /// RST.
    Reset,
}

/// A relay that runs until it is dropped.
pub struct Nat {
    address: SocketAddr,
    task: AbortHandle,
}

impl Nat {
    /// Leads every connection to `server`, and forgets one when neither side has said anything for
    /// so long.
    pub async fn to(server: SocketAddr, forgets: Duration, late: Late) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let task = tokio::spawn(async move {
            let mut flows = JoinSet::new();
            while let Ok((dialler, _)) = listener.accept().await {
                while flows.try_join_next().is_some() {}
                flows.spawn(flow(dialler, server, forgets, late));
            }
        });
        Self { address, task: task.abort_handle() }
    }

    /// Where to dial.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL behind which the server is.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }
}

impl Drop for Nat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn flow(mut dialler: TcpStream, server: SocketAddr, forgets: Duration, late: Late) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let _ = (dialler.set_nodelay(true), server.set_nodelay(true));
    let (mut there, mut back) = (vec![0; 4096], vec![0; 4096]);
    loop {
        let until = Instant::now() + forgets;
        // A whole turn is under one deadline, and nothing of it is lost when it is over: a read
        // that is given up has read nothing.
        let turn = timeout_at(until, async {
            tokio::select! {
                got = dialler.read(&mut there) => (got, true),
                got = server.read(&mut back) => (got, false),
            }
        });
        let done = match turn.await {
            Err(_) => break,
            Ok((Ok(count @ 1..), true)) => server.write_all(&there[..count]).await,
            Ok((Ok(count @ 1..), false)) => dialler.write_all(&back[..count]).await,
            // An end is passed on by ending both.
            Ok(_) => return,
        };
        if done.is_err() {
            return;
        }
    }
    // The server's words go nowhere from here on; it is not told either.
    while matches!(dialler.read(&mut there).await, Ok(1..)) {
        if late == Late::Reset {
            let _ = SockRef::from(&dialler).set_linger(Some(Duration::ZERO));
            return;
        }
    }
}
