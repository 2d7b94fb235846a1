//! One task per link: opens connections, has each live its `exchange`, and decides what follows.
//! Leaves to `retry.rs`: when to try again; to `exchange.rs`: everything while it is open.

use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::sleep_until,
};

use super::{
    Failure, Loss, Next, Options, Retry, State, Status,
    board::Board,
    exchange::{Exchange, Over},
    order::{Command, Kind, Wish},
    queue::Queue,
    unasked::Unasked,
};
use crate::dial::{Line, Opened, Refusal};

/// Nobody waits longer than this for a timer that has no deadline; it then looks around for
/// nothing.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// What the supervisor is at.
enum Phase {
    Connect,
    Open(Box<(Line, Opened)>),
    Wait(Instant),
    /// Until told otherwise: because the server does not want us, or by a wish.
    Down(Option<Loss>),
    Over,
}

/// The link's task.
pub(super) struct Supervisor {
    options: Options,
    commands: mpsc::Receiver<Command>,
    board: Board,
    queue: Queue,
    retry: Retry,
    unasked: Unasked,
    /// Held for its end, which tells the watchers.
    _changes: broadcast::Sender<Status>,
    /// Whoever waits for the link's end, told when all of it is done.
    dismissed: Vec<oneshot::Sender<()>>,
}

