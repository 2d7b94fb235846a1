//! The two halves of what a peer is connected by: TCP, or TLS upon it.
//! What is read and written there is the reader's and the peer's business.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::client::TlsStream;

/// A stream that a handshake has been made on.
pub enum Wire {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS on TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// What is heard, and what is said.
    pub(super) fn into_split(self) -> (Near, Far) {
        match self {
            Self::Plain(stream) => {
                let (read, write) = stream.into_split();
                (Near::Plain(read), Far::Plain(write))
            }
            Self::Tls(stream) => {
                let (read, write) = tokio::io::split(*stream);
                (Near::Tls(read), Far::Tls(write))
            }
        }
    }
}

/// What is heard.
pub enum Near {
    /// From TCP.
    Plain(OwnedReadHalf),
    /// Out of TLS.
    Tls(ReadHalf<TlsStream<TcpStream>>),
}

/// What is said.
pub enum Far {
    /// To TCP.
    Plain(OwnedWriteHalf),
    /// Into TLS.
    Tls(WriteHalf<TlsStream<TcpStream>>),
}

impl AsyncRead for Near {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        read: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_read(context, read),
            Self::Tls(half) => Pin::new(half).poll_read(context, read),
        }
    }
}

impl AsyncWrite for Far {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_write(context, bytes),
            Self::Tls(half) => Pin::new(half).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_flush(context),
            Self::Tls(half) => Pin::new(half).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_shutdown(context),
            Self::Tls(half) => Pin::new(half).poll_shutdown(context),
        }
    }
}
