//! Coming back: the page shows that it waits and for how long, and survives a restart.
//! When exactly it tries is the module's, proven in `reconnecting-websocket.test.mjs`.

use serde_json::json;

use crate::browser::Browser;
use crate::harness::{PATIENCE, Stage};
use crate::tab::Tab;

#[tokio::test]
async fn a_restart_of_the_backend_is_shown_counted_down_and_survived() {
    let mut stage =
        Stage::gateway().set("drain.delay", "0s").set("drain.window", "100ms").start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    tab.joins("lobby", "Anna").await;
    stage.node().terminate();
    tab.shows("#log", "1012 Service Restart").await;
    tab.until("proof.states.some((state) => /^reconnecting in [1-9]\\d* s$/.test(state))").await;
    // By then the last close is that of a try that nobody answered.
    tab.shows("#last-close", "1006 Abnormal Closure").await;
    stage.node().ended(PATIENCE).await;
    stage.node().restart().await;
    tab.is("open").await;
    let states = tab.states().await;
    assert_eq!(states[..3], ["closed", "connecting", "open"], "{states:?}");
    tab.says("back again").await;
    tab.shows("#log .own", "back after").await;
    only_refusals(&tab).await;
}

#[tokio::test]
async fn a_crash_of_the_backend_is_survived_too() {
    let mut stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    tab.connects().await;
    stage.node().kill().await;
    tab.shows("#log", "1006 Abnormal Closure").await;
    stage.node().restart().await;
    tab.until("proof.states.filter((state) => state === 'open').length === 2").await;
    only_refusals(&tab).await;
}

#[tokio::test]
async fn a_long_wait_ends_when_the_visitor_says_so_or_the_network_is_back() {
    let mut stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    // Every wait as long as it may be: half a second, one, two, four, eight, sixteen.
    tab.value("void (Math.random = () => 1)").await;
    tab.connects().await;
    stage.node().kill().await;
    let waits_for_long = "/^reconnecting in ([6-9]|1\\d) s$/.test(proof.states.at(-1))";

    tab.until(waits_for_long).await;
    tab.click("#now").await;
    tab.until("/in ([3-9]|1\\d) s, connecting/.test(proof.states.join(', '))").await;

    // Its waits have begun anew; they grow again.
    tab.value("void (proof.states.length = 0)").await;
    tab.until(waits_for_long).await;
    for offline in [true, false] {
        let network = json!({
            "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1
        });
        tab.command("Network.emulateNetworkConditions", network).await;
    }
    tab.until("/in ([3-9]|1\\d) s, reconnecting in 1 s/.test(proof.states.join(', '))").await;
    stage.node().restart().await;
    tab.is("open").await;
    only_refusals(&tab).await;
}

/// Chromium itself writes to the console that a handshake failed, and no page can prevent it;
/// nothing else may be there.
async fn only_refusals(tab: &Tab) {
    let mut troubles = tab.troubles().await;
    troubles.retain(|trouble| !trouble.contains("WebSocket connection to"));
    assert!(troubles.is_empty(), "{troubles:#?}");
}
