//! Watching a link until it is as a promise says.
//! What it should be is for the promises to say.

use std::time::Duration;

use holdline::link::{Link, Loss, State, Status, Watch};
use holdline::message::Message;

use crate::harness::{PATIENCE, until};

/// Waits for a status that is `good`, past all others.
pub async fn comes_to(watch: &mut Watch, what: &str, good: impl Fn(&Status) -> bool) -> Status {
    let mut seen = Vec::new();
    let search = async {
        while let Some(status) = watch.changed().await {
            if good(&status) {
                return status;
            }
            seen.push(status.state.name());
        }
        panic!("{what}: the link is over");
    };
    let found = tokio::time::timeout(PATIENCE, search).await;
    found.unwrap_or_else(|_| panic!("{what} did not come, only {seen:?}"))
}

pub async fn opens(watch: &mut Watch) -> Status {
    comes_to(watch, "OPEN", |status| status.state == State::Open).await
}

pub async fn echoes(link: &Link, text: &str) {
    assert_eq!(link.request(text).await, Ok(Message::from(text)));
}

/// It comes to echo: a connection that is about to be lost may still cost a request or two.
pub async fn echoes_again(link: &Link, text: &str) {
    let ask = async || link.request(text).await;
    let echo = until("an echo", PATIENCE, ask, Result::is_ok).await;
    assert_eq!(echo, Ok(Message::from(text)));
}

/// The loss that is known, and the wait that follows it, from the loss to the next try.
pub async fn waits(watch: &mut Watch) -> (Loss, Duration) {
    let waiting = |status: &Status| matches!(status.state, State::Reconnecting(_));
    let status = comes_to(watch, "RECONNECTING", waiting).await;
    let State::Reconnecting(at) = status.state else { unreachable!("it was looked for") };
    // The link's own times: how late they are looked at makes no difference.
    let (loss, since) = status.last_loss.expect("there is a reason");
    (loss, at.duration_since(since).expect("no try before the loss"))
}

pub async fn goes_down(watch: &mut Watch) -> Loss {
    let down = comes_to(watch, "CLOSED", |status| status.state == State::Closed).await;
    down.last_loss.expect("there is a reason").0
}
