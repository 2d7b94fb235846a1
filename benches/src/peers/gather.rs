//! A stream that writes when it is flushed, and not before it has to.
//! Leaves to `fastwebsockets.rs`: when that is.
//!
//! Like tokio's `BufWriter`, but what it gathers in takes no memory before there is something.

use std::{
    io::{IoSlice, Result},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

/// Gathered up to this many bytes; then it writes. Once written, no more than this is kept for later.
const GATHERED_BYTES_MAX: usize = 32 * 1024;

/// Gathers what is written to it until it is flushed.
#[derive(Debug)]
pub(crate) struct Gather<W> {
    stream: W,
    gathered: Vec<u8>,
    /// How many of these have left.
    written: usize,
}

impl<W: AsyncWrite + Unpin> Gather<W> {
    /// Gathers for this stream.
    pub(crate) fn new(stream: W) -> Self {
        Self { stream, gathered: Vec::new(), written: 0 }
    }

    fn poll_empty(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        while self.written < self.gathered.len() {
            let rest = &self.gathered[self.written..];
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        self.gathered.clear();
        self.gathered.shrink_to(GATHERED_BYTES_MAX);
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Gather<W> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let this = self.get_mut();
        let count: usize = pieces.iter().map(|piece| piece.len()).sum();
        if this.gathered.len() + count > GATHERED_BYTES_MAX {
            ready!(this.poll_empty(context))?;
        }
        // Too much to be worth a copy.
        if count > GATHERED_BYTES_MAX {
            return Pin::new(&mut this.stream).poll_write_vectored(context, pieces);
        }
        for piece in pieces {
            this.gathered.extend_from_slice(piece);
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_empty(context))?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_empty(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}
