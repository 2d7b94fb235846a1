//! Each kind of cut is named rightly: a close frame with its code and text, FIN, RST, and silence.
//! Real gateways are for `gateways`, who is cut for its age for `ages`.

use std::time::Duration;

use crate::harness::wait::undisturbed;
use crate::nat::{Late, Nat};
use crate::plain::{Cut, Manner, Plain};
use crate::probing::{Report, probe};

const IDLE: &str = "/idle_timeout/seconds";

async fn cuts_after(seconds: u64, cut: Cut) -> Plain {
    let idle = Some((Duration::from_secs(seconds), cut));
    Plain::start(Manner { idle, ..Manner::default() }).await
}

async fn measured(url: &str, timeout: f64, more: &[&str]) -> Report {
    undisturbed("an idle timeout", async || {
        let report = probe(url, more).await;
        report.is_near(IDLE, timeout).then_some(report)
    })
    .await
}

#[tokio::test]
async fn close_frame_fin_and_reset_are_told_apart() {
    let closes = cuts_after(3, Cut::Close(1001, "idle")).await;
    let ends = cuts_after(4, Cut::Fin).await;
    let resets = cuts_after(5, Cut::Reset).await;
    let urls = [&closes, &ends, &resets].map(Plain::url);
    let (closed, ended, reset) = tokio::join!(
        measured(&urls[0], 3.0, &[]),
        measured(&urls[1], 4.0, &[]),
        measured(&urls[2], 5.0, &[])
    );
    closed.says("/cut/how", "close_frame").says("/cut/code", 1001).says("/cut/text", "idle");
    ended.says("/cut/how", "fin").says("/cut/code", ()).says("/cut/text", ());
    reset.says("/cut/how", "reset").says("/cut/code", ()).says("/cut/text", ());
    let who = [&closed, &ended, &reset].map(|report| report.text("/cut/who"));
    assert!(who[0] != who[1] && who[1] != who[2] && who[0] != who[2], "{who:?}");
    assert!(who.iter().all(|who| who.len() > 20), "no sentences: {who:?}");
    for (report, how) in [(&closed, "close_frame"), (&ended, "fin"), (&reset, "reset")] {
        report.ends(1, "bad").says("/reset_by", "pings");
        let silent = report.connections("silent");
        let hows: Vec<_> = silent.iter().map(|silent| silent["how"].clone()).collect();
        assert!(!hows.is_empty() && hows.iter().all(|it| it == how), "{how}: {hows:?}: {report}");
    }
}

#[tokio::test]
async fn a_path_that_forgets_is_a_black_hole_and_its_timeout_is_narrowed_to_the_precision() {
    let server = Plain::start(Manner::default()).await;
    let hole = Nat::to(server.address, Duration::from_secs(4), Late::Nothing).await;
    let touchy = Nat::to(server.address, Duration::from_secs(4), Late::Reset).await;
    let (hole, touchy) = (hole.url(), touchy.url());
    let (hole, touchy) = tokio::join!(measured(&hole, 4.0, &[]), measured(&touchy, 4.0, &[]));
    hole.says("/cut/how", "black_hole").says("/cut/code", ());
    touchy.says("/cut/how", "reset_when_spoken_to").says("/cut/code", ());
    for report in [hole, touchy] {
        report.ends(1, "bad").says("/idle_timeout/narrowed", true).says("/reset_by", "pings");
        let bound = |name: &str| report.number(&format!("/idle_timeout/{name}")).expect("a bound");
        let width = bound("at_most") - bound("at_least");
        assert!((0.0..=1.0).contains(&width), "{width} s wide: {report}");
    }
}

#[tokio::test]
async fn a_finer_precision_narrows_further() {
    let server = Plain::start(Manner::default()).await;
    let nat = Nat::to(server.address, Duration::from_secs(3), Late::Nothing).await;
    undisturbed("a narrow bound", async || {
        let report = probe(&nat.url(), &["--precision", "250ms"]).await;
        let least = report.number("/idle_timeout/at_least")?;
        let most = report.number("/idle_timeout/at_most")?;
        let true_one = (least - 0.25..=most + 0.25).contains(&3.0);
        if !true_one || most - least > 0.25 {
            eprintln!("{report}");
            return None;
        }
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_only_sweeps_now_and_then_is_not_measured_more_exactly_than_it_is() {
    let manner = Manner {
        idle: Some((Duration::from_secs(3), Cut::Close(1000, "swept"))),
        sweep: Some(Duration::from_secs(2)),
        ..Manner::default()
    };
    let server = Plain::start(manner).await;
    let report = undisturbed("a sweep", async || {
        let report = probe(&server.url(), &[]).await;
        // Anything from the timeout to the timeout and a sweep is true of it.
        let near = report.number(IDLE).is_some_and(|seconds| (2.0..=6.0).contains(&seconds));
        near.then_some(report)
    });
    let report = report.await;
    report.ends(1, "bad").says("/cut/how", "close_frame").says("/cut/code", 1000);
    let safe = report.number("/safe_ping_interval_seconds").expect("there is one");
    assert!(safe <= 1.6, "who pings each {safe} s may be swept away: {report}");
}
