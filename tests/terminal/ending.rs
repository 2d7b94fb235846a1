//! How a person ends it: politely, in a hurry, or by a signal; and what is left of the terminal.
//! How servers end it stands in `verdicts` and `reconnecting`.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::Stage;
use crate::harness::wait::{PATIENCE, undisturbed, until};
use crate::person::Person;
use crate::script::Script;
use crate::stub::{self, Stub};

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

#[tokio::test]
async fn ctrl_c_ctrl_d_and_sigterm_close_politely_and_give_the_terminal_back() {
    let stage = Stage::gateway().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    for how in ["Ctrl-C", "Ctrl-C with a half line", "Ctrl-D", "SIGTERM"] {
        undisturbed(how, async || {
            let before = stage.ends().len();
            let mut person = Person::connects(&url, &[]).await;
            assert!(!person.has_the_terminal_back(), "keys are read one by one");
            match how {
                "Ctrl-C" => person.types(CTRL_C).await,
                "Ctrl-C with a half line" => person.types(&format!("half{CTRL_C}")).await,
                "Ctrl-D" => person.types(CTRL_D).await,
                _ => person.signals(Signal::TERM),
            }
            let code = person.exits().await;
            let ends = async || stage.ends();
            let ends = until("its end", PATIENCE, ends, |ends| ends.len() > before).await;
            if person.was_late() {
                return None;
            }
            assert_eq!(code, Some(0), "{how}");
            let goodbye = "Disconnected: closed by us with 1000 (normal closure)";
            assert!(person.contents().ends_with(goodbye), "{}", person.contents());
            assert!(person.has_the_terminal_back(), "{how}");
            let end = &ends[before];
            assert!(end.says("reason", "peer_closed"), "{how}: {end:?}");
            assert!(end.says("code", "1000"), "{how}: {end:?}");
            Some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_close_is_waited_for_two_seconds() {
    let stub = Stub::silent().await;
    let mut person = Person::connects(&stub.url(), &[]).await;
    let began = Instant::now();
    person.types(CTRL_C).await;
    assert_eq!(person.exits().await, Some(1));
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert!(
        person.contents().contains("did not answer the close within 2s"),
        "{}",
        person.contents()
    );
    assert!(person.has_the_terminal_back());
    assert_eq!(stub.heard().frames, [(stub::CLOSE, vec![3, 232])]);
}

#[tokio::test]
async fn who_presses_ctrl_c_twice_does_not_wait() {
    for keys in ["\x03\x03", "\x04\x03"] {
        let stub = Stub::silent().await;
        let mut person = Person::connects(&stub.url(), &[]).await;
        person.types(keys).await;
        assert_eq!(person.exits().await, Some(1));
        // As one of them alone would be told after two seconds.
        assert!(!person.was_late(), "{}", person.contents());
        assert!(person.has_the_terminal_back());
    }
}

#[tokio::test]
async fn a_second_signal_ends_at_once_and_one_that_comes_twice_is_one() {
    // Also where it stands still in between, and sees the second one long after it came.
    for stands_still in [false, true] {
        undisturbed("two signals within a moment", async || {
            let stub = Stub::silent().await;
            let mut person = Person::connects(&stub.url(), &[]).await;
            let began = Instant::now();
            person.signals(Signal::TERM);
            if stands_still {
                tokio::time::sleep(Duration::from_millis(20)).await;
                person.signals(Signal::STOP);
            }
            person.signals(Signal::INT);
            // They are one within 100 ms, and the server is waited for 2 s.
            let is_one = began.elapsed() < Duration::from_millis(100);
            if stands_still {
                tokio::time::sleep(Duration::from_millis(200)).await;
                person.signals(Signal::CONT);
            }
            person.watches(Duration::from_millis(300)).await;
            let waits = !person.has_the_terminal_back();
            if !is_one || began.elapsed() > Duration::from_millis(1500) {
                return None;
            }
            assert!(waits, "still waiting for the server's answer");
            person.signals(Signal::TERM);
            assert_eq!(person.exits().await, Some(1));
            assert!(person.has_the_terminal_back());
            // Had it waited, it would have said so.
            let in_time = began.elapsed() < Duration::from_millis(2000);
            assert!(!in_time || !person.was_late(), "{}", person.contents());
            in_time.then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn ctrl_c_ends_also_what_is_not_connected_yet() {
    // A server that never answers the handshake.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let mut person = Person::starts(&["connect", &url]);
    let accepted = listener.accept().await.unwrap();
    person.types("kept").await;
    person.is_at("> kept", 6).await;
    person.types("\r\x03").await;
    assert_eq!(person.exits().await, Some(1));
    assert!(person.contents().contains("error: 1 line was not sent"), "{}", person.contents());
    assert!(person.has_the_terminal_back());
    drop(accepted);
}

#[tokio::test]
async fn a_terminal_that_can_do_nothing_gets_plain_lines() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    undisturbed("a goodbye", async || {
        let mut person = Person::starts(&["connect", &url, "--json"]);
        person.sees("\"event\":\"open\"").await;
        assert!(person.has_the_terminal_back(), "it was never taken");
        person.types("hello\r").await;
        person.sees("\"text\":\"hello\"").await;
        person.types(CTRL_C).await;
        let code = person.exits().await;
        if person.contents().contains("\"event\":\"unanswered\"") {
            return None;
        }
        assert_eq!(code, Some(0));
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_script_that_is_told_to_stop_closes_politely() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    for signal in [Signal::INT, Signal::TERM] {
        undisturbed("a goodbye", async || {
            let mut script = Script::starts(&["connect", &url]);
            script.gives(b"hello\n").await;
            script.says("hello").await;
            script.signals(signal);
            let ended = script.ended().await.in_time()?;
            assert_eq!(ended.code, Some(0), "{}", ended.errors);
            Some(())
        })
        .await;
    }
    let ends = stage.all_ended().await;
    assert!(ends.len() >= 2 && ends.iter().all(|end| end.says("code", "1000")), "{ends:?}");
}
