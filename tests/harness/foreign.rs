//! A WebSocket server that nobody here wrote, as a process of its own.
//! What it does on which path stands in `servers/echo.js`, how its library is got in `scripts/tool`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::peer::{Dial, Peer};
use super::tool::{repository, tool};
use super::wait::PATIENCE;

/// Whose WebSocket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The package `ws`, in Node.
    NodeWs,
    /// The package `websockets`, in Python.
    PythonWebsockets,
    /// Gorilla's, in Go.
    Gorilla,
}

/// A server that runs. Dropping it kills it, and so does the end of the thread that started it.
pub struct Foreign {
    address: SocketAddr,
    child: Child,
}

impl Foreign {
    /// Starts a server of this kind and waits until it listens.
    ///
    /// # Panics
    /// When `scripts/tool peers` cannot provide it, or it does not come to listen.
    pub async fn start(kind: Kind) -> Self {
        let mut child = command(kind)
            // It ends with its standard input, which the child holds open for us.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{kind:?} does not start: {error}"));
        let output = child.stdout.take().expect("standard output was piped");
        let mut line = String::new();
        let read = timeout(PATIENCE, BufReader::new(output).read_line(&mut line)).await;
        assert!(matches!(read, Ok(Ok(_))), "{kind:?} does not tell its port: {read:?}");
        let port = line.trim().parse::<u16>();
        let port = port.unwrap_or_else(|_| panic!("{kind:?} told {line:?} for a port"));
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), child }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A peer about to come in.
    pub fn dial(&self, target: &str) -> Dial<'static> {
        Dial::new(self.address, target)
    }

    /// A peer that is in.
    pub async fn connect(&self, target: &str) -> Peer {
        self.dial(target).open().await
    }

    /// Lets it end by itself, without a goodbye to anybody.
    ///
    /// # Panics
    /// When it does not within [`PATIENCE`].
    pub async fn ended(mut self) -> ExitStatus {
        // Waiting closes its standard input.
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it ends with its input");
        status.expect("a child can be waited for")
    }
}

fn command(kind: Kind) -> Command {
    let folder = tool("peers");
    let servers = repository().join("tests/harness/servers");
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    match kind {
        Kind::NodeWs => command
            .arg("node")
            .arg(servers.join("echo.js"))
            .env("NODE_PATH", folder.join("node_modules")),
        Kind::PythonWebsockets => {
            command.arg(folder.join("venv/bin/python")).arg(servers.join("echo.py"))
        }
        Kind::Gorilla => command.arg(folder.join("gorilla")),
    };
    command
}
