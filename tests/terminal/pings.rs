//! `holdline ping`: what it measures, and when it calls a server alive or dead.
//! How pongs are matched and summed up is proven beside `ping/tally.rs`.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::Stage;
use crate::harness::wait::{PATIENCE, undisturbed, until};
use crate::script::{Script, json, run};
use crate::stub::{self, Deed, Stub};

#[tokio::test]
async fn a_count_of_pings_is_answered_and_summed_up() {
    let stage = Stage::gateway().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let began = Instant::now();
    let ended = run(&["ping", &url, "-c", "3", "-i", "0.2"], b"").await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(began.elapsed() >= Duration::from_millis(400), "the pace is kept");
    let lines = &ended.output;
    assert!(lines[0].starts_with(&format!("PING {url} ({}): connected in ", stage.address())));
    for (number, line) in lines.iter().enumerate().skip(1).take(3) {
        assert!(line.contains(&format!(": seq={number} time=")) && line.ends_with(" ms"), "{line}");
    }
    assert_eq!(lines[5], format!("--- {url} ping statistics ---"));
    assert!(lines[6].starts_with("3 pings, 3 pongs, 0% loss, time "), "{}", lines[6]);
    let trips =
        lines[7].strip_prefix("rtt min/avg/max/p99 = ").and_then(|it| it.strip_suffix(" ms"));
    let trips: Vec<f64> = trips.unwrap().split('/').map(|trip| trip.parse().unwrap()).collect();
    assert!(trips[0] <= trips[1] && trips[1] <= trips[2] && trips[3] <= trips[2], "{trips:?}");
    assert_eq!((lines[8].as_str(), lines.len()), ("server is alive", 9));
    let ends = async || stage.ends();
    let ends = until("its end", PATIENCE, ends, |ends| !ends.is_empty()).await;
    assert!(ends[0].says("reason", "peer_closed") && ends[0].says("code", "1000"), "{ends:?}");
}

