//! A maximum age is told from an idle timeout: it ends also those that are anything but idle.
//! How long silence lasts is for `gateways` and `cuts`.

use std::time::Duration;

use crate::harness::wait::undisturbed;
use crate::plain::{Cut, Manner, Plain};
use crate::probing::probe;

const AGE: &str = "/maximum_age_seconds";

#[tokio::test]
async fn a_maximum_age_is_told_from_an_idle_timeout_and_found_beside_one() {
    let old = || Some((Duration::from_secs(4), Cut::Close(1001, "too old")));
    let aging = Plain::start(Manner { age: old(), ..Manner::default() }).await;
    let idle = Some((Duration::from_millis(1500), Cut::Fin));
    let both = Plain::start(Manner { age: old(), idle, ..Manner::default() }).await;
    let (aging_url, both_url) = (aging.url(), both.url());
    let send = ["--send", "hello", "--send-interval", "1s"];
    let aging = undisturbed("a maximum age", async || {
        let report = probe(&aging_url, &send).await;
        report.is_near(AGE, 4.0).then_some(report)
    });
    let both = undisturbed("an idle timeout", async || {
        let report = probe(&both_url, &send).await;
        // Whoever knows the timeout need not wait for the age.
        let age = report.number(AGE).is_none_or(|age| (age - 4.0).abs() <= 1.0);
        (age && report.is_near("/idle_timeout/seconds", 1.5)).then_some(report)
    });
    let (aging, both) = tokio::join!(aging, both);
    aging.says("/idle_timeout", ()).says("/cut/how", "close_frame").says("/cut/code", 1001);
    assert_eq!(aging.code, Some(1), "it does not ping: {aging}");
    both.ends(1, "bad").says("/cut/how", "fin").says("/reset_by", "pings");
}
