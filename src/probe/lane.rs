//! One connection of a probe: opens it, keeps its habit, reports what happens to it.
//! Leaves to `plan.rs` which connections there are; to `findings.rs` what their ends mean.

use std::time::{Duration, Instant};

use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};

use super::record::{Fate, Habit, Sight};
use crate::dial::{Dial, End, Event, Line, Opened, Refusal};

/// A ping that is not answered within this time is lost: far above any round trip, and what a person
/// would wait.
pub(super) const PONG_TIMEOUT: Duration = Duration::from_secs(5);
/// A greeting of the server comes within this time of the handshake, and is no disturbance.
const GREETING: Duration = Duration::from_secs(2);
/// How long the server may take to answer our close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What a lane tells the probe, with its number.
#[derive(Debug)]
pub(super) enum News {
    /// It is open.
    Opened(Box<Opened>, Instant),
    /// It cannot be opened.
    Refused(Box<Refusal>),
    /// Something happened.
    Saw(Sight),
}

/// Where a lane reports to, and where it hears that it is enough.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) news: mpsc::Sender<(usize, News)>,
    pub(super) enough: watch::Receiver<bool>,
}

/// Opens a connection and keeps it until its end.
pub(super) async fn run(number: usize, dial: Dial, habit: Habit, desk: Desk) {
    let mut enough = desk.enough.clone();
    let opened = tokio::select! {
        opened = dial.open() => opened,
        () = is_enough(&mut enough) => return,
    };
    let now = Instant::now();
    let news = match opened {
        Ok((line, opened)) => {
            if desk.news.send((number, News::Opened(Box::new(opened), now))).await.is_ok() {
                Lane::new(number, line, habit, desk, now).live().await;
            }
            return;
        }
        Err(refusal) => News::Refused(Box::new(refusal)),
    };
    // Nobody listens any more: then nobody needs to know.
    let _ = desk.news.send((number, news)).await;
}

struct Lane {
    number: usize,
    line: Line,
    habit: Habit,
    desk: Desk,
    opened: Instant,
    /// When a frame last passed, either way.
    stirred: Instant,
    /// When this lane is to do something by itself.
    due: Option<Instant>,
    /// When its unanswered ping went out, and after which silence.
    asked: Option<(Instant, Duration)>,
}

/// How a lane's life is over: for the record, and for the line.
enum Over {
    Ended(End),
    Ours(Fate),
}

impl Lane {
    fn new(number: usize, mut line: Line, habit: Habit, desk: Desk, now: Instant) -> Self {
        if habit == Habit::Silent {
            line.mute();
        }
        let mut lane =
            Self { number, line, habit, desk, opened: now, stirred: now, due: None, asked: None };
        lane.due = lane.next_due();
        lane
    }

    async fn live(mut self) {
        let over = self.until_over().await;
        let now = Instant::now();
        let (fate, goodbye) = match over {
            Over::Ended(end) => (Fate::Ended(end), false),
            Over::Ours(fate) => (fate, true),
        };
        let spoke = self.asked.is_some() || fate == Fate::Answered;
        let silence = match self.asked {
            // A sounding's silence ended when it spoke.
            Some((_, silence)) if matches!(self.habit, Habit::Sounding(_)) => silence,
            _ => now - self.stirred,
        };
        self.tell(Sight::Over { fate, age: now - self.opened, silence, spoke }).await;
        if self.habit == Habit::Silent {
            return;
        }
        if goodbye {
            self.line.close(1000, "");
        }
        if self.line.closed().is_some() {
            self.line.finish(CLOSE_TIMEOUT).await;
        }
    }

    async fn until_over(&mut self) -> Over {
        loop {
            let timer = sleep_until(self.due.unwrap_or(self.opened).into());
            tokio::select! {
                // What has come counts before what is due, however late we are to look at it.
                biased;
                event = self.line.event() => match event {
                    // It is over now, and not when TCP ends: a server may wait for the answer, which
                    // who is silent does not give.
                    Ok(Event::Close) => {
                        let end = self.line.closed().cloned();
                        return Over::Ended(end.unwrap_or(End::Fin));
                    }
                    Ok(event) => if let Some(fate) = self.seen(event).await {
                        return Over::Ours(fate);
                    },
                    Err(end) => return Over::Ended(end),
                },
                () = is_enough(&mut self.desk.enough) => return Over::Ours(Fate::Closed),
                () = timer, if self.due.is_some() => if let Some(fate) = self.tick() {
                    return Over::Ours(fate);
                },
            }
        }
    }

    async fn seen(&mut self, event: Event) -> Option<Fate> {
        let now = Instant::now();
        let (silence, age) = (now - self.stirred, now - self.opened);
        let sight = match event {
            Event::Flushed | Event::Close => return None,
            Event::Ping(_) => Sight::Heartbeat { age, silence, pong: false },
            // Some servers' only heartbeat.
            Event::Pong(_) if self.asked.is_none() => Sight::Heartbeat { age, silence, pong: true },
            Event::Message(_) => Sight::Message(silence),
            Event::Pong(_) => {
                let (asked, silence) = self.asked.take()?;
                self.stirred = now;
                self.due = self.next_due();
                self.tell(Sight::Trip(now - asked)).await;
                if matches!(self.habit, Habit::Sounding(_)) {
                    self.asked = Some((asked, silence));
                    return Some(Fate::Answered);
                }
                return None;
            }
        };
        self.stirred = now;
        self.tell(sight).await;
        if matches!(self.habit, Habit::Sounding(_)) && self.asked.is_none() {
            if age > GREETING {
                return Some(Fate::Disturbed);
            }
            self.due = self.next_due();
        }
        None
    }

    /// Does what is due.
    fn tick(&mut self) -> Option<Fate> {
        let now = Instant::now();
        if let Some((asked, _)) = self.asked
            && now >= asked + PONG_TIMEOUT
        {
            return Some(Fate::NoAnswer(PONG_TIMEOUT));
        }
        let silence = now - self.stirred;
        match &self.habit {
            Habit::Silent | Habit::Passive => {}
            Habit::Pinging(_) | Habit::Sounding(_) => {
                self.line.ping("holdline probe");
                self.asked = Some((now, silence));
            }
            Habit::Talking(message, _) => self.line.send(message.clone()),
        }
        self.stirred = now;
        self.due = self.next_due();
        None
    }

    /// After a frame has passed.
    fn next_due(&self) -> Option<Instant> {
        match &self.habit {
            Habit::Silent | Habit::Passive => None,
            Habit::Talking(_, interval) => Some(self.stirred + *interval),
            Habit::Pinging(_) | Habit::Sounding(_) if self.asked.is_some() => {
                self.asked.map(|(asked, _)| asked + PONG_TIMEOUT)
            }
            Habit::Pinging(pause) | Habit::Sounding(pause) => Some(self.stirred + *pause),
        }
    }

    async fn tell(&self, sight: Sight) {
        // Nobody listens any more: then nobody needs to know.
        let _ = self.desk.news.send((self.number, News::Saw(sight))).await;
    }
}

/// Waits until the probe has seen enough.
async fn is_enough(told: &mut watch::Receiver<bool>) {
    // An error says that the probe is gone, which is enough, too.
    let _ = told.wait_for(|enough| *enough).await;
}
