//! One reader of the messages that nobody asked for: a body of server-sent events.
//! Leaves to `kept.rs`: which messages there are.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream::unfold;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    gate::Seat,
    kept::{Kept, Place},
};

/// Whoever reads knows by this that the stream still stands, and so do proxies in between.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A comment, which readers skip (HTML standard, section 9.2.6).
const COMMENT: &[u8] = b":\n\n";

/// Sent first: when to come back after an interruption, in milliseconds. It also has the head of
/// the answer on its way before the first message comes.
const OPENING: &[u8] = b"retry: 1000\n\n";

/// A reader. It is given a batch when it has taken the one before, so that a slow one has
/// nothing piled up for it: it misses what is no longer kept, and is told how much.
pub(super) struct Reader {
    kept: Arc<Kept>,
    latest: watch::Receiver<u64>,
    draining: watch::Receiver<bool>,
    place: Place,
    server: Option<String>,
    batch: VecDeque<Bytes>,
    heartbeat: Instant,
    _seat: Seat,
}

impl Reader {
    /// One that begins at `place` and wants this server's messages, or all.
    pub(super) fn new(
        kept: Arc<Kept>,
        draining: watch::Receiver<bool>,
        place: Place,
        server: Option<String>,
        seat: Seat,
    ) -> Self {
        let (latest, heartbeat) = (kept.watch(), Instant::now() + HEARTBEAT);
        let batch = VecDeque::from([Bytes::from_static(OPENING)]);
        Self { kept, latest, draining, place, server, batch, heartbeat, _seat: seat }
    }

    /// The body of the answer; it ends when the bridge shuts down.
    pub(super) fn body(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        unfold(self, |mut reader| async {
            let event = reader.next().await?;
            Some((Ok(event), reader))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.batch.pop_front() {
                self.heartbeat = Instant::now() + HEARTBEAT;
                return Some(event);
            }
            // Before looking, so that what comes while looking is seen the next time.
            self.latest.mark_unchanged();
            (self.batch, self.place) = self.kept.next(self.place, self.server.as_deref());
            if !self.batch.is_empty() {
                continue;
            }
            tokio::select! {
                _ = self.draining.wait_for(|draining| *draining) => return None,
                _ = self.latest.changed() => {}
                () = sleep_until(self.heartbeat) => {
                    self.heartbeat = Instant::now() + HEARTBEAT;
                    return Some(Bytes::from_static(COMMENT));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::gate::Gate;

    fn reader(kept: &Arc<Kept>, gate: &Gate) -> Reader {
        let seat = gate.reader().unwrap();
        Reader::new(Arc::clone(kept), gate.draining(), kept.oldest(), None, seat)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_has_nothing_to_tell_still_says_every_15_seconds_that_it_stands() {
        let (kept, gate) = (Arc::new(Kept::new(9, 1 << 20)), Gate::new(9, 9, 9));
        let mut reader = reader(&kept, &gate);
        assert_eq!(reader.next().await.unwrap(), OPENING);
        for _ in 0..3 {
            let began = Instant::now();
            assert_eq!(reader.next().await.unwrap(), COMMENT);
            assert_eq!(began.elapsed().as_secs(), 15);
        }
        kept.push(&"ws://a/".into(), &"a".into());
        assert!(
            reader.next().await.unwrap().ends_with(b"{\"server\":\"ws://a/\",\"text\":\"a\"}\n\n")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn messages_for_others_do_not_hold_the_heartbeat_back() {
        let (kept, gate) = (Arc::new(Kept::new(9, 1 << 20)), Gate::new(9, 9, 9));
        let seat = gate.reader().unwrap();
        let server = Some("ws://b/".to_owned());
        let mut reader =
            Reader::new(Arc::clone(&kept), gate.draining(), kept.oldest(), server, seat);
        assert_eq!(reader.next().await.unwrap(), OPENING);
        let chatter = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                kept.push(&"ws://a/".into(), &"a".into());
            }
        });
        assert_eq!(reader.next().await.unwrap(), COMMENT);
        chatter.abort();
    }

    #[tokio::test]
    async fn a_drain_ends_the_stream_and_its_end_gives_the_seat_back() {
        let (kept, gate) = (Arc::new(Kept::new(9, 1 << 20)), Gate::new(9, 9, 1));
        let mut reader = reader(&kept, &gate);
        assert!(gate.reader().is_none(), "one reader is the most");
        assert_eq!(reader.next().await.unwrap(), OPENING);
        gate.drain();
        assert_eq!(reader.next().await, None);
        drop(reader);
        assert!(gate.reader().is_some());
    }
}
