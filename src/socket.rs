//! The accepted stream: its write deadline, its kill switch, its read pause, the deadline for
//! what is never upgraded, and how it ended.
//! Leaves to actix-http: every byte of HTTP; to `connection.rs`: when to kill or pause.
//!
//! Ending a task does not end its socket: actix keeps a stuck connection for as long as its
//! write buffer is stuck. So the stream itself carries the deadlines.

mod control;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_http::error::DispatchError;
use actix_rt::net::{ActixStream, Ready, TcpStream};
use actix_rt::time::{Sleep, sleep};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub use self::control::{SocketControl, SocketEnd};

/// What the kernel may hold for one peer that does not read, in bytes: asked of `SO_SNDBUF`,
/// which Linux doubles. The default would let a deaf peer hold about 4 MB.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// How long actix's own answer (408) to a slow first request may take before the stream is cut.
const ANSWER_GRACE: Duration = Duration::from_millis(500);

/// The kernel counts `TCP_USER_TIMEOUT` in milliseconds and refuses more than an `int` holds.
const USER_TIMEOUT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// The deadlines of an accepted stream.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// A write that makes no progress for this long ends the stream (`limits.write_timeout`).
    pub write_timeout: Duration,
    /// A request that was begun must be answered or upgraded within this time
    /// (`server.handshake_timeout`); holds for every request of a connection, not only the first.
    pub handshake_timeout: Duration,
}

/// An accepted TCP stream with deadlines, for actix-http's dispatcher.
pub struct Socket {
    io: TcpStream,
    control: SocketControl,
    limits: SocketLimits,
    /// Runs while a write makes no progress; `None` costs an idle connection nothing.
    write_deadline: Option<Pin<Box<Sleep>>>,
    /// Runs from a request's first byte, and anew from its answer: a body that the answer did
    /// not wait for must end too. Gone with the upgrade.
    request_deadline: Option<Pin<Box<Sleep>>>,
    /// Whether the last request was answered, so that the next byte begins another one.
    answered: bool,
}

/// A stream that was accepted, and where it comes from.
type Accepted = std::future::Ready<Result<(Socket, Option<SocketAddr>), DispatchError>>;

/// Sets what every accepted stream should have: no delay, a bounded send buffer (`SO_SNDBUF`), and
/// `TCP_USER_TIMEOUT` (tcp(7)): the kernel gives it up when nothing is acknowledged, or accepted,
/// for `write_timeout`.
///
/// # Errors
/// The kernel's, when the peer is gone already.
pub fn set_options(io: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    let socket = SockRef::from(io);
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(write_timeout.min(USER_TIMEOUT_MAX)))?;
    Ok(())
}

impl Socket {
    /// Takes an accepted stream and sets its [options](set_options).
    ///
    /// # Errors
    /// The kernel's, when the peer is gone already.
    pub fn accept(io: TcpStream, limits: SocketLimits) -> io::Result<Self> {
        set_options(&io, limits.write_timeout)?;
        let control = SocketControl::default();
        control.0.attached.set(true);
        Ok(Self {
            io,
            control,
            limits,
            write_deadline: None,
            request_deadline: None,
            answered: true,
        })
    }

    /// What a listener does with each stream that it accepts.
    pub(crate) fn acceptor(limits: SocketLimits) -> impl Fn(TcpStream) -> Accepted + Clone {
        move |io| {
            let address = io.peer_addr().ok();
            let socket = Self::accept(io, limits).map_err(|error| {
                log::debug!(peer:? = address, error:%; "an accepted stream could not be set up");
                DispatchError::Io(error)
            });
            std::future::ready(socket.map(|socket| (socket, address)))
        }
    }

    /// The handle by which a connection steers this stream.
    pub fn control(&self) -> SocketControl {
        self.control.clone()
    }

    /// Reset instead of FIN: a peer that does not read would keep a FIN waiting for ever.
    fn cut(&self, end: SocketEnd) -> io::Error {
        self.control.ended(end);
        let _ = self.io.set_zero_linger();
        let kind = match end {
            SocketEnd::Killed => io::ErrorKind::ConnectionAborted,
            _ => io::ErrorKind::TimedOut,
        };
        kind.into()
    }

    fn poll_request_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.control.0.upgraded.get() {
            self.request_deadline = None;
        }
        let Some(deadline) = &mut self.request_deadline else { return Poll::Pending };
        deadline.as_mut().poll(cx).map(|()| self.cut(SocketEnd::HandshakeTimeout))
    }

    fn restart_request_deadline(&mut self, cx: &mut Context<'_>) {
        self.request_deadline = None;
        if !self.control.0.upgraded.get() {
            let deadline = sleep(self.limits.handshake_timeout + ANSWER_GRACE);
            self.request_deadline = Some(Box::pin(deadline));
            // Polled once so that the timer knows whom to wake.
            let _ = self.poll_request_deadline(cx);
        }
    }

    fn failed(&self, error: &io::Error) {
        self.control.ended(match error.kind() {
            io::ErrorKind::TimedOut => SocketEnd::WriteTimeout,
            _ => SocketEnd::Reset,
        });
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.control.remember(cx.waker());
        if this.control.0.killed.get() {
            return Poll::Ready(Err(this.cut(SocketEnd::Killed)));
        }
        if let Poll::Ready(error) = this.poll_request_deadline(cx) {
            return Poll::Ready(Err(error));
        }
        if this.control.0.paused.get() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut this.io).poll_read(cx, buf);
        match &result {
            Poll::Ready(Ok(())) if buf.filled().len() == before => {
                this.control.ended(SocketEnd::Fin);
            }
            Poll::Ready(Ok(())) => {
                if std::mem::take(&mut this.answered) {
                    this.restart_request_deadline(cx);
                }
            }
            Poll::Ready(Err(error)) => this.failed(error),
            Poll::Pending => {}
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.control.remember(cx.waker());
        if this.control.0.killed.get() {
            return Poll::Ready(Err(this.cut(SocketEnd::Killed)));
        }
        match Pin::new(&mut this.io).poll_write(cx, bytes) {
            Poll::Ready(result) => {
                this.write_deadline = None;
                if !std::mem::replace(&mut this.answered, true) {
                    this.restart_request_deadline(cx);
                }
                if let Err(error) = &result {
                    this.failed(error);
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                let timeout = this.limits.write_timeout;
                let deadline = this.write_deadline.get_or_insert_with(|| Box::pin(sleep(timeout)));
                match deadline.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Err(this.cut(SocketEnd::WriteTimeout))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl ActixStream for Socket {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.io, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.io, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_on_an_accepted_stream_is_attached_and_one_on_nothing_is_not() {
        actix_rt::System::new().block_on(async {
            let listener = actix_rt::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let _peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let timeout = Duration::from_secs(1);
            let limits = SocketLimits { write_timeout: timeout, handshake_timeout: timeout };
            assert!(Socket::accept(stream, limits).unwrap().control().is_attached());
            assert!(!SocketControl::default().is_attached());
        });
    }
}
