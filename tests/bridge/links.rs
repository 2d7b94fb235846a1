//! Several links: who may be linked to, how many, and that none pays for another.
//! How each is doing is told in `status`.

use crate::bridge::{Bridge, ask_patiently, freeze, json, messages_at, problem, thaw, url};
use crate::harness::relay::Relay;
use crate::harness::{PATIENCE, Stage, until};

const LETTER: &str = "Content-Type: application/vnd.holdline.send+json";

fn wish(server: &str) -> String {
    format!(r#"{{"server": "{server}"}}"#)
}

#[tokio::test]
async fn a_server_of_the_allow_list_can_be_connected_to_and_then_needs_no_name() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::start(&["--allow", &url(stage.address(), "/ws")]).await;
    let answer = bridge.post("/sh", "to whom?").await;
    assert!(problem(&answer, 400, "bad_request", Some("no")).contains("POST /connect"));
    let server = url(stage.address(), "/ws/echo");
    let answer = bridge.post("/connect", wish(&server)).await;
    assert_eq!((answer.status, json(&answer)["server"].as_str()), (201, Some(server.as_str())));
    assert_eq!(bridge.post("/sh", "Hello").await.text(), "Hello");
    // Once more changes nothing.
    let answer = bridge.post("/connect", wish(&server)).await;
    assert_eq!((answer.status, json(&answer)["state"].as_str()), (200, Some("OPEN")));
    assert_eq!(bridge.link().await["opened"], 1);
    // With a second link, nobody can guess any more which one is meant.
    let room = url(stage.address(), "/ws/rooms/a");
    assert_eq!(bridge.post("/connect", wish(&room)).await.status, 201);
    let detail = problem(&bridge.post("/sh", "Hello").await, 400, "bad_request", Some("no"));
    assert!(detail.contains(&server) && detail.contains(&room), "{detail}");
}

#[tokio::test]
async fn a_message_can_name_its_server() {
    let stage = Stage::backend().start().await;
    let bridge = Bridge::start(&["--allow", &url(stage.address(), "/ws")]).await;
    let server = url(stage.address(), "/ws/echo");
    let encoded = server.replace(':', "%3A").replace('/', "%2F");
    for named in [&server, &encoded] {
        let answer = bridge.post(&format!("/sh?server={named}"), "Hello").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "Hello"));
    }
    let letter = format!(r#"{{"server": "{server}", "message": "by letter"}}"#);
    let answer = bridge.ask("POST", "/sh", &[LETTER], letter.as_bytes()).await;
    assert_eq!(answer.text(), "by letter");
    assert_eq!(bridge.link().await["opened"], 1, "all three went by one connection");
}

#[tokio::test]
async fn what_is_not_in_the_allow_list_is_refused_and_nobody_is_dialled() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let bridge = Bridge::to_echo(&stage, &["--allow", &url(relay.address(), "/ws/echo")]).await;
    for server in [
        url(relay.address(), "/ws"),
        url(relay.address(), "/ws/echoes"),
        url(relay.address(), "/ws/echo/../rooms/a"),
        url(relay.address(), "/ws/echo").replace("ws:", "wss:"),
        url(([127, 0, 0, 1], 9).into(), "/ws/echo"),
    ] {
        for answer in [
            bridge.post("/connect", wish(&server)).await,
            bridge.post(&format!("/sh?server={server}"), "Hello").await,
        ] {
            assert_eq!(answer.status, 403, "{server}");
            assert!(json(&answer)["detail"].as_str().is_some_and(|it| it.contains("--allow")));
        }
    }
    let answer = bridge.post("/connect", wish("ftp://a.example")).await;
    problem(&answer, 400, "bad_url", None);
    let answer = bridge
        .post(
            "/connect",
            wish(&url(relay.address(), "/ws/echo")).replace("ws://", "ws://name:secret@"),
        )
        .await;
    assert!(!problem(&answer, 400, "bad_request", None).contains("secret"));
    for body in ["", "Hello", r#"{"sever": "ws://a"}"#] {
        problem(&bridge.post("/connect", body).await, 400, "bad_request", None);
    }
    assert_eq!(relay.accepted(), 0);
    assert_eq!(bridge.links().await.len(), 1);
}

#[tokio::test]
async fn without_an_allow_list_only_the_servers_named_at_start_can_be_named() {
    let stage = Stage::backend().start().await;
    let room = url(stage.address(), "/ws/rooms/a");
    let bridge = Bridge::to_echo(&stage, &[]).await;
    problem(&bridge.post("/connect", wish(&room)).await, 403, "not_allowed", None);
    let echo = url(stage.address(), "/ws/echo");
    assert_eq!(bridge.post("/connect", wish(&echo)).await.status, 200);
    assert_eq!(bridge.post(&format!("/sh?server={echo}"), "Hello").await.text(), "Hello");
}

