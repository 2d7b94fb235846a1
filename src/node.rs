//! What an embedder holds of one holdline process: publish, deliver, look, end, drain.
//! Leaves to `server.rs` and `control.rs`: the listeners.

mod deliver;
mod failure;
mod look;

use std::{
    fmt, io,
    sync::{Arc, OnceLock},
    time::Instant,
};

use tokio::sync::watch;

pub use self::{
    deliver::To,
    failure::Failure,
    look::{Page, RoomView},
};
pub use crate::hub::{Busy, Snapshot};

use crate::{
    auth::Auth,
    callback::{Callback, Webhook},
    config::Config,
    disconnect::{Close, Disconnect},
    frame,
    hub::Hub,
    message::{ConnectionId, Message, Room},
    metrics::Metrics,
    rest::Rest,
};

/// One holdline process: configuration, hub and metrics. Cheap to clone, usable from any thread.
///
/// A node drains once: after a shutdown it takes no connections any more; make a new one.
#[derive(Clone, Debug)]
pub struct Node(Arc<Inner>);

struct Inner {
    config: Config,
    hub: Arc<Hub>,
    metrics: Metrics,
    auth: Option<Auth>,
    rest: OnceLock<Option<Rest>>,
    callback: Option<Arc<dyn Callback>>,
    /// Whether a drain was asked for.
    stop: watch::Sender<bool>,
    /// When it was made: from here all heartbeats of the node keep step.
    made: Instant,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("hub", &self.hub).finish_non_exhaustive()
    }
}

