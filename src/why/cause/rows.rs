//! What is to be said of each cause: the rows of `docs/ends.md`, as the command tells them.
//! Leaves to `verdict.rs`: which of them it was.

use super::Cause;

/// How much an end should worry whoever runs this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Concern {
    /// It happens on every good day.
    Expected,
    /// Somebody may have lost something, through no fault of this side.
    Notable,
    /// Something should be mended.
    Trouble,
}

use Cause::*;
use Concern::{Expected, Notable, Trouble};

/// One cause.
pub(super) struct Row {
    pub(super) cause: Cause,
    pub(super) name: &'static str,
    pub(super) who: &'static str,
    pub(super) concern: Concern,
    pub(super) why: &'static str,
    pub(super) advice: &'static str,
}

const fn row(
    cause: Cause,
    name: &'static str,
    who: &'static str,
    concern: Concern,
    why: &'static str,
    advice: &'static str,
) -> Row {
    Row { cause, name, who, concern, why, advice }
}

/// In the order of [`Cause`] and of the documentation; the first fifteen are the labels.
pub(super) const ROWS: &[Row] = &[
    row(
        PeerClosed,
        "peer_closed",
        "the client",
        Expected,
        "it said goodbye with a close frame",
        "nothing, when the code is 1000, 1001 or 1005; another code is the client's own complaint, to be \
         looked up in its code",
    ),
    row(
        PeerGone,
        "peer_gone",
        "the client or something on the way",
        Notable,
        "TCP ended without a close frame",
        "ask again with the gateway's access and error log, which tell a client that left from a cut",
    ),
    row(
        NoPong,
        "no_pong",
        "Holdline",
        Notable,
        "nothing whole came from the client for ping_interval + pong_timeout, so it was taken for dead",
        "nothing, for single phones and laptops that lose their network; when many end so at once, \
         look at the network between gateway and clients, and at pongs the client's library does not send",
    ),
    row(
        WriteTimeout,
        "write_timeout",
        "Holdline",
        Notable,
        "what was sent waited longer than limits.write_timeout: the client took nothing, or a trickle",
        "have the client read faster or send it less; limits.write_timeout is the patience",
    ),
    row(
        Slow,
        "slow",
        "Holdline",
        Notable,
        "more was waiting for the client than its outbox may hold",
        "have the client read faster or send it less; limits.outbox_bytes_max and outbox_frames_max are \
         the room it has",
    ),
    row(
        TooBig,
        "too_big",
        "Holdline",
        Trouble,
        "the client announced a message over limits.message_bytes_max, or sent one in too many pieces",
        "send smaller messages, or raise limits.message_bytes_max",
    ),
    row(
        BadData,
        "bad_data",
        "Holdline",
        Trouble,
        "the client sent text that is not UTF-8",
        "mend the client: bytes that are no text belong in a binary message",
    ),
    row(
        ProtocolError,
        "protocol_error",
        "Holdline",
        Trouble,
        "the client sent a frame that RFC 6455 forbids",
        "mend the client or its library; were it several at once, something on the way damages the stream",
    ),
    row(
        RateLimited,
        "rate_limited",
        "Holdline",
        Notable,
        "the client sent more than limits.messages_per_second",
        "have the client send less, or raise limits.messages_per_second",
    ),
    row(
        MessageTimeout,
        "message_timeout",
        "Holdline",
        Notable,
        "the client began a message and did not finish it within limits.message_timeout",
        "have the client send its fragments without pause; limits.message_timeout is the patience",
    ),
    row(
        InternalError,
        "internal_error",
        "Holdline",
        Trouble,
        "a defect: a panic of the callback or of Holdline itself",
        "read the lines around the end in Holdline's log, which have the details, and report them",
    ),
    row(
        Kicked,
        "kicked",
        "the operator or the application",
        Expected,
        "it was ended through the control API or the library",
        "nothing here; who asked for it chose the code",
    ),
    row(
        CallbackClosed,
        "callback_closed",
        "the application",
        Expected,
        "its answer to a message was to close",
        "nothing here; the application chose the code",
    ),
    row(
        CallbackFailed,
        "callback_failed",
        "Holdline",
        Trouble,
        "the application failed each of its messages for callback.patience",
        "look at the application's own log, and at \"the application fails\" in Holdline's",
    ),
    row(
        Drain,
        "drain",
        "Holdline",
        Expected,
        "the backend was shutting down and said so",
        "nothing: the client should reconnect at once, and be let in by another backend or the restarted one",
    ),
    row(
        ClientHungUp,
        "client_hung_up",
        "the client",
        Expected,
        "it ended TCP without a close frame, as a closed tab, a killed program or a lost network does",
        "nothing, unless the client means to say goodbye: then it should send a close frame",
    ),
    row(
        GatewayReadTimeout,
        "gateway_read_timeout",
        "the gateway",
        Trouble,
        "nothing passed in either direction for its proxy_read_timeout",
        "have something pass in time: heartbeat.ping_interval at most half of proxy_read_timeout, and \
         gateway.read_timeout equal to it",
    ),
    row(
        GatewaySendTimeout,
        "gateway_send_timeout",
        "the gateway",
        Notable,
        "the client took no byte for its send_timeout",
        "have the client read, or send it less; the gateway's send_timeout is the patience",
    ),
    row(
        GatewayReload,
        "gateway_reload",
        "the gateway",
        Trouble,
        "an old worker was over its worker_shutdown_timeout after a reload or a quit",
        "set worker_shutdown_timeout to as long as a connection may live, and drain the backends before \
         a gateway is stopped",
    ),
    row(
        GatewayStopped,
        "gateway_stopped",
        "the gateway",
        Trouble,
        "it was told to stop at once",
        "drain the backends first (POST /drain), which says goodbye, then stop the gateway with quit",
    ),
    row(
        GatewayKilled,
        "gateway_killed",
        "the gateway",
        Trouble,
        "its worker process died",
        "find who killed it: the kernel for want of memory, or a crash; its error log has the signal",
    ),
    row(
        BackendClosed,
        "backend_closed",
        "the backend",
        Trouble,
        "it ended TCP without a close frame, as a killed process does",
        "look for the end of the backend's process; a stop by SIGTERM says goodbye, SIGKILL does not",
    ),
    row(
        BackendReset,
        "backend_reset",
        "the backend",
        Trouble,
        "it tore TCP, as a killed process with unread data does",
        "look for the end of the backend's process; a stop by SIGTERM says goodbye, SIGKILL does not",
    ),
    row(
        RefusedByBackend,
        "refused_by_backend",
        "Holdline",
        Notable,
        "it refused the handshake",
        "read the status and the answer's words; holdline_handshakes_rejected_total{reason} counts why",
    ),
    row(
        RefusedByGateway,
        "refused_by_gateway",
        "the gateway",
        Notable,
        "it has no such route, or found the request malformed or too large",
        "mend the address or the request of the client; the gateway's error log says what it minded",
    ),
    row(
        RefusedByLimit,
        "refused_by_limit",
        "the gateway",
        Notable,
        "one of its limits was reached: limit_req or limit_conn",
        "find out why so many come from one address, or at once; holdline.d/limits.conf has the numbers",
    ),
    row(
        NoBackend,
        "no_backend",
        "the gateway",
        Trouble,
        "no backend could be reached, or it hung up before it answered",
        "start a backend, and look why the last one ended; HOLDLINE_BACKENDS says where it is looked for",
    ),
    row(
        BackendSilent,
        "backend_silent",
        "the gateway",
        Trouble,
        "the backend took the handshake and did not answer it in time",
        "look at the backend: it hangs, or its application takes longer to decide than proxy_read_timeout",
    ),
    row(
        ClientGaveUp,
        "client_gave_up",
        "the client",
        Notable,
        "it left before its handshake was answered",
        "look at upstream and life: a slow backend or application tires clients out",
    ),
    row(
        StillOpen,
        "still_open",
        "nobody",
        Expected,
        "there is an open line and no end: it lives, or the log ends before it does",
        "look again later, or at a newer log",
    ),
    row(
        NotAWebsocket,
        "not_a_websocket",
        "nobody",
        Expected,
        "it was a plain request, and was answered",
        "nothing",
    ),
    row(
        Unknown,
        "unknown",
        "nobody",
        Trouble,
        "the logs do not tell",
        "give more of the three logs, of the same minutes, with the gateway's error log at info",
    ),
];
