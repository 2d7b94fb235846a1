//! The peers who must not notice: some in a room, on a thread of their own, so that what the test
//! does meanwhile does not slow them down. How quick they must be is for the promises to say.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::watch::{own_wait, waited};
use crate::harness::peer::Dial;
use crate::harness::process::Process;
use crate::harness::{Event, PATIENCE, Peer, until};

/// How many sit in the room beside the one who speaks.
const LISTENERS: usize = 5;

/// A neighbourhood: one says something, all hear it, again and again.
pub struct Neighbours {
    stop: Arc<AtomicBool>,
    rounds: Arc<Mutex<Vec<Duration>>>,
    /// Whose process their backend is, 0 where that does not matter.
    backend: Arc<AtomicU32>,
    thread: JoinHandle<()>,
}

impl Neighbours {
    /// How many connections they are.
    pub const COUNT: usize = LISTENERS + 1;

    /// Come in, into this room, speak with these pauses, and have spoken once when this returns.
    ///
    /// # Panics
    /// When they cannot; later, when one of them loses a message or its connection.
    pub async fn in_room(address: SocketAddr, target: &str, bytes: usize, pause: Duration) -> Self {
        let (stop, rounds) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<_>>>::default());
        let backend = Arc::<AtomicU32>::default();
        let (stopped, counted, process) = (stop.clone(), rounds.clone(), backend.clone());
        let target = target.to_owned();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let talk = talk(address, target, bytes, pause, stopped, counted, process);
            runtime.expect("a runtime").block_on(talk)
        });
        let neighbours = Self { stop, rounds, backend, thread };
        neighbours.speak_again().await;
        neighbours
    }

    /// From now on their rounds are timed without what this backend waited for a core.
    pub fn on(&self, process: &Process) {
        self.backend.store(process.id(), Relaxed);
    }

    /// Waits until all have heard something that was said after now.
    ///
    /// # Panics
    /// When they do not.
    pub async fn speak_again(&self) {
        // The one under way does not count, for it may have been heard before.
        self.speak(2).await;
    }

    /// Waits until so many things have been said and heard by all, and tells how long each took.
    ///
    /// # Panics
    /// When they are not.
    pub async fn speak(&self, rounds: usize) -> Rounds {
        let count = || self.rounds.lock().expect("nobody panics in between").len();
        let before = count();
        let heard = async || (count(), self.thread.is_finished());
        let said = |(now, over): &(usize, bool)| *now >= before + rounds || *over;
        let (_, over) = until("the neighbours", PATIENCE * 3, heard, said).await;
        assert!(!over, "the neighbours have noticed");
        let mut took = self.rounds.lock().expect("nobody panics in between")[before..].to_vec();
        took.sort_unstable();
        Rounds(took)
    }

    /// Has them leave.
    ///
    /// # Panics
    /// When one of them has noticed something: a message lost, late beyond patience, an end.
    pub fn leave(self) {
        self.stop.store(true, Relaxed);
        self.thread.join().expect("the neighbours noticed nothing");
    }
}

/// How long each round took, until the last had heard it; shortest first.
pub struct Rounds(Vec<Duration>);

impl Rounds {
    /// What all but one in a hundred were quicker than.
    pub fn p99(&self) -> Duration {
        self.0[(self.0.len() * 99).div_ceil(100) - 1]
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

async fn talk(
    address: SocketAddr,
    target: String,
    bytes: usize,
    pause: Duration,
    stop: Arc<AtomicBool>,
    rounds: Arc<Mutex<Vec<Duration>>>,
    backend: Arc<AtomicU32>,
) {
    let mut all: Vec<Peer> = Vec::new();
    for _ in 0..=LISTENERS {
        all.push(Dial::new(address, &target).from("127.0.0.77").open().await);
    }
    let mut number = 0;
    while !stop.load(Relaxed) {
        let text = format!("{number:>bytes$}");
        let process = backend.load(Relaxed);
        let waiting = || waited(process) + own_wait();
        let (before, said) = (waiting(), Instant::now());
        all[0].text(&text).await;
        for peer in &mut all {
            // Others may speak there too; what we say is spaces and a number.
            while peer.message().await != Event::Text(text.clone()) {}
        }
        let took = said.elapsed();
        // What this thread or the backend waited for a core meanwhile is the machine's.
        let took = took.saturating_sub(waiting().saturating_sub(before));
        rounds.lock().expect("nobody panics in between").push(took);
        number += 1;
        tokio::time::sleep(pause).await;
    }
    for peer in &mut all {
        peer.close(1000, "").await;
        assert_eq!(peer.ended().await.code, 1000);
    }
}
