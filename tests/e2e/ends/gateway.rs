//! The rows of the table that the gateway's logs decide: it cut the connection, or was itself ended; and
//! the client that hung up, which looks nearly the same. Our own side says `peer_gone` to all of them.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Logs, complains, is_told, line_of};
use crate::harness::{Peer, Stage, Tcp, Vice, until, wait::PATIENCE};

/// Has the gateway write something at `info` that is about nobody in particular, which it does on any
/// day: a connection kept alive that its client closes.
async fn any_other_day(stage: &mut Stage) {
    assert_eq!(stage.dial("/nowhere").refused().await.status, 404);
    let errors = async || stage.proxy().errors();
    until("a line at info", PATIENCE, errors, |errors| errors.contains("[info]")).await;
}

/// The peer saw FIN and no close frame, and our side says as little of it.
async fn is_gone_by_fin(stage: &Stage, peer: &mut Peer) {
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (1006, Tcp::Fin), "{end:?}");
    stage.ended_as(peer, "peer_gone", "-").await;
}

#[tokio::test]
async fn client_hung_up_is_a_client_that_leaves_without_goodbye() {
    for format in ["text", "json"] {
        let mut stage = Stage::gateway().set("log.format", format).start().await;
        any_other_day(&mut stage).await;
        let mut peer = stage.connect("/ws/echo").await;
        peer.echoes("hello").await;
        peer.hang_up().await;
        stage.ended_as(&peer, "peer_gone", "-").await;
        is_told(&mut stage, &peer.request, "OK", "client_hung_up").await;
        // Torn as well as ended in good order.
        let peer = stage.connect("/ws/echo").await;
        let request = peer.request.clone();
        peer.reset().await;
        stage.holds(0).await;
        is_told(&mut stage, &request, "OK", "client_hung_up").await;
    }
}

#[tokio::test]
async fn peer_gone_is_all_that_can_be_said_without_the_gateway_s_logs() {
    let mut stage = Stage::gateway().start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.echoes("hello").await;
    peer.hang_up().await;
    stage.ended_as(&peer, "peer_gone", "-").await;
    line_of(&mut stage, &peer.request).await;
    let all = Logs::of(&mut stage);
    let ours = Logs { access: None, error: None, own: all.own.clone() };
    let answer = ours.say(&peer.request, "peer_gone");
    let missing = answer["missing"].as_str().expect("something is missing");
    assert!(missing.contains("--access-log") && missing.contains("--error-log"), "{missing}");
    // With the access log alone it could have been one of two, and both are named.
    let (answer, _) = Logs { error: None, ..all }.ask(&[&peer.request]);
    assert_eq!(
        (&answer["cause"], &answer["or"]),
        (&"client_hung_up".into(), &"gateway_read_timeout".into())
    );
    assert!(answer["missing"].as_str().expect("a text").contains("--error-log"), "{answer:#}");
}

#[tokio::test]
async fn gateway_read_timeout_is_the_gateway_cutting_silence() {
    for format in ["text", "json"] {
        let stage = Stage::gateway().read_timeout("2s").ping_interval("off");
        let mut stage = stage.set("log.format", format).start().await;
        let mut peer = stage.connect("/ws/echo").await;
        is_gone_by_fin(&stage, &mut peer).await;
        let answer = is_told(&mut stage, &peer.request, "OK", "gateway_read_timeout").await;
        assert_eq!(answer["who"], "the gateway");
        assert!(answer["advice"].as_str().expect("a text").contains("ping_interval"), "{answer:#}");
        let line = line_of(&mut stage, &peer.request).await;
        assert!(complains(
            &mut stage,
            &line,
            &["[info]", "upstream timed out", "upgraded connection"]
        ));
        // Line by line: our open, our end, the gateway's complaint and its account.
        assert_eq!(answer["evidence"].as_array().map(Vec::len), Some(4), "{answer:#}");
        // Without the backend's log the gateway's two say the same.
        let gateway = Logs { own: None, ..Logs::of(&mut stage) };
        gateway.say(&peer.request, "gateway_read_timeout");
    }
}

