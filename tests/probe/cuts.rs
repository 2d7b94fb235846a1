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
    let ends = cuts_after(3, Cut::Fin).await;
    let resets = cuts_after(3, Cut::Reset).await;
    let urls = [&closes, &ends, &resets].map(Plain::url);
    let (closed, ended, reset) = tokio::join!(
        measured(&urls[0], 3.0, &[]),
        measured(&urls[1], 3.0, &[]),
        measured(&urls[2], 3.0, &[])
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
    let forgets = async |milliseconds, late| {
        Nat::to(server.address, Duration::from_millis(milliseconds), late).await
    };
    let hole = forgets(4000, Late::Nothing).await;
    let touchy = forgets(4000, Late::Reset).await;
    let short = forgets(1600, Late::Nothing).await;
    // The shorter the timeout, the more soundings are still out when it is narrowed.
    let crowd = Plain::start(Manner::default()).await;
    let crowded = Nat::to(crowd.address, Duration::from_millis(1500), Late::Nothing).await;
    let urls = [&hole, &touchy, &short, &crowded].map(Nat::url);
    let (hole, touchy, short, crowded) = tokio::join!(
        measured(&urls[0], 4.0, &[]),
        measured(&urls[1], 4.0, &[]),
        narrowed(&urls[2], 1.6, "300ms", 0.3),
        measured(&urls[3], 1.5, &["--send", "hello", "--send-interval", "1s"])
    );
    let most = crowd.book().most;
    assert!(most <= 24, "{most} at a time: {crowded}");
    touchy.says("/cut/how", "reset_when_spoken_to");
    hole.says("/cut/how", "black_hole");
    short.says("/cut/how", "black_hole");
    crowded.says("/cut/how", "black_hole");
    for (report, precision) in [(hole, 1.0), (touchy, 1.0), (short, 0.3), (crowded, 1.0)] {
        report.ends(1, "bad").says("/idle_timeout/narrowed", true).says("/reset_by", "pings");
        report.says("/cut/code", ()).says("/maximum_age_seconds", ());
        let [least, most] = bounds(&report).expect("bounds");
        assert!((0.0..=precision).contains(&(most - least)), "{least} to {most}: {report}");
    }
}

fn bounds(report: &Report) -> Option<[f64; 2]> {
    let bound = |name: &str| report.number(&format!("/idle_timeout/{name}"));
    Some([bound("at_least")?, bound("at_most")?])
}

/// Measured to this precision: the timeout is between the bounds, but for what a machine is late.
async fn narrowed(url: &str, timeout: f64, precision: &str, late: f64) -> Report {
    undisturbed("a narrow bound", async || {
        let report = probe(url, &["--precision", precision]).await;
        let [least, most] = bounds(&report)?;
        let is_true = least - late <= timeout && timeout <= most + late;
        if !is_true {
            eprintln!("{timeout} is not between the bounds: {report}");
        }
        is_true.then_some(report)
    })
    .await
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
