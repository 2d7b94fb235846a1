//! For everybody: axe-core finds nothing, the keyboard suffices, and changes are announced.
//! Colours that differ are in `looks`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::browser::Browser;
use crate::harness::{Stage, tool::tool};
use crate::tab::{Screen, Tab, js};

#[tokio::test]
async fn axe_finds_nothing_in_any_state_light_or_dark_wide_or_narrow() {
    let mut stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    for (screen, room) in [
        (Screen::default(), "light"),
        (Screen::default().dark(), "dark"),
        (Screen::phone(), "narrow"),
        (Screen::phone().dark(), "narrow-and-dark"),
    ] {
        let tab = browser.opens_on(&stage, "/", screen).await;
        let axe = tool("page").join("axe-core/axe.min.js");
        let axe = std::fs::read_to_string(axe).expect("axe-core is installed");
        tab.value(&format!("{axe}; void 0")).await;
        is_sound(&tab, "as it is opened").await;
        tab.joins(room, "Anna").await;
        tab.says("hello").await;
        tab.shows("#log .own", "back after").await;
        is_sound(&tab, "open").await;
        tab.says(&"x".repeat(70_000)).await;
        tab.shows("#last-close", "1009").await;
        is_sound(&tab, "after an end").await;
        tab.until("proof.states.filter((state) => state === 'open').length === 2").await;

        stage.node().kill().await;
        // A wait that is long enough to be looked at, and then short ones again.
        tab.value("void (Math.random = () => 1)").await;
        tab.until("/^reconnecting in [4-9] s$/.test(proof.states.at(-1))").await;
        is_sound(&tab, "while it waits").await;
        tab.value("void (Math.random = () => 0.05)").await;
        stage.node().restart().await;
        tab.is("open").await;
        tab.click("#toggle").await;
        tab.is("closed").await;
        is_sound(&tab, "closed").await;
    }
}

#[tokio::test]
async fn the_keyboard_suffices_and_where_it_is_can_be_seen() {
    let stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    tab.presses("Tab").await;
    assert_eq!(focus(&tab).await, "mode", "the first stop is the first choice");
    tab.presses("ArrowDown").await;
    for (stop, text) in [("room", Some("lounge")), ("name", Some("Kim")), ("toggle", None)] {
        tab.presses("Tab").await;
        assert_eq!(focus(&tab).await, stop);
        // A field that is reached by the keyboard is selected as a whole.
        if let Some(text) = text {
            tab.types(text).await;
        }
    }
    tab.presses("Enter").await;
    tab.is("open").await;
    assert_eq!(focus(&tab).await, "toggle", "it stays where it was");
    for stop in ["log", "text"] {
        tab.presses("Tab").await;
        assert_eq!(focus(&tab).await, stop);
    }
    tab.types("typed").await;
    tab.presses("Enter").await;
    tab.shows("#log .own", "Kim: typed").await;
    assert_eq!(focus(&tab).await, "text", "the next message can be typed at once");
    tab.is_untroubled().await;
}

#[tokio::test]
async fn a_change_of_state_is_announced_and_a_countdown_is_not() {
    let stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    let tree = tab.command("Accessibility.getFullAXTree", serde_json::json!({})).await;
    let nodes = tree["nodes"].as_array().expect("a tree");
    let live = |node: &&Value| matches!(node["role"]["value"].as_str(), Some("status" | "log"));
    let roles = nodes.iter().filter(live).map(|node| node["role"]["value"].to_string());
    assert_eq!(roles.collect::<BTreeSet<_>>().len(), 2, "the state, and the messages");
    let beside = "document.querySelector('[role=status]').nextElementSibling.id";
    assert_eq!(tab.value(beside).await, "countdown", "every second of it would be read out");
}

async fn is_sound(tab: &Tab, when: &str) {
    let found =
        tab.value("axe.run().then(({ violations, passes }) => [violations, passes.length])");
    let found = found.await;
    assert_eq!(found[0], Value::Array(Vec::new()), "{when}: {:#}", found[0]);
    assert!(found[1].as_u64() > Some(20), "axe has looked at little: {}", found[1]);
}

/// The id or the name of what has the focus, which must be visibly marked.
async fn focus(tab: &Tab) -> String {
    let script = "(({ id, name }) => id || name)(document.activeElement)";
    let marked = "getComputedStyle(document.activeElement).outlineStyle === 'solid'";
    assert_eq!(tab.value(marked).await, true, "the focus is not to be seen");
    tab.value(script).await.as_str().unwrap_or_default().to_owned()
}
