//! Somebody's own server with Holdline's routes in it, and what can be seen of its sockets.
//! What is promised of it is told in `mounted`.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use holdline::node::Node;
use holdline::server;
use socket2::{Domain, Socket, Type};

use crate::harness::peer::Dial;
use crate::harness::{PATIENCE, Peer};

/// Somebody's server, with Holdline's routes in it.
pub struct Foreign {
    pub address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Foreign {
    /// Starts one with these routes.
    pub fn start(
        node: &Node,
        routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> Self {
        let (told, heard) = sync_channel(1);
        let node = node.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let app = move || App::new().configure(|app| routes(app));
                let server = HttpServer::new(app)
                    .on_connect(server::on_connect(&node))
                    .client_disconnect_timeout(Duration::ZERO)
                    .shutdown_timeout(1)
                    .workers(2)
                    .disable_signals()
                    .bind("127.0.0.1:0")?;
                let address = server.addrs()[0];
                let server = server.run();
                told.send((address, server.handle())).expect("somebody waits for it");
                server.await
            })
        });
        let (address, handle) = heard.recv().expect("a port is free");
        Self { address, handle, thread: Some(thread) }
    }

    /// One with Holdline's own routes.
    pub fn plain(node: &Node) -> Self {
        let mounted = node.clone();
        Self::start(node, move |app| server::mount(&mounted)(app))
    }

    pub async fn connect(&self, target: &str) -> Peer {
        Dial::new(self.address, target).open().await
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // The order to stop is given when this is called; the future only waits.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join().expect("the server's thread does not panic");
            ended.expect("the server ends well");
        }
    }
}

/// A member of the lobby that reads nothing after its 101; its bare socket.
pub async fn deaf(server: &Foreign) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(8 * 1024).expect("a small window");
    socket.connect(&server.address.into()).expect("a listener");
    let ask = format!(
        "GET /ws/rooms/lobby HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    );
    socket.send(ask.as_bytes()).expect("it is connected");
    let mut answer = [std::mem::MaybeUninit::uninit(); 12];
    socket.set_read_timeout(Some(PATIENCE)).expect("any socket can");
    assert_eq!(socket.recv(&mut answer).expect("an answer"), 12);
    socket
}

/// The inode of this process's end of a peer's connection.
pub fn accepted(server: SocketAddr, peer: &Socket) -> u64 {
    let peer = peer.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    let (ours, theirs) = (format!(":{:04X}", server.port()), format!(":{:04X}", peer.port()));
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a Linux");
    // proc_net_tcp(5): number, local address, remote address, …, and the inode as the tenth.
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut ends = rows.filter(|row| row[1].ends_with(&ours) && row[2].ends_with(&theirs));
    ends.next().and_then(|row| row[9].parse().ok()).expect("it is accepted")
}

/// Whether this process has a descriptor for the socket of that inode.
pub fn is_open(inode: u64) -> bool {
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("a Linux").flatten();
    let name = format!("socket:[{inode}]");
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.into_iter().any(|link| link.to_string_lossy() == name)
}
