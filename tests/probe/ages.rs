//! A maximum age is told from an idle timeout: it ends also those that are anything but idle.
//! How long silence lasts is for `gateways` and `cuts`.

use std::time::Duration;

use crate::harness::wait::undisturbed;
use crate::plain::{Cut, Manner, Plain};
use crate::probing::probe;

const AGE: &str = "/maximum_age_seconds";

#[tokio::test]
async fn a_server_that_ends_everybody_has_a_maximum_age_and_no_idle_timeout() {
    let age = Some((Duration::from_secs(4), Cut::Close(1001, "too old")));
    let server = Plain::start(Manner { age, ..Manner::default() }).await;
    let report = undisturbed("a maximum age", async || {
        let report = probe(&server.url(), &["--send", "hello", "--send-interval", "1s"]).await;
        report.is_near(AGE, 4.0).then_some(report)
    });
    let report = report.await;
    report.says("/idle_timeout", ()).says("/cut/how", "close_frame").says("/cut/code", 1001);
    assert_eq!(report.code, Some(1), "it does not ping: {report}");
}

#[tokio::test]
async fn a_maximum_age_and_an_idle_timeout_are_found_side_by_side() {
    let server = Plain::start(Manner {
        idle: Some((Duration::from_secs(2), Cut::Fin)),
        age: Some((Duration::from_secs(9), Cut::Close(1001, "too old"))),
        ..Manner::default()
    });
    let server = server.await;
    let report = undisturbed("both", async || {
        let report = probe(&server.url(), &[]).await;
        let idle = report.is_near("/idle_timeout/seconds", 2.0);
        (idle && report.number(AGE).is_none_or(|age| (age - 9.0).abs() <= 1.0)).then_some(report)
    });
    let report = report.await;
    report.ends(1, "bad").says("/cut/how", "fin").says("/reset_by", "pings");
}
