//! A measurement at real values: nginx as it comes.
//! Shorter timeouts, of which there can be more, are for `gateways`.

use crate::gate::{Gate, UPGRADES};
use crate::harness::wait::undisturbed;
use crate::plain::{Manner, Plain};
use crate::probing::probe;

#[tokio::test]
async fn the_sixty_seconds_of_nginx_are_measured_within_a_second() {
    let server = Plain::start(Manner::default()).await;
    let gate = Gate::nginx(UPGRADES, server.address).await;
    let report = undisturbed("the minute", async || {
        let report = probe(&gate.url(), &["--max", "150s"]).await;
        report.is_near("/idle_timeout/seconds", 60.0).then_some(report)
    });
    let report = report.await;
    report.ends(1, "bad").says("/cut/how", "fin").says("/reset_by", "pings");
    report.says("/idle_timeout/narrowed", true).says("/finished", "complete");
    let known = report.at("/known").to_string();
    assert!(known.contains("nginx") && known.contains("60 s"), "{report}");
    let safe = report.number("/safe_ping_interval_seconds").expect("there is one");
    assert!((15.0..=30.0).contains(&safe), "{report}");
}