impl Supervisor {
    pub(super) fn new(
        options: Options,
        commands: mpsc::Receiver<Command>,
        board: Board,
        changes: broadcast::Sender<Status>,
        unasked: Unasked,
    ) -> Self {
        let queue = Queue::new(options.queue_max, options.queue_bytes_max, board.clone());
        let retry = Retry::new(options.patience, Rng::new());
        Self {
            options,
            commands,
            board,
            queue,
            retry,
            unasked,
            _changes: changes,
            dismissed: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut phase = Phase::Connect;
        loop {
            phase = match phase {
                Phase::Connect => self.connect().await,
                Phase::Open(open) => self.open(*open).await,
                Phase::Wait(until) => self.wait(until).await,
                Phase::Down(loss) => self.down(loss).await,
                Phase::Over => break,
            };
        }
        self.commands.close();
        while let Some(command) = self.commands.recv().await {
            self.dismiss(command);
        }
    }

    /// Told by being dropped, except for orders, which must know that nothing was sent.
    fn dismiss(&self, command: Command) {
        if let Command::Order(order) = command {
            self.board.failed(order.wanted, Failure::Shutdown(false));
        }
    }

    /// Tries to open a connection, once.
    async fn connect(&mut self) -> Phase {
        self.board.connecting();
        let dial = self.options.dial.clone();
        let opening = dial.open();
        tokio::pin!(opening);
        loop {
            let deadline = deadline(self.queue.deadline());
            tokio::select! {
                opened = &mut opening => return match opened {
                    Ok(opened) => Phase::Open(Box::new(opened)),
                    Err(refusal) => self.refused(refusal),
                },
                command = self.commands.recv() => match self.take(command) {
                    None => {}
                    // That is what we are doing; should it fail, the waits begin anew.
                    Some(Wish { kind: Kind::Reconnect, .. }) => self.retry.reset(),
                    Some(wish) => return self.fulfil(wish),
                },
                () = sleep_until(deadline.into()) => self.expire(),
            }
        }
    }

    fn refused(&mut self, refusal: Refusal) -> Phase {
        let next = self.retry.after_refusal(&refusal);
        log::warn!(server = self.name(), reason = refusal.label(); "link refused: {refusal}");
        self.lost(Loss::Refused(refusal), next)
    }

    /// Lives one connection.
    async fn open(&mut self, (line, opened): (Line, Opened)) -> Phase {
        let began = Instant::now();
        log::info!(server = self.name(), address:% = opened.address; "link open");
        self.board.opened(&opened);
        let exchange = Exchange::new(&self.options, line, &self.board, &self.unasked);
        let (over, wish) = exchange.run(&mut self.queue, &mut self.commands).await;
        let lived = began.elapsed();
        let (loss, next) = match over {
            Over::Ended(end) => {
                let next = self.retry.after_end(&end, lived);
                (Loss::Ended(end), next)
            }
            Over::OutOfStep(limit) => {
                let end = crate::dial::End::ClosedByUs(1000);
                (Loss::OutOfStep(limit), self.retry.after_end(&end, lived))
            }
        };
        let age = lived.as_secs_f64();
        log::info!(server = self.name(), reason = loss.label(), age; "link down: {loss}");
        match wish {
            None => self.lost(loss, next),
            Some(wish) => {
                self.board.lost(&loss);
                self.fulfil(wish)
            }
        }
    }

    fn lost(&mut self, loss: Loss, next: Next) -> Phase {
        self.board.lost(&loss);
        match next {
            Next::AtOnce => Phase::Connect,
            Next::Wait(wait) => {
                self.board.set(State::Reconnecting(SystemTime::now() + wait));
                Phase::Wait(Instant::now() + wait)
            }
            Next::Never => {
                log::error!(server = self.name(); "link closed until told otherwise: {loss}");
                self.queue.fail_all(&Failure::Down(Some(loss.clone())));
                self.board.set(State::Closed);
                Phase::Down(Some(loss))
            }
        }
    }

    /// Waits for the next try.
    async fn wait(&mut self, until: Instant) -> Phase {
        loop {
            let deadline = deadline(self.queue.deadline()).min(until);
            tokio::select! {
                command = self.commands.recv() => {
                    if let Some(wish) = self.take(command) {
                        return self.fulfil(wish);
                    }
                }
                () = sleep_until(deadline.into()) => {
                    if Instant::now() >= until {
                        return Phase::Connect;
                    }
                    self.expire();
                }
            }
        }
    }

    /// Waits to be told otherwise.
    async fn down(&mut self, loss: Option<Loss>) -> Phase {
        loop {
            match Wish::of(self.commands.recv().await) {
                Err(order) => self.board.failed(order.wanted, Failure::Down(loss.clone())),
                // It is; the answer is the channel's end.
                Ok(Wish { kind: Kind::Disconnect, .. }) => {}
                Ok(wish) => return self.fulfil(wish),
            }
        }
    }

    /// Queues an order; hands a wish back.
    fn take(&mut self, command: Option<Command>) -> Option<Wish> {
        match Wish::of(command) {
            Ok(wish) => Some(wish),
            Err(order) => {
                self.queue.push(order);
                None
            }
        }
    }

    /// Does what was wished, now that no connection is open; whoever wished is told by the end
    /// of their channel.
    fn fulfil(&mut self, wish: Wish) -> Phase {
        match wish.kind {
            Kind::Reconnect => {
                self.retry.reset();
                Phase::Connect
            }
            Kind::Disconnect => {
                self.queue.fail_all(&Failure::Down(None));
                self.board.set(State::Closed);
                Phase::Down(None)
            }
            Kind::Shutdown => {
                self.board.set(State::Closed);
                self.dismissed = wish.told;
                Phase::Over
            }
        }
    }

    fn expire(&mut self) {
        let loss = self.board.last_loss();
        self.queue.expire(Instant::now(), loss.as_ref());
    }

    /// The server, for the log.
    fn name(&self) -> String {
        self.options.dial.url().without_query()
    }
}

/// The link is over: by a wish, or because the runtime is.
impl Drop for Supervisor {
    fn drop(&mut self) {
        self.commands.close();
        self.queue.fail_all(&Failure::Shutdown(false));
        while let Ok(command) = self.commands.try_recv() {
            self.dismiss(command);
        }
        if self.board.status().state != State::Closed {
            self.board.set(State::Closed);
        }
        self.board.over();
        self.unasked.over();
    }
}

fn deadline(deadline: Option<Instant>) -> Instant {
    deadline.unwrap_or_else(|| Instant::now() + IDLE)
}
