//! The links that a bridge holds: which there are, which may be opened, which are wanted.
//! Leaves to `link.rs`: each of them; to `routes.rs`: what is answered.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::{runtime::Handle, sync::broadcast::error::RecvError};

use super::{Options, kept::Kept};
use crate::{
    dial::{Dial, Invalid, ServerUrl},
    link::{Link, State},
    metrics::LinkMetrics,
};

/// All links. They live on the runtime that made this, and not on the HTTP workers', which end
/// first.
pub(super) struct Links {
    options: Arc<Options>,
    metrics: Arc<LinkMetrics>,
    kept: Arc<Kept>,
    runtime: Handle,
    held: Mutex<Vec<Arc<Held>>>,
    /// Set at shutdown: none is opened any more.
    over: AtomicBool,
}

/// One link.
pub(super) struct Held {
    /// With everything in it that may be secret.
    url: ServerUrl,
    /// What is told: without query and credentials.
    pub(super) name: Arc<str>,
    pub(super) link: Link,
    /// Named at start; only the others can be forgotten.
    fixed: bool,
    /// False after a wish to disconnect.
    wanted: AtomicBool,
}

/// Why there is no link for a request.
#[derive(Debug)]
pub(super) enum Refused {
    /// It named no server, and these are all there are.
    Unnamed(Vec<String>),
    BadUrl(Invalid),
    Credentials,
    /// It named this server, which is none of ours and not in the allow list.
    NotAllowed(String),
    /// So many links are the most.
    Full(usize),
    Over,
}

impl Links {
    /// Opens those that are named at start. Must run inside the runtime that outlives them.
    pub(super) fn new(
        options: Arc<Options>,
        metrics: Arc<LinkMetrics>,
        kept: Arc<Kept>,
    ) -> Arc<Self> {
        let (runtime, held, over) = (Handle::current(), Mutex::default(), AtomicBool::new(false));
        let links = Arc::new(Self { options, metrics, kept, runtime, held, over });
        let mut held = links.lock();
        for dial in &links.options.servers {
            if held.iter().all(|known| known.url != *dial.url()) {
                held.push(links.open(dial.clone(), true));
            }
        }
        drop(held);
        links
    }

    /// The link that a request means, and whether it was opened for it: the server it names, else
    /// the first named at start, else the only one there is.
    pub(super) fn meant(&self, named: Option<&str>) -> Result<(Arc<Held>, bool), Refused> {
        let mut held = self.lock();
        let Some(named) = named else {
            let first = held.first().filter(|first| first.fixed || held.len() == 1);
            let unnamed = || held.iter().map(|held| held.name.to_string()).collect();
            return first.map(|it| (it.clone(), false)).ok_or_else(|| Refused::Unnamed(unnamed()));
        };
        let url = parse(named)?;
        if let Some(known) = known(&held, &url) {
            return Ok((known.clone(), false));
        }
        let allowed = self.options.allowed.iter().filter(|it| it.url().contains(&url));
        // The narrowest, so that what is said of a part goes before what is said of the whole.
        let narrowest = allowed.max_by_key(|it| it.url().path_and_query().len());
        let Some(allowed) = narrowest else {
            return Err(Refused::NotAllowed(url.without_query()));
        };
        if held.len() >= self.options.links_max {
            return Err(Refused::Full(self.options.links_max));
        }
        if self.over.load(Ordering::SeqCst) {
            return Err(Refused::Over);
        }
        let opened = self.open(allowed.dial_to(url).map_err(Refused::BadUrl)?, false);
        held.push(Arc::clone(&opened));
        Ok((opened, true))
    }

    /// All links, or those to the server of this name.
    pub(super) fn named(&self, named: Option<&str>) -> Result<Vec<Arc<Held>>, Refused> {
        let held = self.lock();
        let Some(named) = named else { return Ok(held.clone()) };
        let url = parse(named)?;
        let asked = url.to_string();
        let of = |held: &&Arc<Held>| held.url == url || *held.name == *asked;
        Ok(held.iter().filter(of).cloned().collect())
    }

    /// Closes these and keeps them closed. Returns when they are.
    pub(super) async fn disconnect(&self, held: &[Arc<Held>]) {
        let tasks = held.iter().map(|held| {
            held.wanted.store(false, Ordering::SeqCst);
            let link = held.link.clone();
            self.runtime.spawn(async move { link.disconnect().await })
        });
        // All are begun before the first is waited for.
        for task in tasks.collect::<Vec<_>>() {
            let _ = task.await;
        }
    }

    /// Has these try at once.
    pub(super) async fn reconnect(&self, held: &[Arc<Held>]) {
        for held in held {
            held.wanted.store(true, Ordering::SeqCst);
            held.link.reconnect().await;
        }
    }

    /// Lets go of those of these that were not named at start.
    pub(super) fn forget(&self, held: &[Arc<Held>]) {
        let gone = |one: &Arc<Held>| !one.fixed && held.iter().any(|it| Arc::ptr_eq(it, one));
        self.lock().retain(|one| !gone(one));
    }

    /// Those that should be open and are not.
    pub(super) fn down(&self) -> Vec<Arc<Held>> {
        let down = |held: &&Arc<Held>| held.is_wanted() && held.link.state() != State::Open;
        self.lock().iter().filter(down).cloned().collect()
    }

    /// Closes every link with 1000, for good. Returns when they are closed.
    pub(super) async fn shutdown(&self) {
        self.over.store(true, Ordering::SeqCst);
        let held = std::mem::take(&mut *self.lock());
        let shutdown = |held: Arc<Held>| {
            let link = held.link.clone();
            self.runtime.spawn(link.shutdown())
        };
        for task in held.into_iter().map(shutdown).collect::<Vec<_>>() {
            let _ = task.await;
        }
    }

    fn open(&self, dial: Dial, fixed: bool) -> Arc<Held> {
        let url = dial.url().clone();
        let name: Arc<str> = url.without_query().into();
        let _runtime = self.runtime.enter();
        let dial = dial.message_bytes_max(self.options.message_bytes_max);
        let link = Link::open(self.options.link(dial, &self.metrics));
        let (mut messages, kept) = (link.messages(), Arc::clone(&self.kept));
        let server = Arc::clone(&name);
        self.runtime.spawn(async move {
            loop {
                match messages.recv().await {
                    Ok(message) => kept.push(&server, &message),
                    Err(RecvError::Lagged(missed)) => kept.missed(missed),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Arc::new(Held { url, name, link, fixed, wanted: AtomicBool::new(true) })
    }

    /// Nothing panics while it holds the lock, so that a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Whether it should be open.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }
}

/// The server of this name, as a request may name it.
pub(super) fn parse(named: &str) -> Result<ServerUrl, Refused> {
    let url: ServerUrl = named.parse().map_err(Refused::BadUrl)?;
    // Shown, a URL has no credentials: it reads back as another where it had some.
    let bare = url.to_string().parse().is_ok_and(|bare: ServerUrl| bare == url);
    if bare { Ok(url) } else { Err(Refused::Credentials) }
}

/// A server named at start is also known by its name alone, so that whoever sends need not know
/// the secrets that may be in its URL.
fn known<'a>(held: &'a [Arc<Held>], url: &ServerUrl) -> Option<&'a Arc<Held>> {
    let asked = url.to_string();
    let exactly = held.iter().find(|held| held.url == *url);
    exactly.or_else(|| held.iter().find(|held| held.fixed && *held.name == *asked))
}
