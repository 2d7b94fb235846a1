//! A program of the benchmark that a test starts and ends, and a peer that talks to it.
//! Leaves to the tests: what is right.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command},
    time::{Duration, Instant},
};

use holdline_benches::wire::{
    frames::{Header, Opcode, put_masked},
    handshake,
};

/// What should happen has happened by then, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server that is ended with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts the floor and waits until it accepts.
    pub(crate) fn floor(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_floor"));
        Self::start(command.args(arguments))
    }

    /// Starts a command that takes `--listen`.
    pub(crate) fn start(command: &mut Command) -> Self {
        let address = free_address();
        let child = command.arg("--listen").arg(address.to_string()).spawn().expect("a program");
        let mut server = Self { address, child };
        until("the server accepts", || {
            let ended = server.child.try_wait().expect("its state");
            assert!(ended.is_none(), "the server ended: {ended:?}");
            TcpStream::connect(address).is_ok()
        });
        server
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) {
        self.child.wait().expect("its end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}

/// A peer whose reads and writes wait.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    pub(crate) fn open(address: SocketAddr, path: &str) -> Self {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        let request = handshake::request("localhost", path, &[]).expect("a request");
        stream.write_all(&request).expect("a request sent");
        let mut head = Vec::new();
        while handshake::head_end(&head).is_none() {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a response");
            head.extend(byte);
        }
        handshake::check_response(&head).expect("agreed");
        Self(stream)
    }

    pub(crate) fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut frame = Vec::new();
        put_masked(&mut frame, opcode, payload);
        self.0.write_all(&frame).expect("a frame sent");
    }

    /// The next frame's first byte and its payload.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = Vec::new();
        let header = loop {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("a header");
            head.extend(byte);
            if let Some((header, _)) = Header::read(&head) {
                break header;
            }
        };
        assert_eq!(header.key, None, "servers do not mask");
        let mut payload = vec![0; header.length as usize];
        self.0.read_exact(&mut payload).expect("a payload");
        (header.first, payload)
    }

    /// Reads so many bytes and forgets them.
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.0.read_exact(&mut vec![0; bytes]).expect("what was to come");
    }
}
