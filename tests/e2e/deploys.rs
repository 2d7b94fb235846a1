//! Promise 7, the gateway's part: a reload drops nobody, and a backend that comes back is used.
//! How a backend says goodbye is in `drain`.

use std::time::{Duration, Instant};

use crate::harness::{Stage, Tcp, heavy};

#[tokio::test]
async fn three_reloads_drop_none_of_500_connections() {
    let _turn = heavy().await;
    let mut stage = Stage::gateway().read_timeout("9s").workers(2).start().await;
    let mut peers = stage.connect_many("/ws/echo", 500).await;
    for reload in 0..3 {
        stage.proxy().reload().await;
        for peer in &mut peers {
            peer.echoes(&format!("after reload {reload}")).await;
        }
        stage.connect("/ws/echo").await.echoes("a newcomer").await;
    }
    // Those whom old workers hold outlive the silence as well.
    let until = Instant::now() + Duration::from_secs(20);
    for peer in &mut peers {
        let pings = peer.is_silent_for(until.saturating_duration_since(Instant::now())).await;
        assert!(pings.len() >= 2, "{} heard {} pings", peer.request, pings.len());
        peer.echoes("still here").await;
    }
    assert!(stage.proxy().workers().len() > 2, "old workers still see their connections out");
    let dropped: Vec<_> = stage.ends().into_iter().filter(|end| end.number("out") > 1.0).collect();
    assert_eq!(dropped.len(), 0, "{dropped:?}");
    stage.holds(500).await;
}

#[tokio::test]
async fn a_backend_killed_and_restarted_is_used_at_once_and_nginx_untouched() {
    let mut stage = Stage::gateway().start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.echoes("before").await;
    stage.node().kill().await;
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (1006, Tcp::Fin));
    // While it is away, newcomers are refused with words, and not for long afterwards.
    for _ in 0..5 {
        let answer = stage.dial("/ws/echo").refused().await;
        assert_eq!(answer.status, 502, "{answer:?}");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    stage.node().restart().await;
    // From the first on: nobody is refused for what the gateway remembers.
    for _ in 0..20 {
        stage.connect("/ws/echo").await.echoes("as if nothing had been").await;
    }
}

#[tokio::test]
async fn a_backend_killed_beside_another_costs_no_handshake() {
    let mut stage = Stage::gateway().backends(2).start().await;
    for _ in 0..10 {
        stage.connect("/ws/echo").await.echoes("both are there").await;
    }
    stage.node().kill().await;
    for _ in 0..50 {
        stage.connect("/ws/echo").await.echoes("the other one").await;
    }
    stage.node().restart().await;
    let mut held = Vec::new();
    while stage.nodes()[0].scrape().await.sum("holdline_connections") < 5.0 {
        held.push(stage.connect("/ws/echo").await);
        assert!(held.len() < 100, "all hundred went to the other one");
    }
}
