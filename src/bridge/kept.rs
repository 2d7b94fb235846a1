//! The messages that nobody asked for, kept for readers: the latest ones, bounded in number and
//! bytes, each encoded once as a server-sent event.
//! Leaves to `feed.rs`: who reads, and how fast.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::json;
use tokio::sync::watch;

use crate::message::Message;

/// What a reader takes at once; it may stop reading in the middle of it.
const BATCH_BYTES: usize = 64 * 1024;

/// The messages of all links, numbered through.
#[derive(Debug)]
pub(super) struct Kept {
    /// Tells this process's numbers from those of an earlier one.
    epoch: String,
    max: usize,
    bytes_max: usize,
    ring: Mutex<Ring>,
    latest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The latest number; the first message gets 1.
    latest: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    server: Arc<str>,
    event: Bytes,
}

/// Where a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It has seen everything up to this number.
    After(u64),
    /// It has seen messages of an earlier process.
    Elsewhere,
}

impl Kept {
    pub(super) fn new(max: usize, bytes_max: usize) -> Self {
        let epoch = format!("{:08x}", fastrand::u32(..));
        Self { epoch, max, bytes_max, ring: Mutex::default(), latest: watch::Sender::new(0) }
    }

    /// Keeps a message, and lets go of the oldest where there is no room.
    pub(super) fn push(&self, server: &Arc<str>, message: &Message) {
        let mut ring = self.lock();
        ring.latest += 1;
        let number = ring.latest;
        let event = self.encode(number, server, message);
        ring.bytes += event.len();
        ring.entries.push_back(Entry { number, server: Arc::clone(server), event });
        // The latest stays whatever its size: its readers wait for it.
        while ring.entries.len() > 1
            && (ring.entries.len() > self.max || ring.bytes > self.bytes_max)
        {
            let oldest = ring.entries.pop_front();
            ring.bytes -= oldest.map_or(0, |oldest| oldest.event.len());
        }
        self.latest.send_replace(number);
    }

    /// So many messages came and could not be kept.
    pub(super) fn missed(&self, count: u64) {
        let mut ring = self.lock();
        ring.latest += count;
        self.latest.send_replace(ring.latest);
    }

    /// Told of each new number.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// The place that an event's id names: `EPOCH-NUMBER`.
    pub(super) fn place(&self, id: &str) -> Option<Place> {
        let (epoch, number) = id.split_once('-')?;
        let number = number.parse().ok()?;
        let ours = epoch == self.epoch && number <= self.lock().latest;
        Some(if ours { Place::After(number) } else { Place::Elsewhere })
    }

    /// What comes next for a reader at `place` that wants this server's messages, or all; and
    /// its place afterwards. What it missed is told in between.
    pub(super) fn next(&self, place: Place, server: Option<&str>) -> (VecDeque<Bytes>, Place) {
        let ring = self.lock();
        let (mut events, mut bytes) = (VecDeque::new(), 0);
        let mut seen = match place {
            Place::After(number) => number,
            Place::Elsewhere => {
                let before = ring.entries.front().map_or(ring.latest, |oldest| oldest.number - 1);
                events.push_back(self.lost(before, None));
                before
            }
        };
        let from = ring.entries.partition_point(|entry| entry.number <= seen);
        for entry in ring.entries.range(from..) {
            if bytes >= BATCH_BYTES {
                return (events, Place::After(seen));
            }
            let missed = entry.number - seen - 1;
            if missed > 0 {
                events.push_back(self.lost(entry.number - 1, Some(missed)));
            }
            seen = entry.number;
            if server.is_none_or(|server| server == &*entry.server) {
                bytes += entry.event.len();
                events.push_back(entry.event.clone());
            }
        }
        if ring.latest > seen {
            events.push_back(self.lost(ring.latest, Some(ring.latest - seen)));
        }
        (events, Place::After(ring.latest))
    }

    /// The place before the oldest message that is kept.
    pub(super) fn oldest(&self) -> Place {
        let ring = self.lock();
        Place::After(ring.entries.front().map_or(ring.latest, |oldest| oldest.number - 1))
    }

