//! The server's own pings: how often they come, whether they hold the path, and what becomes of who
//! does not answer them. What pings of ours do is for `resets`.

use std::time::Duration;

use crate::gate::{Gate, UPGRADES};
use crate::harness::Stage;
use crate::harness::wait::undisturbed;
use crate::plain::{Cut, Manner, Plain};
use crate::probing::{Report, probe};

const PERIOD: &str = "/server_pings/period_seconds";

async fn pings(milliseconds: u64, pong_within: Option<(Duration, Cut)>) -> Plain {
    let pings = Some(Duration::from_millis(milliseconds));
    Plain::start(Manner { pings, pong_within, ..Manner::default() }).await
}

/// The period is what it was set to, within what a busy machine adds.
fn has_period(report: &Report, seconds: f64) -> bool {
    report.is_within(0.3, PERIOD, seconds)
}

#[tokio::test]
async fn pings_that_come_in_time_hold_the_path() {
    let server = pings(1000, None).await;
    let gate = Gate::nginx(&format!("{UPGRADES} proxy_read_timeout 3s;"), server.address).await;
    let report = undisturbed("pings in time", async || {
        let report = probe(&gate.url(), &["--max", "7s"]).await;
        (has_period(&report, 1.0) && report.code == Some(0)).then_some(report)
    });
    let report = report.await;
    report.ends(0, "good").says("/cut", ()).says("/idle_timeout", ());
    assert!(report.number("/server_pings/seen").is_some_and(|seen| seen > 4.0), "{report}");
}

#[tokio::test]
async fn pings_that_are_slower_than_the_path_s_timeout_are_bad() {
    let server = pings(4000, None).await;
    let gate = Gate::nginx(&format!("{UPGRADES} proxy_read_timeout 3s;"), server.address).await;
    let report = undisturbed("both times", async || {
        let report = probe(&gate.url(), &[]).await;
        // Who is silent is cut before it hears a ping; who pings by itself may hear them all.
        let period = report.number(PERIOD).is_none_or(|period| (period - 4.0).abs() <= 0.3);
        (period && report.is_near("/idle_timeout/seconds", 3.0)).then_some(report)
    });
    report.await.ends(1, "bad").says("/cut/how", "fin");
}

#[tokio::test]
async fn how_a_server_ends_who_does_not_answer_its_pings_is_told() {
    let within = Duration::from_millis(1500);
    let polite = pings(1000, Some((within, Cut::Close(1011, "no pong")))).await;
    let rude = pings(1000, Some((within, Cut::Reset))).await;
    let (polite_url, rude_url) = (polite.url(), rude.url());
    let look = async |url: &str| {
        undisturbed("an end without a pong", async || {
            let report = probe(url, &["--max", "7s"]).await;
            let after = report.is_within(0.5, "/unanswered_pings/after_seconds", 1.5);
            (after && has_period(&report, 1.0) && report.code == Some(0)).then_some(report)
        })
        .await
    };
    let (polite, rude) = tokio::join!(look(&polite_url), look(&rude_url));
    polite.says("/unanswered_pings/how", "close_frame").says("/unanswered_pings/code", 1011);
    rude.says("/unanswered_pings/how", "reset").says("/unanswered_pings/code", ());
    for report in [polite, rude] {
        report.ends(0, "good").says("/idle_timeout", ()).says("/maximum_age_seconds", ());
    }
}

#[tokio::test]
async fn a_holdline_holds_the_path_through_its_own_gateway() {
    let stage = Stage::gateway().read_timeout("2s").pong_timeout("1s").start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let report = undisturbed("pings in time", async || {
        let report = probe(&url, &["--max", "6s"]).await;
        // A third of the gateway's two seconds, and up to a tenth of that less.
        let period = report.number(PERIOD).filter(|period| (0.5..=0.8).contains(period));
        if period.is_none() || report.code != Some(0) {
            eprintln!("{report}");
            return None;
        }
        Some(report)
    });
    let report = report.await;
    report.ends(0, "good").says("/cut", ()).says("/handshake/status", 101);
    report.says("/unanswered_pings/how", "close_frame").says("/unanswered_pings/code", 1011);
    let trips = ["min", "median", "p99", "max"]
        .map(|name| report.number(&format!("/round_trip_ms/{name}")).expect("round trips"));
    assert!(trips.is_sorted() && trips[0] > 0.0, "{report}");
    stage.holds(0).await;
}

#[tokio::test]
async fn a_holdline_without_pings_is_found_out() {
    let stage = Stage::gateway().read_timeout("2s").ping_interval("off").start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let report = undisturbed("the gateway's timeout", async || {
        let report = probe(&url, &[]).await;
        report.is_near("/idle_timeout/seconds", 2.0).then_some(report)
    });
    let report = report.await;
    report.ends(1, "bad").says("/server_pings/seen", 0).says("/server_pings/period_seconds", ());
    report.says("/cut/how", "fin").says("/reset_by", "pings");
    stage.holds(0).await;
}
