//! What stage a promise wants: with or without a gateway, how many backends, which settings.
//! Running them is the business of the backend and the gateway.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::backend::Surroundings;
use super::{Backend, Gateway, Stage};
use crate::harness::tls::Authority;

/// A stage to be; every setting not made is the shipped default.
pub struct Builder {
    gateway: bool,
    backends: usize,
    settings: Vec<(String, Value)>,
    variables: Vec<(String, String)>,
    surroundings: Surroundings,
    directives: Vec<(String, Option<String>)>,
    tls: bool,
}

impl Builder {
    pub(super) fn new(gateway: bool) -> Self {
        let (settings, variables, directives) = (Vec::new(), Vec::new(), Vec::new());
        let surroundings = Surroundings::default();
        Self { gateway, backends: 1, settings, variables, surroundings, directives, tls: false }
            .set("control.listen", "127.0.0.1:0")
            .set("server.workers", 1)
    }

    /// How long the gateway lets a connection be silent; the backend is told the same.
    pub fn read_timeout(self, timeout: &str) -> Self {
        self.set("gateway.read_timeout", timeout).render("HOLDLINE_READ_TIMEOUT", timeout)
    }

    /// How often the backend pings, or `off`.
    pub fn ping_interval(self, interval: &str) -> Self {
        self.set("heartbeat.ping_interval", interval)
    }

    /// How long a pong may take.
    pub fn pong_timeout(self, timeout: &str) -> Self {
        self.set("heartbeat.pong_timeout", timeout)
    }

    /// How many worker threads each backend has.
    pub fn workers(self, workers: usize) -> Self {
        self.set("server.workers", workers)
    }

    /// How many backends there are behind the gateway.
    pub fn backends(mut self, backends: usize) -> Self {
        self.backends = backends;
        self
    }

    /// Sets a key of the backend's configuration.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.into()));
        self
    }

    /// Which lines the backends log, as `RUST_LOG` spells it.
    pub fn log(self, filter: &str) -> Self {
        self.environment("RUST_LOG", filter)
    }

    /// Sets a variable of the backends' environment.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.surroundings.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How many descriptors each backend may have open.
    #[allow(dead_code, reason = "only the promise about running out of them runs out of them")]
    pub fn descriptors(mut self, limit: usize) -> Self {
        self.surroundings.descriptors = Some(limit);
        self
    }

    /// Sets a variable of the gateway's rendering.
    pub fn render(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the gateway a certificate: it listens under TLS too.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Puts something else behind the gateway than backends.
    pub fn behind(self, upstream: SocketAddr) -> Self {
        self.backends(0).render("HOLDLINE_BACKENDS", &upstream.to_string())
    }

    /// Takes a directive out of this stage's copy of the shipped gateway configuration.
    pub fn without_directive(mut self, name: &str) -> Self {
        self.directives.push((name.to_owned(), None));
        self
    }

    /// Gives a directive another value in this stage's copy of the shipped gateway configuration,
    /// where no variable of the rendering does.
    pub fn directive(mut self, name: &str, value: &str) -> Self {
        self.directives.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// Starts everything and waits until it is ready.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start(self) -> Stage {
        let folder = tempfile::Builder::new().prefix("holdline-e2e-").tempdir();
        let folder = folder.expect("a temporary folder can be made");
        open_to_all(folder.path());
        let mut backends = Vec::new();
        for number in 0..self.backends {
            backends.push(
                Backend::start(folder.path(), number, &self.settings, &self.surroundings).await,
            );
        }
        let authority = self.tls.then(|| Authority::new(folder.path()));
        let mut gateway = None;
        if self.gateway {
            let mut variables = self.variables;
            if let Some(authority) = &authority {
                let folder = authority.folder.display().to_string();
                variables.push(("GATEWAY_TLS_FOLDER".to_owned(), folder));
            }
            if !backends.is_empty() {
                let upstream = backends.iter().map(|backend| backend.server.to_string());
                let upstream = upstream.collect::<Vec<_>>().join(" ");
                variables.push(("HOLDLINE_BACKENDS".to_owned(), upstream));
            }
            gateway = Some(Gateway::start(folder.path(), variables, &self.directives).await);
        }
        Stage { backends, gateway, authority, folder }
    }
}

/// nginx started by root runs its workers as nobody, who has to reach its folders here.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, open).expect("the folder is ours");
}
