//! The exit code by how it ended, and what is said about wrong arguments.
//! What is shown meanwhile stands in `piped` and `keyboard`.

use std::time::Duration;

use crate::harness::Stage;
use crate::harness::wait::undisturbed;
use crate::script::{Ended, Script, run};
use crate::stub::{self, Deed, Stub};

#[tokio::test]
async fn once_tells_a_normal_close_from_every_other_end() {
    for (code, exit) in [
        (Some(1000), 0),
        (Some(1001), 0),
        (None, 0),
        (Some(1011), 1),
        (Some(1012), 1),
        (Some(4000), 1),
    ] {
        let stub = Stub::start(Vec::new(), move |_| Deed::Say(stub::close(code))).await;
        let mut script = Script::starts(&["connect", &stub.url(), "--once"]);
        script.gives(b"end it\n").await;
        let ended = script.ended().await;
        assert_eq!(ended.code, Some(exit), "{code:?}: {}", ended.errors);
        assert!(ended.errors.contains("Disconnected: closed by the server with"));
    }
}

#[tokio::test]
async fn once_ends_with_the_loss_of_the_connection() {
    let stub = Stub::start(Vec::new(), |_| Deed::HangUp).await;
    let mut script = Script::starts(&["connect", &stub.url(), "--once"]);
    script.gives(b"end it\n").await;
    let ended = script.ended().await;
    assert_eq!(ended.code, Some(1));
    let words = "Disconnected: lost: the server or a proxy hung up (FIN) without a close frame";
    assert!(ended.errors.contains(words), "{}", ended.errors);
    assert!(!ended.errors.contains("Reconnecting"), "{}", ended.errors);
}

#[tokio::test]
async fn once_ends_with_a_refusal_and_says_why() {
    let Ended { code, errors, .. } = run(&["connect", "--once", "127.0.0.1:1"], b"").await;
    assert_eq!(code, Some(1));
    assert!(errors.contains("error: not connected: nobody listens at 127.0.0.1:1"), "{errors}");
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/healthz", stage.address());
    let Ended { code, errors, .. } = run(&["connect", "--once", &url], b"lost?\n").await;
    assert_eq!(code, Some(1));
    assert!(errors.contains("error: not connected: handshake refused with 404"), "{errors}");
}

#[tokio::test]
async fn what_could_not_be_sent_is_told_at_the_end() {
    let ended = run(&["connect", "-x", "one", "-x", "two", "--once", "127.0.0.1:1"], b"").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.ends_with("error: 2 lines were not sent\n"), "{}", ended.errors);
}

#[tokio::test]
async fn messages_that_may_be_lost_with_their_connection_are_told_and_not_sent_again() {
    const LINES: usize = 20_000;
    undisturbed("more than the network holds", async || {
        // Takes one frame, leaves the others to the network for a while, and goes.
        let stub = Stub::start(Vec::new(), {
            let mut rested = false;
            move |_| match std::mem::replace(&mut rested, true) {
                false => Deed::Rest(Duration::from_secs(1)),
                true => Deed::HangUp,
            }
        })
        .await;
        let mut script = Script::starts(&["connect", &stub.url(), "--once"]);
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        for _ in 0..LINES {
            if !script.gives(&line).await {
                break;
            }
        }
        let ended = script.ended().await;
        assert_eq!(ended.code, Some(1));
        assert!(stub.heard().heads.len() == 1, "one connection");
        // None may be lost where the network had time to take all that there was.
        let told = ended.errors.lines().find(|line| line.contains("may not have arrived"))?;
        assert!(told.starts_with("error: the last "), "{}", ended.errors);
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_close_that_is_not_answered_is_no_success() {
    let stub = Stub::silent().await;
    let ended = run(&["connect", &stub.url()], b"heard?\n").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("did not answer the close within 2s"), "{}", ended.errors);
    assert_eq!(stub.heard().frames[0], (stub::TEXT, b"heard?".to_vec()));
}

#[tokio::test]
async fn wrong_arguments_exit_64_and_name_what_is_wrong() {
    for (arguments, named) in [
        (&["connect"][..], "<URL>"),
        (&["connect", "ftp://a"], "URL: "),
        (&["connect", "ws://a/#b"], "fragment"),
        (&["connect", "ws://a", "-H", "nothing"], "--header"),
        (&["connect", "ws://a", "-s", "a b"], "--subprotocol"),
        (&["connect", "ws://a", "--ca", "/nonexistent.pem"], "--ca /nonexistent.pem"),
        (&["connect", "ws://a", "--cert", "x"], "--key"),
        (&["connect", "ws://a", "-w", "soon"], "--wait"),
        (&["connect", "ws://a", "--ping-interval", "20"], "\"20s\" or \"20ms\""),
        (&["connect", "ws://a", "--slash", "-x", "/nope"], "--execute: unrecognized"),
        (&["connect", "ws://a", "--hex", "-x", "xyz"], "--execute: not hexadecimal"),
        (&["ping"], "<URL>"),
        (&["ping", "ws://a", "-c", "0"], "--count"),
        (&["ping", "ws://a", "-i", "1ms"], "--interval"),
        (&["ping", "ws://a", "-W", "2h"], "--timeout"),
        (&["ping", "ws://user:secret@a:b"], "URL: "),
    ] {
        let Ended { code, output, errors } = run(arguments, b"").await;
        assert_eq!(code, Some(64), "{arguments:?}: {errors}");
        assert!(errors.contains(named), "{arguments:?}: {errors}");
        assert!(output.is_empty() && !errors.contains("secret"), "{arguments:?}: {errors}");
    }
}

#[tokio::test]
async fn help_tells_the_names_of_the_records() {
    for command in ["connect", "ping"] {
        let ended = run(&[command, "--help"], b"").await;
        let help = ended.output.join("\n");
        assert_eq!(ended.code, Some(0));
        for name in ["JSON lines", "refused", "not_websocket", "--subprotocol", "--no-check"] {
            assert!(help.contains(name), "{command}: {name}");
        }
    }
}