impl Node {
    /// A node without connections. With `callback.url` it asks the application there. `config` is
    /// taken as it is: validate it first.
    ///
    /// # Errors
    /// The system's, when the way to the application cannot be prepared: no thread is left, or
    /// no certificates are there to trust.
    ///
    /// ```
    /// use holdline::{config::Config, node::Node};
    ///
    /// let config = Config::default();
    /// config.validate()?;
    /// let node = Node::new(config)?;
    /// assert_eq!(node.connections(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(config: Config) -> io::Result<Self> {
        let metrics = Metrics::new();
        let webhook = Webhook::new(&config, &metrics)?;
        let callback = webhook.map(|webhook| Arc::new(webhook) as Arc<dyn Callback>);
        Ok(Self::build(config, metrics, callback))
    }

    /// A node that tells `callback` of its connections and messages.
    ///
    /// # Errors
    /// When `callback.url` is set too: there is one callback, and none is dropped in silence.
    ///
    /// ```
    /// use holdline::{callback::{Action, on_message}, config::Config, node::Node};
    ///
    /// let shout = on_message(|_caller, message| {
    ///     let words = String::from_utf8_lossy(message.as_bytes()).to_uppercase();
    ///     Action::Reply(words.into())
    /// });
    /// let node = Node::with_callback(Config::default(), shout).unwrap();
    /// ```
    pub fn with_callback(config: Config, callback: impl Callback) -> io::Result<Self> {
        if config.callback.url.is_some() {
            let words = "callback.url must not be set where the program itself is the callback";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
        }
        Ok(Self::build(config, Metrics::new(), Some(Arc::new(callback))))
    }

    fn build(config: Config, metrics: Metrics, callback: Option<Arc<dyn Callback>>) -> Self {
        metrics.connections_max.set(i64::try_from(config.server.connections_max).unwrap_or(0));
        let (hub, auth) = (Hub::new(&config, &metrics), Auth::new(&config.auth));
        let (rest, stop, made) = (OnceLock::new(), watch::Sender::new(false), Instant::now());
        Self(Arc::new(Inner { hub, config, metrics, auth, rest, callback, stop, made }))
    }

    /// When this node was made.
    pub(crate) fn made(&self) -> Instant {
        self.0.made
    }

    /// Who is told of connections and messages, if anybody.
    ///
    /// ```
    /// # use holdline::{config::Config, node::Node};
    /// # let node = Node::new(Config::default()).unwrap();
    /// assert!(node.callback().is_none());
    /// ```
    pub fn callback(&self) -> Option<&Arc<dyn Callback>> {
        self.0.callback.as_ref()
    }

    /// Who checks tokens, if anybody is asked for one.
    pub(crate) fn auth(&self) -> Option<&Auth> {
        self.0.auth.as_ref()
    }

    /// The configuration in force.
    ///
    /// ```
    /// # use holdline::{config::Config, node::Node};
    /// # let node = Node::new(Config::default()).unwrap();
    /// assert_eq!(node.config().limits.rooms_max, 100_000);
    /// ```
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The node's metrics.
    ///
    /// ```
    /// # use holdline::{config::Config, node::Node};
    /// # let node = Node::new(Config::default()).unwrap();
    /// assert_eq!(node.metrics().connections_max.get(), 20_000);
    /// ```
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Connections now.
    ///
    /// ```
    /// # use holdline::{config::Config, node::Node};
    /// # let node = Node::new(Config::default()).unwrap();
    /// println!("{} are here", node.connections());
    /// ```
    pub fn connections(&self) -> usize {
        self.0.hub.connections()
    }

    /// Sends `message` to every member of `room`. It is encoded once; nobody waits for a peer.
    ///
    /// [`deliver`](Self::deliver) does the same and tells how many it was queued for.
    ///
    /// # Errors
    /// [`Busy`] when a worker's queue is full (`limits.mailbox_bytes_max`): nobody got it.
    ///
    /// ```
    /// # use holdline::{config::Config, node::Node};
    /// # let node = Node::new(Config::default())?;
    /// node.publish(&"lobby".parse()?, &"Hello World".into())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish(&self, room: &Room, message: &Message) -> Result<(), Busy> {
        self.0.hub.publish(room, &frame::message(message))
    }

    /// Ends one connection as `kicked`, with `close` as its close frame. An id that has ended
    /// already, or never was, is no error; [`kick`](Self::kick) would tell.
    /// A code that must not be sent ([`Close::is_legal`]) becomes 1008.
    ///
    /// # Errors
    /// [`Busy`] when its worker's queue is full (`limits.mailbox_bytes_max`).
    ///
    /// ```
    /// # use holdline::{config::Config, node::Node};
    /// # let node = Node::new(Config::default())?;
    /// use holdline::{disconnect::Close, message::ConnectionId};
    ///
    /// let id: ConnectionId = "0123456789abcdef".parse()?;
    /// node.end(id, Close::new(4000, "that will do"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn end(&self, id: ConnectionId, close: Close) -> Result<(), Busy> {
        self.0.hub.end(id, Disconnect::Kicked(close))
    }

    /// Has the [backend](crate::backend::Backend) that serves this node drain and stop, as a signal
    /// to `holdline serve` does. From now on newcomers are refused. Asking again changes nothing.
    ///
    /// ```
    /// # let config = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/free_ports.rs"));
    /// use holdline::{backend::Backend, node::Node};
    ///
    /// let node = Node::new(config)?;
    /// node.drain();
    /// // Returns when the node has drained, whatever the future that it was given does.
    /// let backend = Backend::bind(node)?;
    /// actix_rt::System::new().block_on(backend.run(std::future::pending()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain(&self) {
        self.0.hub.refuse_new();
        self.0.stop.send_replace(true);
    }

    /// Completes when a [`drain`](Self::drain) was asked for. [`Backend`](crate::backend::Backend)
    /// waits for it; a server that has Holdline's routes [mounted](crate::server::mount) should.
    ///
    /// ```
    /// # use holdline::{config::Config, node::Node};
    /// # actix_rt::System::new().block_on(async {
    /// let node = Node::new(Config::default()).unwrap();
    /// node.drain();
    /// node.drain_asked().await;
    /// # });
    /// ```
    pub async fn drain_asked(&self) {
        // The sender lives as long as this node does.
        let _ = self.0.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Whether the node takes new connections.
    ///
    /// ```
    /// # use holdline::{config::Config, node::Node};
    /// # let node = Node::new(Config::default()).unwrap();
    /// assert!(node.is_ready());
    /// ```
    pub fn is_ready(&self) -> bool {
        !self.0.hub.is_draining()
    }

    /// All metrics in Prometheus' text format, gauges brought up to date.
    ///
    /// ```
    /// # use holdline::{config::Config, node::Node};
    /// # let node = Node::new(Config::default())?;
    /// let text = String::from_utf8(node.render_metrics())?;
    /// assert!(text.contains("\nholdline_rooms 0\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn render_metrics(&self) -> Vec<u8> {
        let Inner { hub, metrics, .. } = &*self.0;
        metrics.rooms.set(hub.rooms() as i64);
        metrics.outbox_bytes.set(hub.outbox_bytes() as i64);
        metrics.draining.set(i64::from(hub.is_draining()));
        metrics.render()
    }

    /// What makes requests of messages, if there is `rest.base_url`: one for all workers, each of
    /// which takes a pool of its own from it. Made when it is first asked for.
    ///
    /// # Errors
    /// As [`Rest::new`].
    pub(crate) fn rest(&self) -> io::Result<Option<&Rest>> {
        let Inner { config, metrics, rest, .. } = &*self.0;
        if rest.get().is_none() {
            // Somebody else's may come first; then that one counts.
            let _ = rest.set(Rest::new(config, metrics)?);
        }
        Ok(rest.get().and_then(Option::as_ref))
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.0.hub
    }
}

#[cfg(test)]
mod tests;