    /// JSON has no line breaks of its own, so that one `data` line holds it.
    fn encode(&self, number: u64, server: &str, message: &Message) -> Bytes {
        let (kind, data) = match message {
            Message::Text(text) => ("text", json!({"server": server, "text": &**text})),
            Message::Binary(bytes) => {
                ("binary", json!({"server": server, "binary": STANDARD.encode(bytes)}))
            }
        };
        Bytes::from(format!("id: {}-{number}\nevent: {kind}\ndata: {data}\n\n", self.epoch))
    }

    fn lost(&self, number: u64, missed: Option<u64>) -> Bytes {
        let data = json!({ "missed": missed });
        Bytes::from(format!("id: {}-{number}\nevent: lost\ndata: {data}\n\n", self.epoch))
    }

    /// Nothing panics while it holds the lock, so that a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(max: usize, bytes_max: usize, texts: &[&str]) -> Kept {
        let kept = Kept::new(max, bytes_max);
        for text in texts {
            kept.push(&"ws://a/".into(), &Message::from(*text));
        }
        kept
    }

    /// The events after a place, in short: a text, or `-n` for n that were missed.
    fn read(kept: &Kept, place: Place, server: Option<&str>) -> Vec<String> {
        let short = |event: Bytes| {
            let event = String::from_utf8(event.to_vec()).unwrap();
            let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            match data.get("missed") {
                Some(missed) => format!("-{missed}"),
                None => data["text"].as_str().unwrap().to_owned(),
            }
        };
        kept.next(place, server).0.into_iter().map(short).collect()
    }

    #[test]
    fn a_reader_gets_what_is_kept_and_is_told_what_is_not() {
        let kept = kept(3, 1 << 20, &["a", "b", "c", "d", "e"]);
        assert_eq!(read(&kept, kept.oldest(), None), ["c", "d", "e"]);
        assert_eq!(read(&kept, Place::After(0), None), ["-2", "c", "d", "e"]);
        assert_eq!(read(&kept, Place::After(4), None), ["e"]);
        assert!(read(&kept, Place::After(5), None).is_empty());
    }

    #[test]
    fn bytes_are_bounded_too_but_the_latest_message_stays() {
        let long = "x".repeat(10_000);
        let kept = kept(100, 1_000, &["a", "b", &long]);
        assert_eq!(read(&kept, Place::After(0), None), ["-2", &long]);
        kept.push(&"ws://a/".into(), &"c".into());
        assert_eq!(read(&kept, kept.oldest(), None), ["c"]);
    }

    #[test]
    fn what_never_came_this_far_is_told_in_its_place() {
        let kept = kept(9, 1 << 20, &["a"]);
        kept.missed(7);
        assert_eq!(read(&kept, Place::After(1), None), ["-7"]);
        kept.push(&"ws://a/".into(), &"b".into());
        assert_eq!(read(&kept, Place::After(0), None), ["a", "-7", "b"]);
        assert!(read(&kept, Place::After(9), None).is_empty());
    }

    #[test]
    fn a_reader_of_one_server_gets_its_messages_only() {
        let kept = kept(9, 1 << 20, &["a", "b"]);
        kept.push(&"ws://b/".into(), &"c".into());
        assert_eq!(read(&kept, kept.oldest(), Some("ws://b/")), ["c"]);
        assert_eq!(kept.next(kept.oldest(), Some("ws://x/")), (VecDeque::new(), Place::After(3)));
    }

    #[test]
    fn an_id_of_an_earlier_process_is_no_place_in_this_one() {
        let kept = kept(2, 1 << 20, &["a", "b", "c"]);
        assert_eq!(kept.place(&format!("{}-2", kept.epoch)), Some(Place::After(2)));
        assert_eq!(kept.place(&format!("{}-4", kept.epoch)), Some(Place::Elsewhere));
        assert_eq!(kept.place("0-2"), Some(Place::Elsewhere));
        assert_eq!((kept.place("2"), kept.place("x-y")), (None, None));
        assert_eq!(read(&kept, Place::Elsewhere, None), ["-null", "b", "c"]);
    }

    #[test]
    fn a_batch_ends_in_time_and_the_next_goes_on_where_it_ended() {
        let long = "x".repeat(BATCH_BYTES / 2);
        let kept = kept(9, 1 << 20, &[&long, &long, "a"]);
        let (events, place) = kept.next(kept.oldest(), None);
        assert_eq!((events.len(), place), (2, Place::After(2)));
        assert_eq!(read(&kept, place, None), ["a"]);
    }
}