#[tokio::test]
async fn a_server_that_stopped_is_dead_when_its_oldest_ping_is_as_old_as_the_timeout() {
    let mut stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    undisturbed("a first pong", async || {
        let began = Instant::now();
        let mut script = Script::starts(&["ping", &url, "-i", "300ms", "-W", "1s"]);
        script.comes_to_say("seq=1 ").await?;
        stage.node().process.signal(Signal::STOP);
        // It goes on to ping; were the newest one's age what counts, it would never end.
        let ended = script.ended().await;
        let took = began.elapsed();
        stage.node().process.signal(Signal::CONT);
        assert_eq!(ended.code, Some(1));
        assert_eq!(ended.output.last().unwrap(), "server is dead: no pong within 1s");
        let loss = |line: &String| line.contains("% loss") && !line.contains(", 0% loss");
        assert!(ended.output.iter().any(loss), "{ended:?}");
        // The second ping left 300 ms after the first at the soonest.
        assert!(took >= Duration::from_millis(300 + 1000), "{took:?}");
        Some(())
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_told_in_words() {
    let ended = run(&["ping", "127.0.0.1:1"], b"").await;
    assert_eq!((ended.code, ended.output.len()), (Some(1), 0));
    assert_eq!(ended.errors, "not connected to ws://127.0.0.1:1/: nobody listens at 127.0.0.1:1\n");
    let refused = run(&["ping", "127.0.0.1:1", "--json"], b"").await;
    let record = json(&refused.output[0]);
    assert_eq!((&record["event"], &record["reason"]), (&"refused".into(), &"connect".into()));
}

#[tokio::test]
async fn a_loss_is_told_in_words_after_what_was_measured() {
    let mut stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let mut script = Script::starts(&["ping", &url, "-i", "0.1"]);
    script.says("seq=2 ").await;
    stage.node().kill().await;
    let ended = script.ended().await;
    assert_eq!(ended.code, Some(1));
    let last = ended.output.last().unwrap();
    assert!(last.starts_with("connection lost: "), "{last}");
    assert!(ended.output.iter().any(|line| line.starts_with("rtt min/avg/max/p99")));
}

#[tokio::test]
async fn a_server_may_answer_several_pings_by_one_pong() {
    let stub = Stub::start(Vec::new(), {
        let mut pings = 0;
        move |frame| match frame.0 {
            stub::PING => {
                pings += 1;
                let answers = pings % 3 == 0;
                Deed::Say(if answers { stub::frame(stub::PONG, &frame.1) } else { Vec::new() })
            }
            _ => Deed::Say(stub::close(Some(1000))),
        }
    })
    .await;
    let ended = run(&["ping", &stub.url(), "-c", "6", "-i", "0.1"], b"").await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let summary = ended.output.iter().find(|line| line.starts_with("6 pings")).unwrap();
    assert!(summary.contains("2 pongs, 0% loss, 4 answered by a later pong"), "{summary}");
    assert!(ended.output[1].ends_with("(answers 2 before it as well)"), "{}", ended.output[1]);
}

#[tokio::test]
async fn a_pong_with_another_payload_answers_nothing() {
    let stub = Stub::start(stub::frame(stub::PONG, b""), |frame| match frame.0 {
        stub::PING => Deed::Say(stub::frame(stub::PONG, &frame.1[1..])),
        _ => Deed::Say(Vec::new()),
    })
    .await;
    undisturbed("two pings before the first is too old", async || {
        let ended = run(&["ping", &stub.url(), "-i", "0.2", "-W", "500ms"], b"").await;
        assert_eq!(ended.code, Some(1));
        assert_eq!(ended.output.last().unwrap(), "server is dead: no pong within 500ms");
        let summary = ended.output.iter().find(|line| line.contains("% loss")).unwrap();
        // One that nobody asked for, and one that the first ping had.
        let (counts, strange) = summary.split_once(" pongs, 100% loss, ").expect(summary);
        let (pings, pongs) = counts.split_once(" ping").expect(summary);
        let strange = strange.split_once(" with a payload of its own").expect(summary).0;
        let [pings, strange] = [pings, strange].map(|count| count.parse::<usize>().expect(summary));
        assert!(pongs.ends_with(", 0") && strange <= pings + 1, "{summary}");
        (pings >= 2 && strange >= 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn messages_do_not_hide_that_pings_are_unanswered() {
    let stub = Stub::start(Vec::new(), |_| Deed::Say(stub::frame(stub::TEXT, b"busy"))).await;
    let ended = run(&["ping", &stub.url(), "-i", "0.1", "-W", "400ms"], b"").await;
    assert_eq!(
        (ended.code, ended.output.last().unwrap().as_str()),
        (Some(1), "server is dead: no pong within 400ms")
    );
}

#[tokio::test]
async fn ctrl_c_shows_the_summary_and_the_server_was_alive() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let mut script = Script::starts(&["ping", &url, "-i", "0.1"]);
    script.says("seq=3 ").await;
    script.signals(Signal::INT);
    let ended = script.ended().await;
    assert_eq!((ended.code, ended.output.last().unwrap().as_str()), (Some(0), "server is alive"));
    assert!(ended.output.iter().any(|line| line.contains(", 0% loss")), "{:?}", ended.output);
}

#[tokio::test]
async fn quiet_is_the_beginning_and_the_end_and_json_is_records() {
    let stage = Stage::backend().start().await;
    let url = format!("ws://{}/ws/echo", stage.address());
    let quiet = run(&["ping", &url, "-q", "-c", "2", "-i", "0.1"], b"").await;
    assert_eq!((quiet.code, quiet.output.len()), (Some(0), 6), "{:?}", quiet.output);
    let ended = run(&["ping", &url, "--json", "-c", "2", "-i", "0.1"], b"").await;
    let records: Vec<_> = ended.output.iter().map(|line| json(line)).collect();
    let events: Vec<_> = records.iter().map(|record| record["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["open", "pong", "pong", "summary"]);
    assert_eq!((&records[1]["seq"], &records[2]["seq"]), (&1.into(), &2.into()));
    let summary = &records[3];
    assert_eq!((&summary["verdict"], &summary["pongs"]), (&"alive".into(), &2.into()));
    assert!(summary["p99_ms"].as_f64().unwrap() <= summary["max_ms"].as_f64().unwrap());
}
