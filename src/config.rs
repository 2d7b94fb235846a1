//! The configuration of a node: every knob with its default, as one value.
//! Its floor, the listeners and limits it describes, belong to the files that read it.

mod sections;

pub use self::sections::{
    Control, Drain, Gateway, Heartbeat, Limits, Log, LogFormat, Server, WORKERS_MAX,
};

/// Everything a node can be told. The default is the documented one, resolved for this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The public listener.
    pub server: Server,
    /// The control listener.
    pub control: Control,
    /// The gateway in front.
    pub gateway: Gateway,
    /// Pings and the peer's answer to them.
    pub heartbeat: Heartbeat,
    /// The bound of everything.
    pub limits: Limits,
    /// The pace of a shutdown.
    pub drain: Drain,
    /// The form of the log.
    pub log: Log,
}