#[tokio::test]
async fn gateway_send_timeout_is_the_gateway_giving_up_a_client_that_takes_nothing() {
    let mut stage = Stage::gateway()
        .directive("send_timeout", "2s")
        .set("limits.write_timeout", "60s")
        .set("limits.outbox_bytes_max", 128 << 20)
        .set("limits.outbox_frames_max", 100_000)
        .start()
        .await;
    let deaf = stage.dial("/ws/rooms/lobby").vice(Vice::Deaf).open().await;
    let mut speaker = stage.connect("/ws/rooms/lobby").await;
    let text = "x".repeat(60_000);
    for _ in 0..300 {
        speaker.echoes(&text).await;
    }
    stage.ended_as(&deaf, "peer_gone", "-").await;
    is_told(&mut stage, &deaf.request, "", "gateway_send_timeout").await;
    let line = line_of(&mut stage, &deaf.request).await;
    assert!(complains(&mut stage, &line, &["[info]", "client timed out", "upgraded connection"]));
}

#[tokio::test]
async fn gateway_reload_is_an_old_worker_that_may_not_wait_any_longer() {
    let mut stage = Stage::gateway().directive("worker_shutdown_timeout", "2s").start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.echoes("hello").await;
    stage.proxy().reload().await;
    is_gone_by_fin(&stage, &mut peer).await;
    let answer = is_told(&mut stage, &peer.request, "", "gateway_reload").await;
    assert!(answer["advice"].as_str().expect("a text").contains("worker_shutdown_timeout"));
    // Without the error log nobody knows of the reload.
    let (answer, _) = Logs { error: None, ..Logs::of(&mut stage) }.ask(&[&peer.request]);
    assert_eq!(
        (&answer["cause"], &answer["or"]),
        (&"gateway_reload".into(), &"gateway_send_timeout".into())
    );
}

fn kill(workers: &BTreeSet<u32>) {
    for worker in workers {
        let worker = Pid::from_raw(*worker as i32).expect("a process id");
        kill_process(worker, Signal::KILL).expect("it runs");
    }
}

#[tokio::test]
async fn gateway_killed_is_a_worker_that_died() {
    let mut stage = Stage::gateway().start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.echoes("hello").await;
    // A worker that dies writes no line of those it held; and nobody knows which of them held this one.
    kill(&stage.proxy().workers());
    let end = peer.ended().await;
    assert_eq!(end.code, 1006, "{end:?}");
    stage.ended_as(&peer, "peer_gone", "-").await;
    let died = async || stage.proxy().errors();
    until("the worker's end", PATIENCE, died, |errors| errors.contains("exited on signal 9")).await;
    assert!(stage.proxy().access().iter().all(|line| line["request"] != peer.request));
    Logs::of(&mut stage).say(&peer.request, "gateway_killed");
}

#[tokio::test]
async fn gateway_stopped_is_a_stop_that_does_not_wait() {
    let mut stage = Stage::gateway().start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.echoes("hello").await;
    stage.proxy().signal(Signal::TERM);
    let end = peer.ended().await;
    assert_eq!(end.code, 1006, "{end:?}");
    stage.ended_as(&peer, "peer_gone", "-").await;
    let stopped = async || stage.proxy().errors();
    until("its stop", PATIENCE, stopped, |errors| errors.contains("SIGTERM")).await;
    assert!(stage.proxy().access().iter().all(|line| line["request"] != peer.request));
    Logs::of(&mut stage).say(&peer.request, "gateway_stopped");
}

/// As a container's engine does: quit, some grace, and then the end of everything.
#[tokio::test]
async fn gateway_stopped_may_also_be_a_quit_that_was_cut_short() {
    let mut stage = Stage::gateway().start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.echoes("hello").await;
    stage.proxy().signal(Signal::QUIT);
    let quits = async || stage.proxy().errors();
    until("a quit", PATIENCE, quits, |errors| errors.contains("gracefully shutting down")).await;
    peer.echoes("it waits").await;
    // The master first: nobody is left who could write that a worker died.
    let workers = stage.proxy().workers();
    stage.proxy().signal(Signal::KILL);
    kill(&workers);
    assert_eq!(peer.ended().await.code, 1006);
    stage.ended_as(&peer, "peer_gone", "-").await;
    let (answer, _) = Logs::of(&mut stage).ask(&[&peer.request]);
    assert_eq!(
        (&answer["cause"], &answer["or"]),
        (&"gateway_stopped".into(), &"peer_gone".into()),
        "{answer:#}"
    );
}

#[tokio::test]
async fn still_open_is_a_connection_without_an_end() {
    let mut stage = Stage::gateway().start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.echoes("hello").await;
    stage.open_of(&peer).await;
    let (answer, code) = Logs::of(&mut stage).ask(&[&peer.request]);
    assert_eq!((&answer["cause"], code), (&"still_open".into(), Some(1)), "{answer:#}");
    assert_eq!(answer["explained"], false);
    assert!(peer.is_silent_for(Duration::from_millis(10)).await.is_empty(), "it is");
}