#[tokio::test]
async fn of_several_servers_the_first_gets_what_names_none() {
    let (first, second) = (Stage::backend().start().await, Stage::backend().start().await);
    let servers = [url(first.address(), "/ws/echo"), url(second.address(), "/ws/echo")];
    let bridge = Bridge::start(&["--server", &servers[0], "--server", &servers[1]]).await;
    bridge.all_are("OPEN").await;
    for _ in 0..3 {
        assert_eq!(bridge.post("/sh", "Hello").await.text(), "Hello");
    }
    let answer = bridge.post(&format!("/sh?server={}", servers[1]), "Hello").await;
    assert_eq!(answer.text(), "Hello");
    assert_eq!((messages_at(&first, &bridge).await, messages_at(&second, &bridge).await), (3, 1));
}

#[tokio::test]
async fn there_are_no_more_links_than_allowed_until_one_is_forgotten() {
    let stage = Stage::backend().start().await;
    let rooms = url(stage.address(), "/ws/rooms");
    let bridge = Bridge::to_echo(&stage, &["--allow", &rooms, "--links-max", "3"]).await;
    let room = |number| format!("{rooms}/{number}");
    for number in 1..=2 {
        assert_eq!(bridge.post("/connect", wish(&room(number))).await.status, 201);
    }
    let answer = bridge.post("/connect", wish(&room(3))).await;
    assert!(problem(&answer, 503, "links_max", None).contains("--links-max"));
    let answer = bridge.post(&format!("/sh?server={}", room(3)), "Hello").await;
    problem(&answer, 503, "links_max", Some("no"));
    assert_eq!(bridge.post("/connect", wish(&room(2))).await.status, 200, "that one is there");
    // All are told to go, and the one that was named at start stays.
    bridge.all_are("OPEN").await;
    assert_eq!(bridge.post("/disconnect?forget=true", "").await.status, 200);
    let left = bridge.link().await;
    assert_eq!(
        (left["server"].as_str(), left["state"].as_str()),
        (Some(url(stage.address(), "/ws/echo").as_str()), Some("CLOSED"))
    );
    stage.holds(0).await;
    assert_eq!(bridge.post("/connect", wish(&room(3))).await.status, 201);
}

#[tokio::test]
async fn a_link_in_trouble_does_not_delay_another() {
    let (mut ill, well) = (Stage::backend().start().await, Stage::backend().start().await);
    let servers = [url(ill.address(), "/ws/echo"), url(well.address(), "/ws/echo")];
    let bridge = Bridge::start(&["--server", &servers[0], "--server", &servers[1]]).await;
    bridge.all_are("OPEN").await;
    freeze(&mut ill).await;
    let ask_one = |_| tokio::spawn(ask_patiently(bridge.address, "Hello"));
    let stuck: Vec<_> = (0..80).map(ask_one).collect();
    let full = async || bridge.links().await[0]["in_flight"].clone();
    until("a full link", PATIENCE, full, |in_flight| *in_flight == 64).await;
    for _ in 0..20 {
        // The ill one is ill until all of these have their replies.
        let answer = bridge.post(&format!("/sh?server={}", servers[1]), "well").await;
        assert_eq!(answer.text(), "well");
    }
    thaw(&mut ill);
    for stuck in stuck {
        assert_eq!(stuck.await.expect("it was asked").text(), "Hello");
    }
}

#[tokio::test]
async fn a_disconnected_link_stays_down_until_told_otherwise() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    let server = url(relay.address(), "/ws/echo");
    let bridge = Bridge::start(&["--server", &server]).await;
    bridge.is("OPEN").await;
    for again in ["/reconnect", &format!("/reconnect?server={server}")] {
        let answer = bridge.post(&format!("/disconnect?server={server}"), "").await;
        let told = json(&answer)["links"][0].clone();
        assert_eq!((answer.status, told["state"].as_str()), (200, Some("CLOSED")), "{told}");
        let words = told["last_disconnect"]["words"].as_str().map(str::to_owned);
        assert_eq!(words.as_deref(), Some("closed by us with 1000 (normal closure)"));
        stage.holds(0).await;
        let dialled = relay.accepted();
        problem(&bridge.post("/sh", "Hello").await, 503, "down", Some("no"));
        assert_eq!((relay.accepted(), bridge.get("/readyz").await.status), (dialled, 200));
        assert_eq!(bridge.post(again, "").await.status, 200);
        assert_eq!(bridge.post("/sh", "Hello").await.text(), "Hello");
    }
    // A wish to connect takes a disconnect back as well.
    bridge.post("/disconnect", "").await;
    assert_eq!(bridge.post("/connect", wish(&server)).await.status, 200);
    assert_eq!(bridge.post("/sh", "Hello").await.text(), "Hello");
    for route in ["/disconnect", "/reconnect"] {
        let answer = bridge.post(&format!("{route}?server=ws://nobody/"), "").await;
        problem(&answer, 404, "no_link", None);
    }
}

#[tokio::test]
async fn a_reconnect_does_not_wait_for_the_next_try() {
    let stage = Stage::backend().start().await;
    let relay = Relay::to(stage.address()).await;
    // The server asks for five minutes.
    relay.answer_wrong("HTTP/1.1 503 Busy\r\nRetry-After: 300\r\nContent-Length: 0\r\n\r\n");
    let bridge = Bridge::start(&["--server", &url(relay.address(), "/ws/echo")]).await;
    bridge.is("RECONNECTING").await;
    relay.pass();
    assert_eq!(bridge.post("/reconnect", "").await.status, 200);
    bridge.is("OPEN").await;
}
