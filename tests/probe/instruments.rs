//! Gateways and servers do what the other promises take for granted: they cut who is silent, when
//! and how they are told to, and nobody else. Judged by the harness's own peer.

use std::time::{Duration, Instant};

use crate::gate::{Gate, UPGRADES};
use crate::harness::peer::Dial;
use crate::harness::wait::undisturbed;
use crate::harness::{Event, Peer, Tcp, Vice};
use crate::nat::{Late, Nat};
use crate::plain::{Cut, Manner, Plain};

/// So long is nothing said; what is measured is longer, and shorter than twice as long.
const SILENCE: Duration = Duration::from_secs(1);

/// How a silent peer is cut, once it was cut in time.
async fn cut_in_time(address: std::net::SocketAddr) -> (u16, String, Tcp) {
    undisturbed("a cut", async || {
        let mut peer = Dial::new(address, "/").open().await;
        let began = Instant::now();
        let end = peer.ended().await;
        let after = end.closed_at.unwrap_or(end.at) - began;
        let near = after.abs_diff(SILENCE) < Duration::from_millis(400);
        near.then_some((end.code, end.reason, end.tcp))
    })
    .await
}

#[tokio::test]
async fn gateways_cut_silence_at_their_timeout_by_fin() {
    let server = Plain::start(Manner::default()).await;
    let nginx = format!("{UPGRADES} proxy_read_timeout 1s;");
    let nginx = Gate::nginx(&nginx, server.address).await;
    let tunnel = ["timeout client 30s", "timeout server 30s", "timeout tunnel 1s"];
    let tunnel = Gate::haproxy(&tunnel, server.address).await;
    let ends = ["timeout client 1s", "timeout server 30s"];
    let ends = Gate::haproxy(&ends, server.address).await;
    let back = ["timeout client 30s", "timeout server 1s"];
    let back = Gate::haproxy(&back, server.address).await;
    let all = tokio::join!(
        cut_in_time(nginx.address),
        cut_in_time(tunnel.address),
        cut_in_time(ends.address),
        cut_in_time(back.address)
    );
    for (code, _, tcp) in [all.0, all.1, all.2, all.3] {
        assert_eq!((code, tcp), (1006, Tcp::Fin));
    }
}

#[tokio::test]
async fn plain_servers_cut_as_they_are_told_to() {
    let starts =
        async |cut| Plain::start(Manner { idle: Some((SILENCE, cut)), ..Manner::default() }).await;
    let closes = starts(Cut::Close(4001, "idle")).await;
    let ends = starts(Cut::Fin).await;
    let resets = starts(Cut::Reset).await;
    let old = Manner { age: Some((SILENCE, Cut::Fin)), ..Manner::default() };
    let old = Plain::start(old).await;
    let (closed, ended, reset, old) = tokio::join!(
        cut_in_time(closes.address),
        cut_in_time(ends.address),
        cut_in_time(resets.address),
        cut_in_time(old.address)
    );
    assert_eq!(closed, (4001, "idle".to_owned(), Tcp::Fin));
    assert_eq!((ended.0, ended.2), (1006, Tcp::Fin));
    assert_eq!((reset.0, reset.2), (1006, Tcp::Reset));
    assert_eq!((old.0, old.2), (1006, Tcp::Fin));
}

#[tokio::test]
async fn pings_of_a_plain_server_come_in_time_and_want_their_answer() {
    let server = Plain::start(Manner {
        pings: Some(Duration::from_millis(250)),
        pong_within: Some((Duration::from_millis(750), Cut::Close(1011, "no pong"))),
        ..Manner::default()
    })
    .await;
    // A quarter of a second to the ping, three without an answer to it.
    undisturbed("a cut", async || {
        let mut mute = Dial::new(server.address, "/").vice(Vice::Mute).open().await;
        let began = Instant::now();
        let end = mute.ended().await;
        let after = end.closed_at.expect("a close frame") - began;
        assert_eq!((end.code, end.reason.as_str()), (1011, "no pong"));
        (after.abs_diff(SILENCE) < Duration::from_millis(400)).then_some(())
    })
    .await;
    let mut answering = Dial::new(server.address, "/").open().await;
    let pings = answering.is_silent_for(2 * SILENCE).await;
    assert!((5..=8).contains(&pings.len()), "{} pings in {:?}", pings.len(), 2 * SILENCE);
}

#[tokio::test]
async fn a_path_that_forgets_tells_nobody() {
    let server = Plain::start(Manner::default()).await;
    let forgets = async |late| {
        let nat = Nat::to(server.address, SILENCE, late).await;
        undisturbed("two pongs in time", async || {
            let mut peer = Dial::new(nat.address(), "/").open().await;
            for _ in 0..3 {
                let silent = Instant::now();
                assert_eq!(peer.is_silent_for(SILENCE / 2).await.len(), 0);
                peer.ping(b"here?").await;
                if silent.elapsed() > SILENCE * 3 / 4 {
                    return None;
                }
                assert_eq!(peer.heard().await.1, Event::Pong(b"here?".to_vec()));
            }
            // Nothing tells that it is forgotten, until it is asked.
            assert_eq!(peer.is_silent_for(SILENCE * 3 / 2).await.len(), 0);
            peer.ping(b"and now?").await;
            match late {
                Late::Nothing => assert_eq!(peer.is_silent_for(SILENCE / 2).await.len(), 0),
                Late::Reset => assert_eq!(peer.ended().await.tcp, Tcp::Reset),
            }
            Some(())
        })
        .await;
    };
    tokio::join!(forgets(Late::Nothing), forgets(Late::Reset));
}
