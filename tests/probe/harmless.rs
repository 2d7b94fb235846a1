//! A probe does no harm: who is silent is silent, nobody is left behind, and they are few.
//! What it finds out meanwhile is for the others.

use std::time::Duration;

use crate::book::Seen;
use crate::frames::{PING, PONG, TEXT};
use crate::harness::wait::{PATIENCE, undisturbed, until};
use crate::plain::{Cut, Manner, Plain};
use crate::probing::probe;

/// More at once would be a burden to a small server.
const PARALLEL_MAX: usize = 24;

#[tokio::test]
async fn nothing_is_written_on_a_connection_that_is_said_to_be_silent() {
    // Cuts by FIN, which a far end that is silent has nothing to say to.
    let manner = Manner {
        age: Some((Duration::from_secs(3), Cut::Fin)),
        pings: Some(Duration::from_millis(500)),
        ..Manner::default()
    };
    let server = Plain::start(manner).await;
    let report = probe(&server.url(), &["--send", "hello", "--send-interval", "500ms"]).await;
    let seen = server.book().seen;
    let mute = seen.iter().filter(|seen| seen.bytes.is_empty()).count();
    let silent = report.connections("silent").len();
    assert!(silent > 0 && mute >= silent, "{mute} of {silent} wrote nothing: {report}");
    // The others do what they are said to do.
    let opcodes = |seen: &Seen| {
        let frames = seen.frames.iter();
        let mut opcodes: Vec<_> = frames.map(|(opcode, _)| *opcode).collect();
        opcodes.sort_unstable();
        opcodes.dedup();
        opcodes
    };
    let has = |wanted: &[u8]| seen.iter().filter(|seen| opcodes(seen) == wanted).count();
    assert!(has(&[PONG]) >= report.connections("passive").len(), "only answers: {report}");
    assert!(!report.connections("passive").is_empty(), "{report}");
    assert!(has(&[PING, PONG]) >= 1 && !report.connections("pinging").is_empty(), "{report}");
    assert!(has(&[TEXT, PONG]) + has(&[TEXT, PING, PONG]) >= 1, "{report}");
    assert!(!report.connections("talking").is_empty(), "{report}");
}

#[tokio::test]
async fn no_connection_is_left_open_and_there_are_few_at_a_time() {
    let idle = Some((Duration::from_secs(1), Cut::Fin));
    let impatient = Plain::start(Manner { idle, ..Manner::default() }).await;
    let patient = Plain::start(Manner::default()).await;
    let (first, second) = (impatient.url(), patient.url());
    let (first, second) = tokio::join!(probe(&first, &[]), probe(&second, &["--max", "3s"]));
    for (server, report) in [(&impatient, &first), (&patient, &second)] {
        let look = async || server.book().live;
        until("the last one to be gone", PATIENCE, look, |live| *live == 0).await;
        let book = server.book();
        assert!((2..=PARALLEL_MAX).contains(&book.most), "{} at a time: {report}", book.most);
        let told = report.at("/connections").as_array().map_or(0, Vec::len);
        // One more offers an extension, and is closed at once.
        assert_eq!(told + 1, book.seen.len(), "not every connection is told of: {report}");
    }
    // Who was not cut says goodbye, but for those who may not say anything.
    let seen = patient.book().seen;
    let rude = seen.iter().filter(|seen| seen.closed.is_none()).count();
    assert_eq!(rude, second.connections("silent").len(), "left without a goodbye: {second}");
}

#[tokio::test]
async fn what_a_server_is_asked_is_what_was_given_to_ask() {
    let server = Plain::start(Manner::default()).await;
    let more = ["--max", "1s", "-H", "X-Probe: yes", "-o", "https://here.example"];
    let report = probe(&server.url(), &more).await;
    let seen = server.book().seen;
    assert!(!seen.is_empty(), "{report}");
    for seen in seen {
        let head = seen.head.to_lowercase();
        assert!(head.contains("x-probe: yes\r\n"), "{head}");
        assert!(head.contains("origin: https://here.example\r\n"), "{head}");
    }
}
