//! Whether pings reset the idle timer or only data does, is told, and not guessed.
//! The timers of real gateways, which any byte resets, are for `gateways`.

use std::time::Duration;

use crate::frames::TEXT;
use crate::harness::wait::undisturbed;
use crate::plain::{Cut, Manner, Plain};
use crate::probing::probe;

const IDLE: &str = "/idle_timeout/seconds";

/// Pings are nothing to it.
async fn wants_data() -> Plain {
    Plain::start(Manner {
        idle: Some((Duration::from_secs(3), Cut::Close(4008, "say something"))),
        only_data: true,
        ..Manner::default()
    })
    .await
}

#[tokio::test]
async fn a_timer_that_only_data_resets_is_found_when_data_may_be_sent() {
    let server = wants_data().await;
    let report = undisturbed("an idle timeout", async || {
        let report = probe(&server.url(), &["--send", "hello", "--send-interval", "1s"]).await;
        report.is_near(IDLE, 3.0).then_some(report)
    });
    let report = report.await;
    report.ends(1, "bad").says("/reset_by", "data").says("/cut/code", 4008);
    let said: Vec<_> = server.book().seen.into_iter().flat_map(|seen| seen.frames).collect();
    assert!(said.iter().any(|frame| *frame == (TEXT, b"hello".to_vec())), "nothing was sent");
}

#[tokio::test]
async fn without_data_to_send_it_is_not_claimed_that_pings_reset_the_timer() {
    let server = wants_data().await;
    let report = undisturbed("a cut", async || {
        let report = probe(&server.url(), &[]).await;
        let idle = report.number(IDLE).or(report.number("/maximum_age_seconds"));
        let near = idle.is_some_and(|idle| (idle - 3.0).abs() <= 1.0);
        if !near {
            eprintln!("neither says three seconds: {report}");
        }
        near.then_some(report)
    });
    let report = report.await;
    assert_eq!(report.code, Some(1), "{report}");
    assert_ne!(report.text("/reset_by"), "pings", "{report}");
    // Whatever it is, who says something that often is not cut for silence.
    let safe = report.number("/safe_ping_interval_seconds").expect("there is one");
    assert!(safe <= 1.5, "{safe} s is not safe: {report}");
    let said: Vec<_> = server.book().seen.into_iter().flat_map(|seen| seen.frames).collect();
    assert!(said.iter().all(|(opcode, _)| *opcode > 7), "data was sent unasked: {said:?}");
}
