//! What a gateway is held against: the backend's configuration and how many connections are wanted.
//! Leaves to `config`: where the configuration comes from.

use crate::config::Config;

/// One path of each kind that a backend serves WebSockets on.
const ROUTES: [&str; 4] = ["/ws/echo", "/ws/app", "/ws/rest", "/ws/rooms/x"];

/// What the gateway should fit.
#[derive(Clone, Debug)]
pub struct Expected {
    pub(super) config: Config,
    pub(super) connections: usize,
    routes: Vec<String>,
}

impl Expected {
    /// The gateway in front of a backend with this configuration, for as many connections as
    /// `server.connections_max` allows.
    ///
    /// ```
    /// use holdline::{config::Config, lint::{Expected, Source, lint}};
    ///
    /// let expected = Expected::new(&Config::default()).connections(500);
    /// let report = lint(&Source::from_text("nginx.conf", "events {}\nhttp {}\n"), &expected);
    /// assert_eq!(report.findings[0].rule, "worker-connections");
    /// ```
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let connections = config.server.connections_max;
        Self { config: config.clone(), connections, routes: Vec::new() }
    }

    /// So many connections are wanted at once, on all backends together.
    ///
    /// ```
    /// # use holdline::{config::Config, lint::Expected};
    /// let many = Expected::new(&Config::default()).connections(100_000);
    /// ```
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// These paths are the WebSocket ones, not those that are recognised.
    ///
    /// ```
    /// # use holdline::{config::Config, lint::Expected};
    /// let own = Expected::new(&Config::default()).routes(vec!["/chat/socket".to_owned()]);
    /// ```
    #[must_use]
    pub fn routes(self, routes: Vec<String>) -> Self {
        Self { routes, ..self }
    }

    pub(super) fn routes_are_asked_for(&self) -> bool {
        !self.routes.is_empty()
    }

    /// The paths whose locations are looked for.
    pub(super) fn paths(&self) -> Vec<String> {
        if self.routes.is_empty() {
            ROUTES.map(str::to_owned).to_vec()
        } else {
            self.routes.clone()
        }
    }
}
