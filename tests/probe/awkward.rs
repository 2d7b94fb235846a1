//! Servers that make measuring hard: that let few in, answer no pings, speak by themselves, or stop
//! in the middle. What is not known then is not claimed.

use std::time::Duration;

use crate::harness::wait::{PATIENCE, undisturbed, until};
use crate::nat::{Late, Nat};
use crate::plain::{Cut, Manner, Plain};
use crate::probing::{Probing, probe};

const IDLE: &str = "/idle_timeout/seconds";

#[tokio::test]
async fn a_server_that_lets_few_in_is_measured_by_those() {
    let idle = Some((Duration::from_millis(1500), Cut::Fin));
    let server = Plain::start(Manner { idle, most: Some(3), ..Manner::default() }).await;
    let report = undisturbed("an idle timeout", async || {
        let report = probe(&server.url(), &[]).await;
        report.is_near(IDLE, 1.5).then_some(report)
    });
    let report = report.await;
    report.ends(1, "bad").says("/cut/how", "fin");
    assert!(report.at("/notes").to_string().contains("refused"), "{report}");
    assert!(server.book().most <= 3);
}

#[tokio::test]
async fn a_server_that_answers_no_pings_is_no_black_hole() {
    let idle = Some((Duration::from_secs(7), Cut::Fin));
    let patient = Plain::start(Manner { mute: true, ..Manner::default() }).await;
    let cutting = Plain::start(Manner { mute: true, idle, ..Manner::default() }).await;
    let (patient_url, cutting_url) = (patient.url(), cutting.url());
    let cut = undisturbed("an idle timeout", async || {
        let report = probe(&cutting_url, &["--max", "12s"]).await;
        report.is_near(IDLE, 7.0).then_some(report)
    });
    let (patient, cut) = tokio::join!(probe(&patient_url, &["--max", "12s"]), cut);
    patient.says("/cut", ()).says("/idle_timeout", ()).says("/round_trip_ms", ());
    assert!(patient.at("/notes").to_string().contains("no pings"), "{patient}");
    assert_eq!((patient.code, cut.code), (Some(1), Some(1)), "{patient}");
    cut.says("/cut/how", "fin");
}

#[tokio::test]
async fn a_server_that_speaks_by_itself_is_not_said_to_ping() {
    let speaks = Some(Duration::from_millis(700));
    let server = Plain::start(Manner { speaks, ..Manner::default() }).await;
    let nat = Nat::to(server.address, Duration::from_secs(2), Late::Nothing).await;
    let report = probe(&nat.url(), &["--max", "5s"]).await;
    report.says("/server_pings/seen", 0).says("/cut", ()).says("/idle_timeout", ());
    assert_eq!(report.code, Some(1), "{report}");
    assert!(report.at("/notes").to_string().contains("messages"), "{report}");
}

#[tokio::test]
async fn one_ping_at_the_beginning_is_not_said_to_hold_the_path() {
    let pings = Some(Duration::from_millis(200));
    let server = Plain::start(Manner { pings, once: true, ..Manner::default() }).await;
    let report = probe(&server.url(), &["--max", "4s"]).await;
    report.ends(1, "unknown").says("/server_pings/seen", 1);
    report.says("/server_pings/period_seconds", ()).says("/cut", ());
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_is_no_timer() {
    let report = undisturbed("everybody at once", async || {
        let server = Plain::start(Manner::default()).await;
        let probing = Probing::starts(&[&server.url(), "--json", "--max", "20s"]);
        // One who answers, two who write nothing, two who ping, the soundings of twenty seconds, and
        // one that offers an extension: the last is a second one who pings.
        let all_in = async || server.book().seen.len();
        until("all of them", PATIENCE, all_in, |seen| *seen >= 10).await;
        drop(server);
        let report = probing.ended().await;
        let unknown = report.text("/verdict") == "unknown";
        if !unknown {
            eprintln!("{report}");
        }
        unknown.then_some(report)
    });
    let report = report.await;
    assert_eq!(report.code, Some(1), "{report}");
    report.says("/idle_timeout", ()).says("/maximum_age_seconds", ());
}
