//! The books of one backend before a fault and after it: descriptors, gauges, the kernel's sockets,
//! memory. What the fault was is each promise's own.

use std::time::Duration;

use super::kernel::{Sockets, sockets};
use super::watch::{Mark, Watch};
use crate::harness::{PATIENCE, Stage, until};

/// R11: so soon after a fault the gauges agree with the kernel.
const AGREEMENT: Duration = Duration::from_secs(1);

/// R4: so long after an attack its memory is given back.
const BREATH: Duration = Duration::from_secs(5);

/// The first backend's books, as they were when opened. Its peers come to it directly.
pub struct Ledger {
    descriptors: usize,
    resident: usize,
    connections: f64,
    rooms: f64,
}

/// What is compared with a ledger.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Books {
    gauge: f64,
    rooms: f64,
    queued: f64,
    sockets: Sockets,
    descriptors: usize,
}

impl Ledger {
    /// Opens it; whatever is opened once per process should be open.
    pub async fn open(stage: &mut Stage) -> Self {
        let books = books(stage).await;
        let mut descriptors = usize::MAX;
        // The fewest: a scrape's own connection may still be going.
        for _ in 0..20 {
            descriptors = descriptors.min(stage.node().process.descriptors());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let resident = stage.node().process.resident_bytes();
        Self { descriptors, resident, connections: books.gauge, rooms: books.rooms }
    }

    /// Waits until everything is as it was, and notes how long after `fault` the gauges agreed with
    /// the kernel, which they did at the latest when both had come back.
    ///
    /// # Panics
    /// When it never is.
    pub async fn balances(&self, stage: &mut Stage, fault: Mark, watch: &mut Watch) {
        self.balances_within("gauges and sockets", stage, fault, AGREEMENT, watch).await;
    }

    /// The same for a fault that ends only after its timeout. What the kernel still says goodbye
    /// with, to hosts that are gone, may take its time (`TCP_USER_TIMEOUT`).
    pub async fn balances_within(
        &self,
        what: &str,
        stage: &mut Stage,
        fault: Mark,
        goal: Duration,
        watch: &mut Watch,
    ) {
        self.agrees_within(what, stage, fault, goal, watch).await;
        self.nothing_waits(stage).await;
    }

    /// The same without what the kernel alone still has: to a host whose wire is gone it may try for
    /// longer than to one that only takes nothing.
    pub async fn agrees_within(
        &self,
        what: &str,
        stage: &mut Stage,
        fault: Mark,
        goal: Duration,
        watch: &mut Watch,
    ) {
        let good = |books: &Books| {
            books.gauge == self.connections
                && books.rooms == self.rooms
                && books.sockets.held as f64 == books.gauge
                && books.descriptors <= self.descriptors
        };
        until(what, PATIENCE * 2, async || books(stage).await, good).await;
        watch.goal(what, watch.since(fault), goal);
    }

    /// Waits until nothing is left to be sent, neither here nor in the kernel.
    ///
    /// # Panics
    /// When something stays.
    pub async fn nothing_waits(&self, stage: &mut Stage) {
        let waiting = async || {
            let books = books(stage).await;
            (books.queued, books.sockets.unsent)
        };
        until("empty queues", PATIENCE * 2, waiting, |waiting| *waiting == (0.0, 0)).await;
    }

    /// That memory is back where it was, or a tenth above.
    ///
    /// # Panics
    /// When it is not, and does not come there in R4's time and the test's patience.
    pub async fn memory_is_back(&self, stage: &mut Stage) {
        let most = self.resident + self.resident / 10;
        tokio::time::sleep(BREATH).await;
        let resident = stage.node().process.resident_bytes();
        eprintln!("memory: {} KiB, now {} KiB", self.resident >> 10, resident >> 10);
        assert!(resident <= most, "{} bytes have become {resident}", self.resident);
    }
}

async fn books(stage: &mut Stage) -> Books {
    let scrape = stage.node().scrape().await;
    // Of one moment, or nearly: what is read later can only be fewer after a fault.
    let sockets = sockets(stage.node().server.port());
    Books {
        gauge: scrape.sum("holdline_connections"),
        rooms: scrape.sum("holdline_rooms"),
        queued: scrape.sum("holdline_outbox_bytes"),
        sockets,
        descriptors: stage.node().process.descriptors(),
    }
}
