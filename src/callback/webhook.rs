//! The callback's HTTP form: connections and messages told to an application by Standard Webhooks.
//! Leaves to `connection.rs`: doing what is answered; to the files in `webhook/`: each part of it.
//!
//! Per connection the application hears in order: the connect, the messages one at a time, the
//! disconnect. A message is told at most once; the others are told again until they arrive or are
//! given up, each time with the same `webhook-id`.

mod action;
mod answer;
mod application;
mod event;
mod fault;
mod ledger;
mod post;
mod runtime;
#[cfg(test)]
mod samples;
mod seldom;

use std::{io, sync::Arc};

use tokio::sync::oneshot;

use self::{application::Application, fault::Fault, ledger::End, post::Post, runtime::Runtime};
use super::{
    Answer, Callback, Caller, Ended, Failure, Flushed, Handshake, Reaction, Refusal, Welcome,
};
use crate::{config::Config, message::Message, metrics::Metrics, route::Route};

/// The application, asked over HTTP.
///
/// The requests run on a thread of their own and not on the workers', so that what was begun for a
/// connection is finished after it.
pub(crate) struct Webhook {
    runtime: Runtime,
    observe: Vec<String>,
    application: Arc<Application>,
}

impl Webhook {
    /// One as the section `callback` says; none without `callback.url`.
    ///
    /// # Errors
    /// The system's, when it has no thread left, or no certificates to trust and the address is
    /// `https`; a secret or an address that the configuration's rules would not let through.
    pub(crate) fn new(config: &Config, metrics: &Metrics) -> io::Result<Option<Self>> {
        let (callback, metrics) = (&config.callback, &metrics.callback);
        let Some(url) = &callback.url else { return Ok(None) };
        let post = Post::new(url, callback, metrics)?;
        let application = Arc::new(Application::new(post, callback, metrics));
        let observe = callback.observe.clone();
        Ok(Some(Self { runtime: Runtime::start()?, observe, application }))
    }
}

impl Callback for Webhook {
    fn sees(&self, route: &Route) -> bool {
        let observed = |name| self.observe.iter().any(|observed| observed == name);
        match route {
            Route::App => true,
            Route::Echo => observed("echo"),
            Route::Room(_) => observed("rooms"),
            Route::Rest => false,
        }
    }

    fn on_connect(
        &self,
        caller: &Arc<Caller>,
        handshake: Handshake,
    ) -> Answer<Result<Welcome, Refusal>> {
        let id = caller.id;
        let event = self.application.events.connect(caller, &handshake);
        self.application.ledger.enter(id);
        let (answer, answered) = oneshot::channel();
        self.runtime.spawn(Arc::clone(&self.application).connect(
            Arc::clone(caller),
            event,
            answer,
        ));
        let application = Arc::clone(&self.application);
        Answer::later(async move {
            let welcome = answered.await.unwrap_or_else(|_| Err(Refusal::Failed(lost())));
            if welcome.is_err() {
                application.ledger.refusal_heard(id);
            }
            welcome
        })
    }

    fn on_message(&self, caller: &Arc<Caller>, message: Message) -> Answer<Reaction> {
        let (id, observed) = (caller.id, caller.route != Route::App);
        let event = self.application.events.message(caller, &message);
        self.application.ledger.asking(id);
        let (answer, answered) = oneshot::channel();
        let application = Arc::clone(&self.application);
        self.runtime.spawn(async move {
            let reaction = application.message(&event, observed).await;
            // Before the answer is known: what follows it must find no line.
            let end = application.ledger.answered(id);
            let _ = answer.send(reaction);
            if let Some(end) = end {
                application.tell(end).await;
            }
        });
        Answer::later(async move { answered.await.unwrap_or_else(|_| Err(lost())) })
    }

    fn on_close(&self, caller: &Arc<Caller>, ended: &Ended) {
        let event = self.application.events.disconnect(caller, ended);
        match self.application.ledger.ended(caller.id, event) {
            End::Tell(event) => {
                let application = Arc::clone(&self.application);
                self.runtime.spawn(async move { application.tell(event).await });
            }
            End::Later => {}
            End::Dropped => self.application.drop_end(),
        }
    }

    fn flushed(&self) -> Flushed {
        let application = Arc::clone(&self.application);
        Box::pin(async move { application.flushed().await })
    }
}

/// The thread that should have asked has ended.
fn lost() -> Failure {
    Fault::Forsaken.failure()
}
