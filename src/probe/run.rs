//! One run of a probe: opens what the plan says, writes down what happens, until it is enough.
//! Leaves to `judgement.rs`: what the records mean.

use std::{
    collections::VecDeque,
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    Progress,
    diagnosis::diagnose,
    findings::Findings,
    judgement::{Known, judge, refused},
    lane::{self, Desk, News},
    plan::{Narrowing, Plan},
    record::{Fate, Habit, Record, Sight},
    report::{Finished, Report},
};
use crate::dial::{Dial, Opened, Refusal};

/// News that may wait to be read; who has more waits.
const NEWS_MAX: usize = 256;
/// How often it is asked what to do next. A machine that stands still longer asks less often.
const LOOK: Duration = Duration::from_millis(200);
/// Who watches is told at least so often that it goes on.
const QUIET_MAX: Duration = Duration::from_secs(15);
/// For all connections together to be closed at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// A run and all that is known.
pub(super) struct Run<P> {
    dial: Dial,
    plan: Plan,
    progress: P,
    began: Instant,
    /// By the number of the lane.
    records: Vec<Record>,
    /// The first connection's.
    opened: Option<Opened>,
    /// What the server says to an offered extension; asked on the side.
    extensions: Option<JoinHandle<Option<String>>>,
    /// What is to be opened when, the earliest first.
    due: VecDeque<(Instant, Habit)>,
    lanes: JoinSet<()>,
    desk: Desk,
    news: mpsc::Receiver<(usize, News)>,
    enough: watch::Sender<bool>,
    /// So many soundings narrowed what was found.
    tried: usize,
    told_at: Instant,
}

impl<P: FnMut(Progress)> Run<P> {
    pub(super) fn new(dial: Dial, plan: Plan, progress: P) -> Self {
        let (sender, news) = mpsc::channel(NEWS_MAX);
        let (enough, wait) = watch::channel(false);
        let now = Instant::now();
        Self {
            dial,
            plan,
            progress,
            began: now,
            records: Vec::new(),
            opened: None,
            extensions: None,
            due: VecDeque::new(),
            lanes: JoinSet::new(),
            desk: Desk { news: sender, enough: wait },
            news,
            enough,
            tried: 0,
            told_at: now,
        }
    }

    pub(super) async fn until_known(mut self, stop: impl Future<Output = ()>) -> Report {
        let mut stop = pin!(stop);
        self.tell(format!("opening {}", self.dial.url().without_query()));
        self.open(Habit::Passive);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let finished = loop {
            tokio::select! {
                () = &mut stop => break Finished::Interrupted,
                news = self.news.recv() => if let Some((number, news)) = news
                    && let Some(refusal) = self.hear(number, news)
                {
                    return self.refused(&refusal).await;
                },
                _ = look.tick() => if let Some(finished) = self.look().await {
                    break finished;
                },
            }
        };
        self.finish(finished).await
    }

    /// Notes the news. Returns why there is nothing to be probed, if that is so.
    fn hear(&mut self, number: usize, news: News) -> Option<Refusal> {
        let record = &mut self.records[number];
        match news {
            News::Opened(opened, at) => {
                (record.fate, record.opened) = (Fate::Open, at - self.began);
                if number == 0 {
                    self.first(*opened);
                }
            }
            News::Refused(refusal) if number == 0 => return Some(*refusal),
            News::Refused(refusal) => {
                let words = format!("a {} connection: {refusal}", record.habit.label());
                record.fate = Fate::Refused(*refusal);
                self.tell(words);
            }
            News::Saw(sight) => {
                let heartbeat = matches!(sight, Sight::Heartbeat { .. });
                let over = matches!(sight, Sight::Over { .. });
                record.saw(sight);
                if heartbeat && number == 0 && record.pings <= 2 {
                    let words = match (record.pings, record.gaps.last()) {
                        (2, Some(gap)) => {
                            format!("the server pings, every {:.1} s", gap.as_secs_f64())
                        }
                        _ => "the server pings".to_owned(),
                    };
                    self.tell(words);
                } else if over {
                    self.over(number);
                }
            }
        }
        None
    }

    /// Tells of an end, unless it is one more of the same.
    fn over(&mut self, number: usize) {
        let record = &self.records[number];
        let same = |other: &&Record| {
            other.habit.label() == record.habit.label()
                && other.cut().is_some()
                && other.cut() == record.cut()
        };
        let again = self.records.iter().filter(same).count() > 1;
        if let Some(words) = happened(record).filter(|_| !again) {
            self.tell(words);
        }
    }

    /// The path can be opened: everything else begins.
    fn first(&mut self, opened: Opened) {
        let took: Duration = opened.took.iter().sum();
        self.tell(format!("connected to {} in {:.1} ms", opened.address, took.as_secs_f64() * 1e3));
        self.opened = Some(opened);
        let dial = self.dial.clone();
        self.extensions =
            Some(tokio::spawn(async move { dial.extensions().await.unwrap_or_default() }));
        let now = Instant::now();
        self.due = self.plan.openings().into_iter().map(|(pause, it)| (now + pause, it)).collect();
        let max = self.plan.max.as_secs_f64();
        self.tell(format!(
            "watching {} silent connections, for {max} s at most",
            self.due.len() + 1
        ));
    }

