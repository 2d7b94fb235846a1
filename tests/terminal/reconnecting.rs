//! What a person sees when the connection is lost, and what becomes of what they type meanwhile.
//! When the next try is due is proven beside `link/retry.rs`.

use rustix::process::Signal;

use crate::harness::Stage;
use crate::harness::peer::Event;
use crate::person::Person;

#[tokio::test]
async fn a_killed_backend_is_told_and_the_connection_comes_back_with_it() {
    let mut stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/rooms/tea", stage.address());
    let mut person = Person::connects(&url, &[]).await;
    person.enters("before").await;
    person.sees("< before").await;
    stage.node().kill().await;
    person.sees("Disconnected: lost: ").await;
    person.sees("Reconnecting in ").await;
    person.sees("error: not connected: nobody listens at").await;
    person.enters("meanwhile").await;
    person.sees("Kept until connected (1 waiting)").await;
    stage.node().restart().await;
    person.sees_at_last("Connected again").await;
    person.sees("< meanwhile").await;
    person.enters("after").await;
    person.sees("< after").await;
    assert_eq!(person.count("< meanwhile"), 1, "sent once: {}", person.contents());
    assert_eq!(person.count("< before"), 1, "not sent again: {}", person.contents());
    person.types("\x03").await;
    let code = person.exits().await;
    assert!(code == Some(0) || person.was_late(), "{}", person.contents());
}

#[tokio::test]
async fn a_deploy_behind_the_gateway_is_survived() {
    let mut stage =
        Stage::gateway().set("drain.delay", "0ms").set("drain.window", "100ms").start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let mut person = Person::connects(&url, &[]).await;
    stage.node().terminate();
    person.sees("Disconnected: closed by the server with 1012 (service restart)").await;
    stage.node().ended(crate::harness::wait::PATIENCE).await;
    stage.node().restart().await;
    person.sees_at_last("Connected again").await;
    person.enters("still here").await;
    person.sees("< still here").await;
}

#[tokio::test]
async fn only_so_many_lines_are_kept_and_each_one_refused_is_named() {
    let mut stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/rooms/tea", stage.address());
    let mut person = Person::connects(&url, &[]).await;
    stage.node().kill().await;
    person.sees("Disconnected: lost: ").await;
    for number in 0..102 {
        person.enters(&format!("line {number}")).await;
    }
    person.sees("error: not sent: 100 lines wait already").await;
    person
        .looks("two refusals", |screen| {
            screen.contents().matches("error: not sent: 100").count() == 2
        })
        .await;
    stage.node().restart().await;
    person.sees_at_last("< line 99").await;
    // What follows was typed after; had a refused line been sent, it would come before.
    person.enters("last").await;
    person.sees("< line 99\n> last\n< last").await;
}

#[tokio::test]
async fn a_server_that_went_silent_is_noticed_by_our_own_heartbeat() {
    let mut stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let heartbeat = ["--ping-interval", "200ms", "--pong-timeout", "1s"];
    let mut person = Person::connects(&url, &heartbeat).await;
    let mut trusting =
        Person::connects(&url, &["--ping-interval", "off", "--pong-timeout", "300ms"]).await;
    stage.node().process.signal(Signal::STOP);
    person.sees("Disconnected: lost: no pong within 1s").await;
    person.sees("Reconnecting").await;
    trusting.enters("?").await;
    assert_eq!(trusting.count("Disconnected"), 0);
    stage.node().process.signal(Signal::CONT);
    person.sees_at_last("Connected again").await;
    trusting.sees("< ?").await;
    assert_eq!(trusting.count("Disconnected"), 0);
}

#[tokio::test]
async fn a_server_that_refuses_us_for_good_is_left_alone() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let mut person = Person::starts(&["connect", &url, "-o", "https://evil.example"]);
    person.sees("error: not connected: handshake refused with 403").await;
    person.sees("error: the server does not want this connection: not trying again").await;
    assert_eq!(person.exits().await, Some(1));
    assert!(person.has_the_terminal_back());
}

#[tokio::test]
async fn a_backend_that_starts_late_is_waited_for() {
    let mut stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/rooms/tea", stage.address());
    stage.node().kill().await;
    let mut person = Person::starts(&["connect", &url]);
    person.sees("error: not connected: nobody listens at").await;
    person.enters("early").await;
    person.sees("Kept until connected").await;
    stage.node().restart().await;
    person.sees_at_last("Connected (press CTRL+C to quit)").await;
    person.sees("< early").await;
    let mut peer = stage.connect("/ws/rooms/tea").await;
    person.enters("on time").await;
    assert_eq!(peer.message().await, Event::Text("on time".to_owned()));
}
