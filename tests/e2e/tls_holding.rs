//! Promise 13, the connections under TLS: they hold through silence and renewals as without it.
//! Who gets in and what pages are told is the promise of `tls`.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::stage::BINARY;
use crate::harness::tls::{self, TLS12, TLS13};
use crate::harness::wscat::Wscat;
use crate::harness::{PATIENCE, Peer, Stage, Tcp, heavy, until};
use crate::survival::silent_together;

#[tokio::test]
async fn a_silent_connection_under_tls_lives_for_ten_read_timeouts_and_still_echoes() {
    let stage = Stage::gateway().tls().read_timeout("9s").start().await;
    let mut peers = Vec::new();
    for version in [&TLS12, &TLS13] {
        let config = stage.authority().trusted_with(&[version]);
        peers.push(stage.secure_dial("/ws/echo").tls(&config).open().await);
        peers.push(stage.secure_dial("/ws/rooms/silence").tls(&config).open().await);
    }
    silent_together(&mut peers, Duration::from_secs(91)).await;
    peers[0].echoes("still here").await;
    peers[2].echoes("still here").await;
    peers[1].text("still here").await;
    for room in [1, 3] {
        assert_eq!(format!("{:?}", peers[room].message().await), "Text(\"still here\")");
    }
    assert_eq!(stage.ends().len(), 0, "{:?}", stage.ends());
}

/// The control: only because of it, the promise above means something.
#[tokio::test]
async fn without_pings_the_gateway_cuts_a_silent_connection_under_tls_at_its_read_timeout() {
    let mut stage = Stage::gateway().tls().read_timeout("2s").ping_interval("off").start().await;
    let began = Instant::now();
    let mut peer = stage.secure_dial("/ws/echo").open().await;
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (1006, Tcp::Fin), "FIN without a close frame");
    let life = end.at - began;
    assert!(life > Duration::from_millis(1650), "{life:?}");
    stage.ended_as(&peer, "peer_gone", "-").await;
    let errors = async || stage.proxy().errors();
    until("the cut in the gateway's error log", PATIENCE, errors, |errors| {
        errors.lines().any(|line| line.contains("upstream timed out") && line.contains("/ws/echo"))
    })
    .await;
}

#[tokio::test]
async fn three_renewals_drop_none_of_200_connections_and_newcomers_get_the_new_certificate() {
    let _turn = heavy().await;
    let mut stage = Stage::gateway().tls().read_timeout("9s").workers(2).start().await;
    let (config, address) = (stage.authority().trusted(), stage.secure_address());
    let mut peers: Vec<Peer> = Vec::new();
    for number in 0..200 {
        let dial = stage.secure_dial("/ws/echo").tls(&config);
        peers.push(dial.from(&format!("127.0.3.{}", 1 + number / 10)).open().await);
    }
    let mut certificates = vec![tls::shown(&tls::connect(&config, address).await)];
    for renewal in 0..3 {
        stage.authority().renew();
        stage.proxy().reload().await;
        // Old workers may still accept for a moment.
        let certificate = async || tls::shown(&tls::connect(&config, address).await);
        let last = certificates.last().cloned().expect("the first one");
        let new = until("a new certificate", PATIENCE, certificate, |new| *new != last).await;
        assert!(!certificates.contains(&new), "one of the old ones");
        certificates.push(new);
        for peer in &mut peers {
            peer.echoes(&format!("after renewal {renewal}")).await;
        }
        stage.secure_dial("/ws/echo").tls(&config).open().await.echoes("a newcomer").await;
    }
    // Those whom old workers hold outlive the silence as well.
    silent_together(&mut peers, Duration::from_secs(20)).await;
    for peer in &mut peers {
        peer.echoes("still here").await;
    }
    let dropped: Vec<_> = stage.ends().into_iter().filter(|end| end.number("out") > 1.0).collect();
    assert_eq!(dropped.len(), 0, "{dropped:?}");
    stage.holds(200).await;
}

#[tokio::test]
async fn a_renewal_that_does_not_fit_changes_nothing_and_is_told() {
    let mut stage = Stage::gateway().tls().start().await;
    let (config, address) = (stage.authority().trusted(), stage.secure_address());
    let mut peer = stage.secure_dial("/ws/echo").open().await;
    let before = tls::shown(&tls::connect(&config, address).await);
    let chain = stage.authority().folder.join("fullchain.pem");
    let old = std::fs::read_to_string(&chain).expect("it was written");
    stage.authority().renew();
    stage.authority().replace("fullchain.pem", &old);
    assert!(!stage.proxy().nginx(&["-t"]).status.success(), "a key of another certificate");
    let workers = stage.proxy().workers();
    // As a renewal's own command does, which asks nobody whether the files fit.
    stage.proxy().hang_up();
    let errors = async || stage.proxy().errors();
    let told = |errors: &String| errors.contains("key values mismatch");
    until("the reason in the gateway's error log", PATIENCE, errors, told).await;
    assert_eq!(stage.proxy().workers(), workers, "the old ones serve on");
    peer.echoes("still here").await;
    assert_eq!(tls::shown(&tls::connect(&config, address).await), before);
    stage.secure_dial("/ws/echo").open().await.echoes("a newcomer").await;
}

#[tokio::test]
async fn holdline_ping_and_connect_trust_the_gateway_by_its_authority_alone() {
    let stage = Stage::gateway().tls().start().await;
    let url = format!("wss://localhost:{}/ws/echo", stage.secure_address().port());
    let ca = stage.authority().file.display().to_string();
    let (status, said) = holdline(&["ping", "-c", "2", "-i", "0.2", "--ca", &ca, &url], "").await;
    assert_eq!(status, Some(0), "{said}");
    let (status, said) = holdline(&["ping", "-c", "1", &url], "").await;
    assert_eq!(status, Some(1), "a stranger's certificate: {said}");
    assert!(said.contains("TLS"), "{said}");
    let (status, said) = holdline(&["connect", "--ca", &ca, &url], "through the gateway\n").await;
    assert!(said.contains("through the gateway"), "{said}");
    assert_eq!(status, Some(0), "{said}");
}

#[tokio::test]
async fn wscat_talks_under_tls_when_told_not_to_check() {
    let stage = Stage::gateway().tls().start().await;
    let url = format!("wss://{}/ws/echo", stage.secure_address());
    let mut wscat = Wscat::connect_to(&url, &["-n"]).await;
    wscat.types("under TLS").await;
    wscat.shows("< under TLS").await;
}

/// What `holdline` says to these arguments and this input, and its exit code.
async fn holdline(arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let child = Command::new(BINARY)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = child.expect("the binary is there");
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that takes no input may be gone by now.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("it ends");
    let output = output.expect("a child can be waited for");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}
