//! One message to one, to a room, to everyone: it arrives, and the count is exact.
//! Leaves to `batches`: many at once.

use std::collections::HashSet;

use tokio::task::JoinSet;

use super::{ask, control, id_of, ids, is_problem, json, post, stage, workers};
use crate::harness::{Event, Peer, Vice, heavy, until, wait::PATIENCE};

async fn hears(peers: &mut [Peer], text: &str) {
    for peer in peers {
        assert_eq!(peer.message().await, Event::Text(text.to_owned()), "{}", peer.request);
    }
}

#[tokio::test]
async fn a_message_reaches_one_a_room_or_everyone_and_the_count_is_exact() {
    // Without pings, which somebody would hear who waits for long enough.
    let mut stage = stage().ping_interval("off").start().await;
    let mut lobby = stage.connect_many("/ws/rooms/lobby", 40).await;
    let mut others = stage.connect_many("/ws/echo", 13).await;
    stage.holds(53).await;
    let at = control(&mut stage);
    let members = ids(at, "room=lobby").await;
    assert_eq!(workers(&members).len(), 2, "both workers hold some");
    assert_eq!(post(at, "/rooms/lobby/messages", "to the room").await, 40);
    hears(&mut lobby, "to the room").await;
    assert_eq!(post(at, "/messages", "to all").await, 53);
    hears(&mut lobby, "to all").await;
    hears(&mut others, "to all").await;
    let path = format!("/connections/{}/messages", id_of(&stage, &others[7]).await);
    assert_eq!(post(at, &path, "to you").await, 1);
    hears(&mut others[7..8], "to you").await;
    assert_eq!(post(at, "/rooms/nobody/messages", "to nobody").await, 0);
    let nobody = ask(at, "POST", "/connections/0123456789abcdef/messages", &[], b"x").await;
    is_problem(&nobody, 404, "");
    // Nobody heard anything else.
    for peer in lobby.iter_mut().chain(&mut others) {
        peer.ping(b"the end").await;
        assert_eq!(peer.heard().await.1, Event::Pong(b"the end".to_vec()));
    }
}

#[tokio::test]
async fn the_body_is_the_message_whatever_its_type_is_called() {
    let mut stage = stage().start().await;
    let mut peer = stage.connect("/ws/rooms/lobby").await;
    let at = control(&mut stage);
    let send = async |kind: &str, body: &[u8]| {
        let headers = [("Content-Type", kind)];
        let headers = if kind.is_empty() { &headers[..0] } else { &headers };
        ask(at, "POST", "/rooms/lobby/messages", headers, body).await
    };
    let bytes = [0, 159, 146, 150];
    for kind in ["", "text/plain", "application/json", "application/x-www-form-urlencoded"] {
        assert_eq!(send(kind, "{\"é\": 1}".as_bytes()).await.status, 200);
        assert_eq!(peer.message().await, Event::Text("{\"é\": 1}".to_owned()), "{kind}");
        let problem = is_problem(&send(kind, &bytes).await, 400, "");
        assert!(problem["detail"].as_str().is_some_and(|it| it.contains("byte 1")), "{problem}");
    }
    for kind in ["application/octet-stream", "Application/Octet-Stream; x=y"] {
        assert_eq!(send(kind, &bytes).await.status, 200);
        assert_eq!(peer.message().await, Event::Binary(bytes.to_vec()), "{kind}");
    }
    assert_eq!(send("", b"").await.status, 200);
    assert_eq!(peer.message().await, Event::Text(String::new()));
    assert_eq!(send("application/octet-stream", b"").await.status, 200);
    assert_eq!(peer.message().await, Event::Binary(Vec::new()));
}

/// One peer reads so slowly that most of it waits for it in its outbox.
#[tokio::test]
async fn messages_of_one_caller_arrive_in_the_order_of_sending() {
    let mut stage = stage().start().await;
    let slow = stage.dial("/ws/rooms/lobby").vice(Vice::Trickling(400_000)).open().await;
    let mut peers = stage.connect_many("/ws/rooms/lobby", 9).await;
    peers.insert(0, slow);
    stage.holds(10).await;
    let (at, one) = (control(&mut stage), id_of(&stage, &peers[0]).await);
    let paths = ["/rooms/lobby/messages", "/messages", &format!("/connections/{one}/messages")];
    let text = |count: usize| format!("{count} {}", "x".repeat(20_000));
    for count in 0..42 {
        assert_eq!(post(at, paths[count % 3], &text(count)).await, [10, 10, 1][count % 3]);
    }
    assert!(stage.gauge("holdline_outbox_bytes").await > 100_000.0, "something is queued");
    for (number, peer) in peers.iter_mut().enumerate() {
        for count in (0..42).filter(|count| count % 3 != 2 || number == 0) {
            assert!(peer.message().await == Event::Text(text(count)), "{count} is due");
        }
    }
}

/// Workers that are kept busy, with room for one message at a time: some callers are told 503, and
/// what they sent is heard by nobody; what the others sent, by everybody.
#[tokio::test]
async fn a_message_that_finds_a_worker_busy_reaches_nobody() {
    let _turn = heavy().await;
    let mut stage = stage()
        .set("limits.message_bytes_max", 1000)
        .set("limits.mailbox_bytes_max", 1300)
        .set("limits.outbox_frames_max", 100_000)
        .set("limits.outbox_bytes_max", "64MiB")
        .start()
        .await;
    let mut peers = stage.connect_many("/ws/rooms/lobby", 400).await;
    stage.holds(400).await;
    let at = control(&mut stage);
    assert_eq!(workers(&ids(at, "limit=1000").await).len(), 2);
    let (mut taken, mut refused, mut round) = (HashSet::new(), 0, 0);
    while refused < 20 {
        let mut callers = JoinSet::new();
        for caller in 0..64 {
            let text = format!("{round} {caller} {}", "x".repeat(900));
            callers.spawn(async move {
                let answer = ask(at, "POST", "/messages", &[], text.as_bytes()).await;
                (text, answer)
            });
        }
        for (text, answer) in callers.join_all().await {
            match answer.status {
                200 => {
                    assert_eq!(json(&answer)["delivered"], 400, "half of them");
                    taken.insert(text);
                }
                _ => {
                    is_problem(&answer, 503, "");
                    assert!(answer.header("retry-after").is_some(), "{answer:?}");
                    refused += 1;
                }
            }
        }
        round += 1;
        assert!(round < 200, "never busy: {refused} refused, {} taken", taken.len());
    }
    for peer in &mut peers {
        let mut left = taken.clone();
        while !left.is_empty() {
            let Event::Text(text) = peer.message().await else { panic!("text was sent") };
            assert!(left.remove(&text), "heard twice, or refused and heard: {text:.20}");
        }
    }
    // The letters of the last round are carried out: a message is taken again, and is the next.
    let again = async || ask(at, "POST", "/messages", &[], b"again").await.status;
    until("a free mailbox", PATIENCE, again, |status| *status == 200).await;
    for peer in &mut peers {
        assert_eq!(peer.message().await, Event::Text("again".to_owned()));
    }
}
