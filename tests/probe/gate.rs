//! A real nginx or haproxy with a small configuration of the test's own, so that its timeouts are
//! known. The shipped gateway is the stage's.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::harness::port;
use crate::harness::process::Process;
use crate::harness::tool::tool;
use crate::harness::wait::{PATIENCE, until};

/// What nginx needs to pass an upgrade on; `UPSTREAM` is what is behind.
pub const UPGRADES: &str = "proxy_pass http://UPSTREAM; proxy_http_version 1.1; \
     proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade; \
     proxy_set_header Connection upgrade;";

/// A gateway that runs until it is dropped.
pub struct Gate {
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Gate {
    /// An nginx whose only location does this; `UPSTREAM` in it becomes the address behind.
    pub async fn nginx(location: &str, upstream: SocketAddr) -> Self {
        Self::nginx_server(&format!("location / {{ {location} }}"), upstream).await
    }

    /// An nginx whose only `server` block says this; `UPSTREAM` in it becomes the address behind.
    /// It speaks TLS where the block names a certificate.
    pub async fn nginx_server(server: &str, upstream: SocketAddr) -> Self {
        let server = server.replace("UPSTREAM", &upstream.to_string());
        let tls = if server.contains("ssl_certificate") { " ssl" } else { "" };
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind}_temp;"))
            .join("\n");
        let start = |folder: &Path, port| {
            let text = format!(
                "worker_processes 1;\npid nginx.pid;\nerror_log stderr info;\n\
                 events {{ worker_connections 256; }}\n\
                 http {{\naccess_log off;\n{temporary}\n\
                 server {{ listen 127.0.0.1:{port}{tls}; {server} }}\n}}\n"
            );
            let file = folder.join("nginx.conf");
            std::fs::write(&file, text).expect("the folder is ours");
            let (folder_text, file) = (folder.to_str(), file.to_str());
            let (folder_text, file) = folder_text.zip(file).expect("a temporary path is text");
            let arguments = ["-p", folder_text, "-c", file, "-g", "daemon off;"];
            Process::start(&tool("nginx"), &arguments, folder, &[])
        };
        Self::start(start).await
    }

    /// An haproxy with these lines among its defaults.
    pub async fn haproxy(defaults: &[&str], upstream: SocketAddr) -> Self {
        let defaults = defaults.iter().map(|line| format!("  {line}\n")).collect::<String>();
        let start = |folder: &Path, port| {
            let text = format!(
                "global\n  maxconn 256\ndefaults\n  mode http\n  timeout connect 5s\n{defaults}\
                 frontend in\n  bind 127.0.0.1:{port}\n  default_backend out\n\
                 backend out\n  server one {upstream}\n"
            );
            let file = folder.join("haproxy.cfg");
            std::fs::write(&file, text).expect("the folder is ours");
            let file = file.to_str().expect("a temporary path is text");
            // In the foreground, where its end is seen.
            Process::start(&tool("haproxy"), &["-db", "-f", file], folder, &[])
        };
        Self::start(start).await
    }

    /// Starts it and waits until it listens; a neighbour that takes its port first costs another
    /// try.
    async fn start(start: impl Fn(&Path, u16) -> Process) -> Self {
        let folder = tempfile::Builder::new().prefix("holdline-probe-").tempdir();
        let folder = folder.expect("a temporary folder can be made");
        // An nginx started by root runs its workers as nobody, who has to reach its folders here.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("the folder is ours");
        for _ in 0..5 {
            let port = port::free();
            let mut process = start(folder.path(), port);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let look = async || {
                let ended = process.status().is_some();
                (ended, !ended && TcpStream::connect(address).await.is_ok())
            };
            let seen = until("a gateway that listens", PATIENCE, look, |(end, up)| *end || *up);
            if !seen.await.0 {
                return Self { address, process, _folder: folder };
            }
            let last_words = process.log.tail(10);
            let taken = ["in use", "cannot bind"].iter().any(|why| last_words.contains(why));
            assert!(taken, "the gateway does not start:\n{last_words}");
        }
        panic!("five ports taken in a row");
    }

    /// The URL of its root.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// The last lines that it wrote.
    pub fn last_words(&self) -> String {
        self.process.log.tail(20)
    }
}

/// A certificate for 127.0.0.1 that nobody trusts, and its key.
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    _folder: TempDir,
}

impl Certificate {
    /// Makes one.
    pub fn new() -> Self {
        let pair = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a good name");
        let certificate = params.self_signed(&pair).expect("signed");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let [chain, key] = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
        std::fs::write(&chain, certificate.pem()).expect("the folder is ours");
        std::fs::write(&key, pair.serialize_pem()).expect("the folder is ours");
        Self { chain, key, _folder: folder }
    }

    /// A `server` block that has it, and whose only location does this.
    pub fn server(&self, location: &str) -> String {
        let (chain, key) = (self.chain.display(), self.key.display());
        format!("ssl_certificate {chain}; ssl_certificate_key {key}; location / {{ {location} }}")
    }
}
