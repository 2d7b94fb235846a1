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
async fn a_timer_that_only_data_resets_is_found_by_data_and_not_guessed_without() {
    let (asked, alone) = (wants_data().await, wants_data().await);
    let (asked_url, alone_url) = (asked.url(), alone.url());
    let with_data = undisturbed("an idle timeout", async || {
        let report = probe(&asked_url, &["--send", "hello", "--send-interval", "1s"]).await;
        report.is_near(IDLE, 3.0).then_some(report)
    });
    let without = undisturbed("a cut", async || {
        let report = probe(&alone_url, &[]).await;
        let idle = report.number(IDLE).or(report.number("/maximum_age_seconds"));
        let near = idle.is_some_and(|idle| (idle - 3.0).abs() <= 1.0);
        if !near {
            eprintln!("neither says three seconds: {report}");
        }
        near.then_some(report)
    });
    let (with_data, without) = tokio::join!(with_data, without);
    with_data.ends(1, "bad").says("/reset_by", "data").says("/cut/code", 4008);
    assert!(said(&asked).contains(&(TEXT, b"hello".to_vec())), "nothing was sent");

    assert_eq!(without.code, Some(1), "{without}");
    assert_ne!(without.text("/reset_by"), "pings", "{without}");
    // Whatever it is, who says something that often is not cut for silence.
    let safe = without.number("/safe_ping_interval_seconds").expect("there is one");
    assert!(safe <= 1.5, "{safe} s is not safe: {without}");
    assert!(said(&alone).iter().all(|(opcode, _)| *opcode > 7), "data was sent unasked");
}

fn said(server: &Plain) -> Vec<(u8, Vec<u8>)> {
    server.book().seen.into_iter().flat_map(|seen| seen.frames).collect()
}
