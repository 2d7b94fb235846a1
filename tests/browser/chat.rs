//! Messages: an echo comes back to its sender alone, a room's message to everyone in it.
//! What the page makes of an end is in `closing` and `returning`.

use crate::browser::Browser;
use crate::harness::{Event, Stage};
use crate::tab::Screen;

#[tokio::test]
async fn two_tabs_in_a_room_read_each_other_and_a_third_elsewhere_reads_nothing() {
    let stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let (anna, bert, other) =
        (browser.opens(&stage).await, browser.opens(&stage).await, browser.opens(&stage).await);
    anna.joins("lounge", "Anna").await;
    bert.joins("lounge", "Bert").await;
    other.joins("cellar", "Olga").await;

    anna.says("hello Bert").await;
    bert.shows("#log", "Anna: hello Bert").await;
    anna.shows("#log .own", "Anna: hello Bert").await;
    bert.says("hello Anna").await;
    anna.shows("#log", "Bert: hello Anna").await;
    assert_eq!(bert.value("document.querySelectorAll('#log .own').length").await, 1);

    // What she says comes back to her after all that was said before, had it come to her.
    other.says("is anybody here").await;
    other.shows("#log .own", "back after").await;
    assert!(!other.text("#log").await.contains("hello"), "a room's messages stay in it");
    for tab in [anna, bert, other] {
        tab.is_untroubled().await;
    }
}

#[tokio::test]
async fn an_echo_comes_back_and_its_time_is_the_round_trip() {
    let stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    assert_eq!(tab.text("#round-trip").await, "–", "nothing is claimed that was not measured");
    tab.connects().await;
    for text in ["first", "second"] {
        tab.says(text).await;
        tab.shows("#log .own:last-child", "back after").await;
        tab.shows("#log .own:last-child", text).await;
    }
    let told = tab.text("#round-trip").await;
    let number = |text: &str| text.split('\u{a0}').next().and_then(|number| number.parse().ok());
    let (last, best) = told.split_once(", best ").expect("two numbers");
    let (last, best): (Option<f64>, Option<f64>) = (number(last), number(best));
    assert!(best > Some(0.0) && best <= last, "{told}");
    tab.is_untroubled().await;
}

#[tokio::test]
async fn a_message_is_plain_text_to_peers_that_are_no_browsers() {
    let stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let mut peer = stage.connect("/ws/rooms/lobby").await;
    let tab = browser.opens(&stage).await;
    tab.joins("lobby", "Anna").await;
    tab.says("hello, terminal").await;
    assert_eq!(peer.message().await, Event::Text("Anna: hello, terminal".to_owned()));
    peer.text("<b>hello</b>, <script>page()</script>").await;
    tab.shows("#log", "<b>hello</b>, <script>page()</script>").await;
    peer.binary(&[1, 2, 3]).await;
    tab.shows("#log", "(binary, 3 bytes)").await;
    tab.is_untroubled().await;
}

#[tokio::test]
async fn the_address_of_a_room_chooses_it_for_whoever_opens_it() {
    let stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    tab.joins("lounge", "Anna").await;
    let hash = tab.value("location.hash").await;
    assert_eq!(hash, "#room=lounge");
    let guest = browser.opens_on(&stage, "/#room=lounge", Screen::default()).await;
    guest.connects().await;
    guest.says("found it").await;
    tab.shows("#log", ": found it").await;
    guest.is_untroubled().await;
}

#[tokio::test]
async fn without_a_connection_nothing_is_sent_and_nothing_is_lost() {
    let stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    tab.says("kept").await;
    tab.shows("#log", "Not sent: no connection is open.").await;
    assert_eq!(tab.value("document.querySelector('#text').value").await, "kept");
    tab.is_untroubled().await;
}
