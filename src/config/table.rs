//! The table of all keys, in the manual's order: name, unit, meaning, how it is read and shown.
//! What a key is, is left to `key`; the reasons behind the numbers to the manual, `holdline.toml`.

mod application;

use std::time::Duration;

use ::config::Value;

use super::{
    key::Key,
    sections::{self, CompressionMode, Heartbeat, LogFormat},
    spelling::{
        Read, address, bytes, compression_mode, count, duration, list, log_format, networks,
        or_auto, or_off, secret, show_bytes, show_duration, show_list, show_or_off, show_secret,
        show_text, switch,
    },
};

/// Every key there is. `gateway.read_timeout` stands before `heartbeat.ping_interval`, which is
/// worked out from it.
pub static KEYS: &[Key] = &{
    let mut keys = [NODE[0]; NODE.len() + application::KEYS.len()];
    let mut index = 0;
    while index < keys.len() {
        let further = index >= NODE.len();
        keys[index] = if further { application::KEYS[index - NODE.len()] } else { NODE[index] };
        index += 1;
    }
    keys
};

/// The keys about this node itself.
const NODE: [Key; 36] = [
    Key::new(
        "server.listen",
        "address:port",
        "Where the gateway reaches this node.",
        |config, value| put(&mut config.server.listen, address(value)),
        |config| show_text(config.server.listen),
    ),
    Key::new(
        "server.workers",
        "threads",
        "Threads that serve connections, 1 to 64; \"auto\" is one per core this process may use.",
        |config, value| put(&mut config.server.workers, or_auto(value, sections::cores(), count)),
        |config| config.server.workers.to_string(),
    )
    .auto(),
    Key::new(
        "server.connections_max",
        "connections",
        "Connections held at once; over it a handshake gets 503 and the gateway tries another node.",
        |config, value| put(&mut config.server.connections_max, count(value)),
        |config| config.server.connections_max.to_string(),
    ),
    Key::new(
        "server.allowed_origins",
        "list of scheme://host[:port], or *",
        "Origins admitted besides the one whose host and port equal the Host header.",
        |config, value| put(&mut config.server.allowed_origins, list(value)),
        |config| show_list(config.server.allowed_origins.iter().map(show_text)),
    ),
    Key::new(
        "server.trusted_proxies",
        "list of networks",
        "Networks whose X-Forwarded-For is believed.",
        |config, value| put(&mut config.server.trusted_proxies, networks(value)),
        |config| show_list(config.server.trusted_proxies.iter().map(show_text)),
    ),
    Key::new(
        "server.handshake_timeout",
        "duration",
        "A request that is not answered, or not over, after this time is cut.",
        |config, value| put(&mut config.server.handshake_timeout, duration(value)),
        |config| show_duration(config.server.handshake_timeout),
    ),
    Key::new(
        "server.subprotocols",
        "list of names",
        "Subprotocols that are agreed to when a peer offers them, the first here winning.",
        |config, value| put(&mut config.server.subprotocols, list(value)),
        |config| show_list(config.server.subprotocols.iter().map(show_text)),
    ),
    Key::new(
        "server.page",
        "true or false",
        "Whether GET / is a page that tries this node in a browser.",
        |config, value| put(&mut config.server.page, switch(value)),
        |config| config.server.page.to_string(),
    ),
    Key::new(
        "server.stall_timeout",
        "duration",
        "A worker that is stuck for this long, twice in a row, aborts the process.",
        |config, value| put(&mut config.server.stall_timeout, duration(value)),
        |config| show_duration(config.server.stall_timeout),
    ),
    Key::new(
        "control.listen",
        "address:port",
        "Where metrics, health and the control API are served; the gateway never routes here.",
        |config, value| put(&mut config.control.listen, address(value)),
        |config| show_text(config.control.listen),
    ),
    Key::new(
        "control.token",
        "text",
        "What a request to the control listener must carry: Authorization: Bearer <token>.",
        |config, value| put(&mut config.control.token, secret(value)),
        |config| show_secret(config.control.token.as_ref()),
    )
    .secret(),
    Key::new(
        "control.body_bytes_max",
        "bytes",
        "The largest body of a request to the control listener, a batch as a rule.",
        |config, value| put(&mut config.control.body_bytes_max, bytes(value)),
        |config| show_bytes(config.control.body_bytes_max),
    ),
    Key::new(
        "control.requests_max",
        "requests",
        "Requests to the control API being served at once; over it 503.",
        |config, value| put(&mut config.control.requests_max, count(value)),
        |config| config.control.requests_max.to_string(),
    ),
    Key::new(
        "gateway.read_timeout",
        "duration",
        "The silence after which the gateway in front cuts a connection (nginx: proxy_read_timeout).",
        |config, value| put(&mut config.gateway.read_timeout, duration(value)),
        |config| show_duration(config.gateway.read_timeout),
    ),
    Key::new(
        "heartbeat.ping_interval",
        "duration",
        "Time between pings; \"auto\" is a third of gateway.read_timeout, \"off\" sends none.",
        |config, value| {
            put(
                &mut config.heartbeat.ping_interval,
                ping_interval(config.gateway.read_timeout, value),
            )
        },
        |config| show_or_off(config.heartbeat.ping_interval, show_duration),
    )
    .auto(),
    Key::new(
        "heartbeat.pong_timeout",
        "duration",
        "A peer is dead when nothing whole comes from it for ping_interval + pong_timeout.",
        |config, value| put(&mut config.heartbeat.pong_timeout, duration(value)),
        |config| show_duration(config.heartbeat.pong_timeout),
    ),
    Key::new(
        "limits.message_bytes_max",
        "bytes",
        "The largest message a peer may send, all fragments together; over it: close code 1009.",
        |config, value| put(&mut config.limits.message_bytes_max, bytes(value)),
        |config| show_bytes(config.limits.message_bytes_max),
    ),
    Key::new(
        "limits.message_timeout",
        "duration",
        "How long a message may take from its first frame to its last; over it: close code 1008.",
        |config, value| put(&mut config.limits.message_timeout, duration(value)),
        |config| show_duration(config.limits.message_timeout),
    ),
    Key::new(
        "limits.message_fragments_max",
        "frames",
        "Fragments one message may come in; over it: close code 1009.",
        |config, value| put(&mut config.limits.message_fragments_max, count(value)),
        |config| config.limits.message_fragments_max.to_string(),
    ),
    Key::new(
        "limits.control_frames_max",
        "frames",
        "Control frames waiting to be sent on one connection; past it reading from the peer pauses.",
        |config, value| put(&mut config.limits.control_frames_max, count(value)),
        |config| config.limits.control_frames_max.to_string(),
    ),
    Key::new(
        "limits.outbox_bytes_max",
        "bytes",
        "What may wait to be sent on one connection; over it the peer is slow: close code 1013.",
        |config, value| put(&mut config.limits.outbox_bytes_max, bytes(value)),
        |config| show_bytes(config.limits.outbox_bytes_max),
    ),
    Key::new(
        "limits.outbox_frames_max",
        "frames",
        "The same bound, in frames.",
        |config, value| put(&mut config.limits.outbox_frames_max, count(value)),
        |config| config.limits.outbox_frames_max.to_string(),
    ),
    Key::new(
        "limits.outbox_bytes_total",
        "bytes",
        "What may wait on all connections together, a shared frame once; past it the slowest goes.",
        |config, value| put(&mut config.limits.outbox_bytes_total, bytes(value)),
        |config| show_bytes(config.limits.outbox_bytes_total),
    ),
    Key::new(
        "limits.mailbox_bytes_max",
        "bytes",
        "Publications queued from one worker towards another; past it the publisher has to wait.",
        |config, value| put(&mut config.limits.mailbox_bytes_max, bytes(value)),
        |config| show_bytes(config.limits.mailbox_bytes_max),
    ),
    Key::new(
        "limits.write_timeout",
        "duration",
        "How long anything may wait for a peer to take it; then the connection is cut.",
        |config, value| put(&mut config.limits.write_timeout, duration(value)),
        |config| show_duration(config.limits.write_timeout),
    ),
    Key::new(
        "limits.close_timeout",
        "duration",
        "How long the closing handshake may take before TCP is closed without it.",
        |config, value| put(&mut config.limits.close_timeout, duration(value)),
        |config| show_duration(config.limits.close_timeout),
    ),
    Key::new(
        "limits.messages_per_second",
        "messages per second",
        "What one peer may send on average; over it: close code 1013.",
        |config, value| put(&mut config.limits.messages_per_second, or_off(value, count)),
        |config| show_or_off(config.limits.messages_per_second, |limit| limit.to_string()),
    ),
    Key::new(
        "limits.rooms_max",
        "rooms",
        "Rooms that exist at once; a handshake that would open one more is refused with 503.",
        |config, value| put(&mut config.limits.rooms_max, count(value)),
        |config| config.limits.rooms_max.to_string(),
    ),
    Key::new(
        "limits.rooms_per_connection_max",
        "rooms",
        "Rooms that one connection is in at once; the application cannot have it join one more.",
        |config, value| put(&mut config.limits.rooms_per_connection_max, count(value)),
        |config| config.limits.rooms_per_connection_max.to_string(),
    ),
    Key::new(
        "limits.connections_per_ip_max",
        "connections",
        "Connections from one client address; over it a handshake gets 429.",
        |config, value| put(&mut config.limits.connections_per_ip_max, or_off(value, count)),
        |config| show_or_off(config.limits.connections_per_ip_max, |limit| limit.to_string()),
    ),
    Key::new(
        "compression.mode",
        "off or shared",
        "Whether permessage-deflate is agreed to when a peer offers it; no connection keeps a context.",
        |config, value| put(&mut config.compression.mode, compression_mode(value)),
        |config| {
            show_text(match config.compression.mode {
                CompressionMode::Off => "off",
                CompressionMode::Shared => "shared",
            })
        },
    ),
    Key::new(
        "compression.bytes_min",
        "bytes",
        "Messages to peers with less payload go out as they are.",
        |config, value| put(&mut config.compression.bytes_min, bytes(value)),
        |config| show_bytes(config.compression.bytes_min),
    ),
    Key::new(
        "drain.delay",
        "duration",
        "Time between turning not ready and the first goodbye.",
        |config, value| put(&mut config.drain.delay, duration(value)),
        |config| show_duration(config.drain.delay),
    ),
    Key::new(
        "drain.window",
        "duration",
        "Time over which the goodbyes (close code 1012) are spread.",
        |config, value| put(&mut config.drain.window, duration(value)),
        |config| show_duration(config.drain.window),
    ),
    Key::new(
        "drain.timeout",
        "duration",
        "The whole shutdown; what is still open then is cut.",
        |config, value| put(&mut config.drain.timeout, duration(value)),
        |config| show_duration(config.drain.timeout),
    ),
    Key::new(
        "log.format",
        "text or json",
        "The form of a log line; its level is set by the variable RUST_LOG.",
        |config, value| put(&mut config.log.format, log_format(value)),
        |config| {
            show_text(match config.log.format {
                LogFormat::Text => "text",
                LogFormat::Json => "json",
            })
        },
    ),
];

fn put<T>(place: &mut T, read: Read<T>) -> Read<()> {
    *place = read?;
    Ok(())
}

fn ping_interval(read_timeout: Duration, value: &Value) -> Read<Option<Duration>> {
    let auto = Some(Heartbeat::ping_interval_for(read_timeout));
    or_auto(value, auto, |value| or_off(value, duration))
}
