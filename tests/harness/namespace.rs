//! A host of its own on a wire of its own: a network namespace joined to ours by a veth pair.
//! Cutting the wire is how a peer vanishes: nothing says goodbye, packets just stop.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::TcpStream;

/// A namespace, removed with everything in it when dropped.
pub struct Namespace {
    name: String,
    /// Our end of its wire.
    here: String,
    /// Where the namespace sees the machine that runs the test.
    host: Ipv4Addr,
}

impl Namespace {
    /// Makes a namespace with a wire to this machine.
    ///
    /// # Panics
    /// Without the right to do so (root, or CAP_SYS_ADMIN and CAP_NET_ADMIN).
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        sweep();
        let name = format!("holdline-e2e-{}-{count}", std::process::id());
        let (here, there) = (format!("hl{}w{count}", std::process::id()), "wire");
        let subnet = free_subnet();
        let host = Ipv4Addr::from(subnet + 1);
        let namespace = Self { name, here, host };
        let (name, here) = (&namespace.name, &namespace.here);
        ip(&format!("netns add {name}"));
        ip(&format!("link add {here} type veth peer name {there} netns {name}"));
        ip(&format!("address add {host}/30 dev {here}"));
        ip(&format!("link set {here} up"));
        ip(&format!("-n {name} address add {}/30 dev {there}", Ipv4Addr::from(subnet + 2)));
        ip(&format!("-n {name} link set {there} up"));
        namespace
    }

    /// Connects from inside to `port` of this machine.
    ///
    /// # Panics
    /// When there is nobody.
    pub async fn connect(&self, port: u16) -> TcpStream {
        let path = format!("/run/netns/{}", self.name);
        let address = SocketAddr::new(IpAddr::V4(self.host), port);
        // A socket belongs to the namespace of the thread that made it, for ever; so a thread of
        // its own goes there, and only the socket comes back.
        let connect = move || {
            let place = File::open(&path).map_err(|error| format!("{path}: {error}"))?;
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|error| format!("no way into {path}: {error}"))?;
            std::net::TcpStream::connect_timeout(&address, super::PATIENCE)
                .map_err(|error| format!("{address} from {path}: {error}"))
        };
        let stream = std::thread::spawn(connect).join().expect("connecting does not panic");
        let stream = stream.unwrap_or_else(|why| panic!("{why}"));
        stream.set_nonblocking(true).expect("any socket can be made non-blocking");
        TcpStream::from_std(stream).expect("there is a runtime")
    }

    /// Cuts the wire: from now on nothing arrives on either side.
    pub fn vanish(&self) {
        ip(&format!("-n {} link set wire down", self.name));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A namespace lives on while a socket in it still says goodbye; the wire goes now.
        let _ = Command::new("ip").args(["link", "delete", &self.here]).output();
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).output();
    }
}

/// Four addresses out of the block set aside for tests of network devices (RFC 2544) that no
/// interface here has yet.
fn free_subnet() -> u32 {
    let block = u32::from(Ipv4Addr::new(198, 18, 0, 0));
    let taken = Command::new("ip").args(["-4", "route", "show", "table", "all"]).output();
    let taken = taken.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let taken = taken.expect("the proof needs `ip` (package iproute2)");
    (0..100)
        .map(|_| block + 4 * fastrand::u32(0..(1 << 15)))
        .find(|subnet| !taken.contains(&format!("{}/30", Ipv4Addr::from(*subnet))))
        .expect("one of a hundred random subnets is free")
}

/// Removes the namespaces of runs that were killed before they could.
fn sweep() {
    let listed = Command::new("ip").args(["netns", "list"]).output();
    let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    for name in listed.unwrap_or_default().lines().filter_map(|line| line.split(' ').next()) {
        let owner = name.strip_prefix("holdline-e2e-").and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|id| !std::path::Path::new("/proc").join(id).exists()) {
            let _ = Command::new("ip").args(["netns", "delete", name]).output();
        }
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.expect("the proof needs `ip` (package iproute2)");
    assert!(
        output.status.success(),
        "ip {arguments}: {}(a network namespace needs root)",
        String::from_utf8_lossy(&output.stderr)
    );
}
