//! The idle timeout of a real gateway is measured within a second, whichever of its timers it is.
//! That of a plain server is for `cuts`, the stock values for `a_minute`.

use std::time::Duration;

use crate::gate::{Certificate, Gate, UPGRADES};
use crate::harness::wait::{PATIENCE, undisturbed, until};
use crate::plain::{Cut, Manner, Plain};
use crate::probing::{Report, probe};

const IDLE: &str = "/idle_timeout/seconds";

/// What is true of every gateway here: it knows nothing of WebSocket, and any byte is a sign of
/// life to it.
fn is_a_gateway_s_cut(report: &Report, timeout: f64) {
    report.ends(1, "bad").says("/cut/how", "fin").says("/cut/code", ()).says("/reset_by", "pings");
    report.says("/finished", "complete").says("/idle_timeout/narrowed", true);
    report.says("/maximum_age_seconds", ()).says("/server_pings/seen", 0);
    let [least, most] = ["at_least", "at_most"].map(|it| {
        let bound = report.number(&format!("/idle_timeout/{it}"));
        bound.unwrap_or_else(|| panic!("no {it}: {report}"))
    });
    let seconds = report.number(IDLE).expect("it was measured");
    // A tenth more than the precision is what a sounding may be late.
    assert!(least <= seconds && seconds <= most && most - least <= 1.1, "{report}");
    let safe = report.number("/safe_ping_interval_seconds").expect("there is one");
    assert!(safe > 0.0 && safe <= timeout / 2.0, "{safe} s is not safe: {report}");
}

async fn is_measured(url: &str, timeout: f64) {
    let measured = undisturbed("an idle timeout", async || {
        // Nobody has signed the certificates here.
        let report = probe(url, &["--no-check"]).await;
        report.is_near(IDLE, timeout).then_some(report)
    });
    is_a_gateway_s_cut(&measured.await, timeout);
}

#[tokio::test]
async fn the_read_timeout_of_nginx_is_measured_also_behind_tls_and_before_haproxy() {
    let server = Plain::start(Manner::default()).await;
    let [short, long] = ["2s", "6s"].map(|time| format!("{UPGRADES} proxy_read_timeout {time};"));
    let short = Gate::nginx(&short, server.address).await;
    let long = Gate::nginx(&long, server.address).await;
    // Of two in a row the less patient one counts.
    let defaults = ["timeout client 30s", "timeout server 30s", "timeout tunnel 6s"];
    let inner = Gate::haproxy(&defaults, server.address).await;
    let impatient = format!("{UPGRADES} proxy_read_timeout 3s;");
    let outer = Gate::nginx(&impatient, inner.address).await;
    // And through TLS, whose end is one of its own.
    let certificate = Certificate::new();
    let patient = certificate.server(&format!("{UPGRADES} proxy_read_timeout 30s;"));
    let secured = Gate::nginx_server(&patient, outer.address).await;
    let secured = secured.url().replace("ws://", "wss://");
    let urls = [&short, &long, &outer].map(Gate::url);
    tokio::join!(
        is_measured(&urls[0], 2.0),
        is_measured(&urls[1], 6.0),
        is_measured(&urls[2], 3.0),
        is_measured(&secured, 3.0)
    );
    let look = async || server.book().live;
    until("the last one to be gone", PATIENCE, look, |live| *live == 0).await;
    assert!(server.book().most > 1, "they came one by one");
}

#[tokio::test]
async fn each_timeout_of_haproxy_is_measured_within_a_second() {
    let server = Plain::start(Manner::default()).await;
    let [tunnel, dialler, back] = [
        ["timeout client 30s", "timeout server 30s", "timeout tunnel 2s"],
        ["timeout client 3s", "timeout server 30s", ""],
        ["timeout client 30s", "timeout server 4s", ""],
    ];
    let tunnel = Gate::haproxy(&tunnel, server.address).await;
    let dialler = Gate::haproxy(&dialler, server.address).await;
    let back = Gate::haproxy(&back, server.address).await;
    let urls = [&tunnel, &dialler, &back].map(Gate::url);
    tokio::join!(
        is_measured(&urls[0], 2.0),
        is_measured(&urls[1], 3.0),
        is_measured(&urls[2], 4.0)
    );
}
