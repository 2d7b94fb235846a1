//! What is seen: on a narrow phone, in the dark, and in the picture that the documentation shows.
//! What is heard and felt is in `accessibility`.

use crate::browser::Browser;
use crate::harness::Stage;
use crate::tab::{Screen, Tab};

/// What the README's picture may weigh.
const PICTURE_BYTES_MAX: usize = 150 * 1024;

#[tokio::test]
async fn on_a_phone_of_360_pixels_nothing_has_to_be_scrolled_sideways() {
    let stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let tab = browser.opens_on(&stage, "/", Screen::phone()).await;
    fits(&tab, "as it is opened").await;
    tab.joins("lounge", "Somebody with a name that is rather long").await;
    tab.says(&"unbroken".repeat(60)).await;
    tab.shows("#log .own", "back after").await;
    fits(&tab, "with a long message").await;
    tab.says(&"x".repeat(70_000)).await;
    tab.shows("#last-close", "1009").await;
    fits(&tab, "with a long reason").await;
}

#[tokio::test]
async fn dark_mode_is_dark_and_light_mode_is_light() {
    let stage = Stage::gateway().start().await;
    let browser = Browser::start().await;
    let tab = browser.opens(&stage).await;
    let light = brightness(&tab).await;
    tab.shown_on(Screen::default().dark()).await;
    let dark = brightness(&tab).await;
    for (part, (light, dark)) in ["ground", "card", "field"].iter().zip(light.iter().zip(&dark)) {
        assert!(light[0] > 200.0 && light[1] < 100.0, "{part} in light mode: {light:?}");
        assert!(dark[0] < 60.0 && dark[1] > 150.0, "{part} in dark mode: {dark:?}");
    }
}

/// A talk in a room that goes on although the room's backend is shut down. Where `HOLDLINE_PICTURE`
/// names a file, the picture is left there; `scripts/picture` does so.
#[tokio::test]
async fn a_talk_goes_on_in_another_backend_and_makes_the_picture_in_the_readme() {
    let drained = Stage::gateway().set("drain.delay", "0s").set("drain.window", "100ms");
    let mut stage = drained.backends(2).start().await;
    let browser = Browser::start().await;
    let screen = Screen { width: 1000, height: 796, dark: false };
    let (anna, bert) =
        (browser.opens_on(&stage, "/", screen).await, browser.opens_on(&stage, "/", screen).await);
    anna.joins("lounge", "Anna").await;
    bert.joins("lounge", "Bert").await;
    say_in_turn(&[(&anna, "Is anybody here?"), (&bert, "I am. They deploy today, I heard.")]).await;

    anna.until("parseInt(document.querySelector('#held').textContent) >= 2").await;
    for node in stage.nodes() {
        if node.scrape().await.sum("holdline_connections") > 0.0 {
            node.terminate();
        }
    }
    for tab in [&anna, &bert] {
        tab.shows("#last-close", "1012 Service Restart").await;
        tab.is("open").await;
    }
    say_in_turn(&[(&anna, "They do. Are you still there?"), (&bert, "The line held.")]).await;
    anna.shows("#log", "Bert: The line held.").await;
    for tab in [&anna, &bert] {
        tab.is_untroubled().await;
    }

    anna.value("document.activeElement.blur(), scrollTo(0, 0)").await;
    let picture = anna.picture().await;
    assert!(picture.starts_with(b"\x89PNG"), "no picture");
    assert!(picture.len() <= PICTURE_BYTES_MAX, "{} bytes", picture.len());
    if let Some(file) = std::env::var_os("HOLDLINE_PICTURE") {
        std::fs::write(file, picture).expect("a file that can be written");
    }
}

async fn say_in_turn(talk: &[(&Tab, &str)]) {
    for (from, text) in talk {
        from.says(text).await;
        from.shows("#log .own:last-child", "back after").await;
    }
}

async fn fits(tab: &Tab, when: &str) {
    let widths = "[document.documentElement.scrollWidth, innerWidth, \
        ...[...document.querySelectorAll('body *')].filter((element) => \
            element.getBoundingClientRect().right > innerWidth).map((element) => element.outerHTML)]";
    let widths = tab.value(widths).await;
    assert_eq!((&widths[0], &widths[1]), (&360.into(), &360.into()), "{when}: {widths:#}");
    assert!(widths[2].is_null(), "{when}, something sticks out: {widths:#}");
}

/// Of page, card and field: the brightness of the background and of the text, from 0 to 255.
async fn brightness(tab: &Tab) -> Vec<[f64; 2]> {
    let script = "['body', '.card', '#text'].map((selector) => {
        const style = getComputedStyle(document.querySelector(selector));
        const of = (color) => color.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
        return [of(style.backgroundColor), of(style.color)];
    })";
    serde_json::from_value(tab.value(script).await).expect("pairs of numbers")
}
