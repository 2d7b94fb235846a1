//! One direction of a relayed connection: bytes are carried as far and as fast as the wire allows.
//! When a connection ends, and how, is the connection's business.

use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Settings;
use super::connection::End;

/// What is read at once, at most.
const READ_BYTES: usize = 16 * 1024;

/// What the wire lets through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    /// Nothing.
    pub(super) stalled: bool,
    /// So many bytes per tick, at most.
    pub(super) pace: Option<(usize, Duration)>,
}

/// From one side to the other.
pub(super) struct Carrier<'a> {
    pub(super) from: &'a TcpStream,
    pub(super) to: &'a TcpStream,
    pub(super) settings: watch::Receiver<Settings>,
    /// What may still go before the cut.
    pub(super) left: Option<u64>,
    pub(super) count: &'a AtomicU64,
}

impl Carrier<'_> {
    /// Carries everything, the FIN included.
    ///
    /// # Errors
    /// How the whole connection must end, when one of its sides is torn or the cut is due.
    pub(super) async fn run(mut self) -> Result<(), End> {
        let mut held = vec![0; READ_BYTES];
        while self.left != Some(0) {
            let count = self.read(&mut held).await?;
            if count == 0 {
                // The other side may have gone meanwhile, and hears no FIN.
                let _ = SockRef::from(self.to).shutdown(Shutdown::Write);
                return Ok(());
            }
            let mut rest = &held[..count];
            while !rest.is_empty() && self.left != Some(0) {
                rest = &rest[self.write(rest).await?..];
            }
        }
        Err(End::Cut)
    }

    /// Reads once; nothing is the other side's FIN.
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, End> {
        loop {
            free(&mut self.settings, self.from.readable()).await?;
            // Borrowed while we read: whoever stalls waits for it, and nothing goes afterwards.
            let settings = self.settings.borrow();
            if !settings.flow.stalled
                && let Some(count) = done(self.from.try_read(into))?
            {
                return Ok(count);
            }
        }
    }

    /// Writes some of it, and waits for the next tick if there are ticks.
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, End> {
        let (count, tick) = loop {
            free(&mut self.settings, self.to.writable()).await?;
            let settings = self.settings.borrow();
            let pace = settings.flow.pace;
            let most = pace.map_or(bytes.len(), |(most, _)| most.min(bytes.len()));
            let most =
                self.left.map_or(most, |left| most.min(usize::try_from(left).unwrap_or(most)));
            if !settings.flow.stalled
                && let Some(count) = done(self.to.try_write(&bytes[..most]))?
            {
                self.count.fetch_add(count as u64, Ordering::SeqCst);
                break (count, pace.map(|(_, tick)| tick));
            }
        };
        self.left = self.left.map(|left| left - count as u64);
        if let Some(tick) = tick {
            // A wire that becomes fast again does not wait for the end of the tick.
            let fast = self.settings.wait_for(|settings| settings.flow.pace.is_none());
            let _ = tokio::time::timeout(tick, fast).await;
        }
        Ok(count)
    }
}

/// Waits until the stream is ready while nothing is stalled.
async fn free(
    settings: &mut watch::Receiver<Settings>,
    ready: impl Future<Output = io::Result<()>>,
) -> Result<(), End> {
    settings.wait_for(|settings| !settings.flow.stalled).await.map_err(|_| End::Reset)?;
    ready.await.map_err(|_| End::Reset)
}

/// Nothing when the stream was not ready after all.
fn done(result: io::Result<usize>) -> Result<Option<usize>, End> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(_) => Err(End::Reset),
    }
}
