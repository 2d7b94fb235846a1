//! Silence: the page's connection lives longer than the gateway's read timeout.
//! What happens without the backend's pings comes first: only then does it mean anything.

use crate::browser::Browser;
use crate::harness::Stage;

#[tokio::test]
async fn without_pings_an_idle_page_is_cut_by_the_gateway_and_told_1006() {
    let stage = Stage::gateway().read_timeout("2s").ping_interval("off").start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    tab.connects().await;
    tab.shows("#last-close", "1006 Abnormal Closure").await;
    tab.is_untroubled().await;
}

#[tokio::test]
async fn an_idle_page_holds_its_connection_through_several_read_timeouts() {
    let stage = Stage::gateway().read_timeout("2s").start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    tab.connects().await;
    // As the page itself tells it.
    tab.until("parseInt(document.querySelector('#held').textContent) >= 7").await;
    assert_eq!(tab.states().await, ["closed", "connecting", "open"]);
    assert_eq!(tab.text("#last-close").await, "–");
    assert_eq!(stage.gauge("holdline_connections_opened_total").await, 1.0);
    tab.says("still here").await;
    tab.shows("#log .own", "back after").await;
    tab.is_untroubled().await;
}
