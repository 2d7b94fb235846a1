//! Ends: every close code is shown with its meaning, and what the server said.
//! Coming back is in `returning`.

use crate::browser::Browser;
use crate::harness::Stage;

#[tokio::test]
async fn a_message_that_is_too_big_is_told_as_1009_with_the_server_s_words() {
    let stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    tab.connects().await;
    tab.says(&"x".repeat(70_000)).await;
    tab.shows("#last-close", "1009 Message Too Big").await;
    tab.shows("#last-close", "limits.message_bytes_max").await;
    tab.shows("#last-close", "The server said: “message too big").await;
    tab.shows("[aria-current=true]", "1009").await;
    tab.shows("#log .own", "not back, perhaps not arrived").await;
    // It comes back, and the message is not sent again.
    tab.until("proof.states.filter((state) => state === 'open').length === 2").await;
    tab.says("small").await;
    tab.shows("#log .own:last-child", "back after").await;
    tab.is_untroubled().await;
}

#[tokio::test]
async fn who_sends_too_much_is_told_1013_and_waits_as_long_as_it_asks_for() {
    let stage = Stage::gateway().set("limits.messages_per_second", 1).start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    tab.connects().await;
    // In one turn of the page's: a slow machine would type too slowly to be too fast.
    tab.value(
        "for (let number = 0; number < 50; number += 1) {
            document.querySelector('#text').value = number;
            document.querySelector('#compose').requestSubmit();
        }",
    )
    .await;
    tab.shows("#last-close", "1013 Try Again Later").await;
    // Five seconds at least, ten at most; it may have begun to count down by the time of this look.
    tab.until("proof.states.some((state) => /^reconnecting in ([5-9]|10) s$/.test(state))").await;
    tab.is("open").await;
}

#[tokio::test]
async fn who_disconnects_is_told_1000_and_stays_closed_until_asking_again() {
    let stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    tab.connects().await;
    tab.click("#toggle").await;
    tab.is("closed").await;
    assert_eq!(tab.states().await, ["closed", "connecting", "open", "closing", "closed"]);
    tab.shows("#last-close", "1000 Normal Closure").await;
    tab.shows("[aria-current=true]", "1000").await;
    stage.all_ended().await;
    tab.connects().await;
    tab.is_untroubled().await;
}