    fn open(&mut self, habit: Habit) {
        let number = self.records.len();
        self.records.push(Record::new(habit.clone()));
        self.lanes.spawn(lane::run(number, self.dial.clone(), habit, self.desk.clone()));
    }

    /// Opens what is due, and decides whether to go on.
    async fn look(&mut self) -> Option<Finished> {
        let (now, elapsed) = (Instant::now(), self.began.elapsed());
        if elapsed >= self.plan.max {
            return Some(Finished::Max);
        }
        self.opened.as_ref()?;
        while self.due.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, habit)) = self.due.pop_front() {
                self.open(habit);
            }
        }
        self.grow_older(elapsed);
        let findings = Findings::of(&self.records);
        let narrowing = self.plan.narrow(&self.records, &findings, self.tried, elapsed);
        match narrowing {
            Narrowing::Sound(silences) => self.sound(silences),
            Narrowing::Wait if findings.idle.is_some() => {}
            _ if self.due.is_empty() && self.plan.is_complete(&self.records, &findings) => {
                return Some(Finished::Complete);
            }
            _ => {}
        }
        if self.told_at.elapsed() >= QUIET_MAX {
            let open = self.records.iter().filter(|record| record.lives()).count();
            let left = self.plan.max.saturating_sub(elapsed).as_secs();
            self.tell(format!("{open} connections are open; {left} s at most are left"));
        }
        None
    }

    fn sound(&mut self, silences: Vec<Duration>) {
        let between = match (silences.first(), silences.last()) {
            (Some(first), Some(last)) if first != last => {
                format!("{:.1} to {:.1} s", first.as_secs_f64(), last.as_secs_f64())
            }
            (first, _) => format!("{:.1} s", first.copied().unwrap_or_default().as_secs_f64()),
        };
        self.tell(format!("narrowing: is a silence of {between} survived?"));
        self.tried += 1;
        for silence in silences {
            self.open(Habit::Sounding(silence));
        }
    }

    fn grow_older(&mut self, elapsed: Duration) {
        for record in self.records.iter_mut().filter(|record| record.fate == Fate::Open) {
            record.age = elapsed.saturating_sub(record.opened);
        }
    }

    /// Closes everything and says what was found.
    async fn finish(mut self, finished: Finished) -> Report {
        let elapsed = self.began.elapsed();
        self.grow_older(elapsed);
        let findings = Findings::of(&self.records);
        let mut last = self.records.clone();
        self.enough.send_replace(true);
        let mut extensions = None;
        let closing = async {
            loop {
                tokio::select! {
                    news = self.news.recv() => if let Some((number, News::Saw(sight))) = news {
                        last[number].parts(sight);
                    },
                    closed = self.lanes.join_next() => if closed.is_none() {
                        break;
                    },
                }
            }
            if let Some(asked) = &mut self.extensions {
                extensions = asked.await.unwrap_or_default();
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
        judge(Known {
            url: self.dial.url().without_query(),
            plan: &self.plan,
            opened: self.opened.as_ref(),
            extensions,
            records: &last,
            findings,
            elapsed,
            finished,
        })
    }

    /// There is nothing to probe: says why, which takes one more request.
    async fn refused(self, refusal: &Refusal) -> Report {
        let page = match refusal {
            Refusal::Status(_) | Refusal::NotWebSocket(..) => self.dial.page().await.ok(),
            _ => None,
        };
        let diagnosis = diagnose(refusal, page.as_ref(), self.dial.url());
        refused(self.dial.url().without_query(), refusal, diagnosis, self.began.elapsed())
    }

    fn tell(&mut self, words: String) {
        self.told_at = Instant::now();
        (self.progress)(Progress { after: self.began.elapsed(), words });
    }
}

/// The end of a connection in words, where it is worth some.
fn happened(record: &Record) -> Option<String> {
    let kind = record.habit.label();
    let silence = record.silence.as_secs_f64();
    match &record.fate {
        Fate::Answered => Some(format!("a silence of {silence:.1} s was survived")),
        Fate::NoAnswer(_) => Some(match record.habit {
            Habit::Sounding(_) => format!("a ping after {silence:.1} s of silence has no answer"),
            _ if record.trips.is_empty() => {
                format!("a {kind} connection gets no answer to its pings")
            }
            _ => format!("a {kind} connection gets no answer any more"),
        }),
        Fate::Ended(end) => {
            let age = record.age.as_secs_f64();
            Some(format!("a {kind} connection ended at {age:.1} s, silent for {silence:.1}: {end}"))
        }
        _ => None,
    }
}
