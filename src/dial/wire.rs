//! The TCP stream under a dialled WebSocket: it notes how reading ended, which the layers above
//! (TLS, WebSocket) report in words of their own or not at all.
//! Leaves to `end.rs`: what the notes mean.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// What was seen of TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// The server's FIN was read.
    pub fin: bool,
    /// An RST was met, by a read or a write.
    pub reset: bool,
    /// The kernel gave up waiting for acknowledgements.
    pub timed_out: bool,
    /// When bytes last came; raw bytes, not whole frames.
    pub heard_at: Option<Instant>,
    /// When the kernel last took bytes of ours.
    pub wrote_at: Option<Instant>,
}

/// A TCP stream with notes.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    notes: Notes,
    /// What is written is dropped.
    mute: bool,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, notes: Notes::default(), mute: false }
    }

    pub(super) fn notes(&self) -> Notes {
        self.notes
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn mute(&mut self) {
        self.mute = true;
    }

    fn note(&mut self, error: &io::Error) {
        match error.kind() {
            // A write after the other side's RST has been read, or after a FIN that was answered
            // with an RST.
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => self.notes.reset = true,
            io::ErrorKind::TimedOut => self.notes.timed_out = true,
            _ => {}
        }
    }

    fn noted<T>(&mut self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &result {
            self.note(error);
        }
        result
    }

    fn written(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(1..)) = result {
            self.notes.wrote_at = Some(Instant::now());
        }
        self.noted(result)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        read: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (read.filled().len(), read.remaining());
        let result = Pin::new(&mut self.stream).poll_read(cx, read);
        if let Poll::Ready(Ok(())) = result {
            match read.filled().len() - before {
                // After an RST that a write has met, Linux reads as if a FIN had come.
                0 if room > 0 => self.notes.fin |= !self.notes.reset,
                _ => self.notes.heard_at = Some(Instant::now()),
            }
        }
        self.noted(result)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.mute {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.noted(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.noted(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.mute {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
