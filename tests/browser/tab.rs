//! A tab: what a visitor does in it, with mouse and keyboard, and what is to be seen.
//! Which page it is and what should be seen there is the promises' business.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::harness::{PATIENCE, until};
use crate::wire::Wire;

/// What the page is seen on.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// Whether the system is set to dark.
    pub dark: bool,
}

impl Default for Screen {
    fn default() -> Self {
        Self { width: 1100, height: 800, dark: false }
    }
}

impl Screen {
    /// The narrowest phone that counts.
    pub fn phone() -> Self {
        Self { width: 360, height: 740, dark: false }
    }

    /// The same in a dark room.
    pub fn dark(self) -> Self {
        Self { dark: true, ..self }
    }
}

/// One page that is open.
pub struct Tab {
    wire: Wire,
    session: String,
}

impl Tab {
    pub(crate) fn new(wire: Wire, session: String) -> Self {
        Self { wire, session }
    }

    /// Goes there and waits until the page is ready.
    pub(crate) async fn open(&self, address: &str, screen: Screen) {
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.command(&format!("{domain}.enable"), json!({})).await;
        }
        // Each tab believes that it is the one that is looked at.
        self.command("Emulation.setFocusEmulationEnabled", json!({ "enabled": true })).await;
        let watching = json!({ "source": include_str!("watching.js") });
        self.command("Page.addScriptToEvaluateOnNewDocument", watching).await;
        self.shown_on(screen).await;
        let gone = self.command("Page.navigate", json!({ "url": address })).await;
        assert!(gone["errorText"].is_null(), "{address}: {gone}");
        // Scripts of modules have run by then.
        let ready = "document.readyState === 'complete' && location.protocol !== 'about:'";
        self.until(ready).await;
    }

    /// Moves to another screen.
    pub async fn shown_on(&self, Screen { width, height, dark }: Screen) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
        // As on a phone, where they take no room.
        self.command("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.command("Emulation.setEmulatedMedia", media).await;
    }

    /// What a script in the page comes to; a promise's value is waited for.
    ///
    /// # Panics
    /// When the script throws.
    pub async fn value(&self, script: &str) -> Value {
        let asked = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.command("Runtime.evaluate", asked).await;
        assert!(answer["exceptionDetails"].is_null(), "{script}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Waits until a script comes to true, and shows the page's state if it does not.
    pub async fn until(&self, script: &str) {
        // The first looks may come before there is anything to see.
        let all = "`${document.body?.innerText.slice(0, 600)} ${JSON.stringify(globalThis.proof)}`";
        let script = format!("[Boolean({script}), {all}]");
        until(&script, PATIENCE, async || self.value(&script).await, |seen| seen[0] == true).await;
    }

    /// The text of the first element that `selector` finds, as it is shown.
    pub async fn text(&self, selector: &str) -> String {
        let text = self.value(&format!("document.querySelector({}).innerText", js(selector))).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the text of the element contains these words.
    pub async fn shows(&self, selector: &str, words: &str) {
        let (selector, words) = (js(selector), js(words));
        self.until(&format!("document.querySelector({selector})?.innerText.includes({words})"))
            .await;
    }

    /// Waits for this word as the connection's state.
    pub async fn is(&self, state: &str) {
        self.until(&format!("document.querySelector('#state').textContent === {}", js(state)))
            .await;
    }

    /// Every state that was shown so far, with its countdown.
    pub async fn states(&self) -> Vec<String> {
        let states = self.value("proof.states").await;
        serde_json::from_value(states).expect("they are words")
    }

    /// Clicks the middle of the element, after scrolling to it.
    pub async fn click(&self, selector: &str) {
        let middle = self
            .value(&format!(
                "(() => {{
                    const element = document.querySelector({});
                    element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                    const {{ x, y, width, height }} = element.getBoundingClientRect();
                    return [x + width / 2, y + height / 2, width * height];
                }})()",
                js(selector)
            ))
            .await;
        assert!(middle[2].as_f64() > Some(0.0), "{selector} is not to be seen");
        for kind in ["mousePressed", "mouseReleased"] {
            let click = json!({
                "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1
            });
            self.command("Input.dispatchMouseEvent", click).await;
        }
    }

    /// Clicks into the field and replaces what is in it.
    pub async fn fills(&self, selector: &str, text: &str) {
        self.click(selector).await;
        self.value(&format!("document.querySelector({}).select()", js(selector))).await;
        self.types(text).await;
    }

    /// Types or pastes where the focus is.
    pub async fn types(&self, text: &str) {
        self.command("Input.insertText", json!({ "text": text })).await;
    }

    /// Presses a key: `Enter`, `Tab`, `Space`, `ArrowDown`.
    pub async fn presses(&self, key: &str) {
        let (key, code, text) = match key {
            "Enter" => ("Enter", 13, "\r"),
            "Tab" => ("Tab", 9, ""),
            "Space" => (" ", 32, " "),
            "ArrowDown" => ("ArrowDown", 40, ""),
            other => panic!("{other} is on no keyboard here"),
        };
        let down = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        for (kind, text) in [(down, text), ("keyUp", "")] {
            let press = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text
            });
            self.command("Input.dispatchKeyEvent", press).await;
        }
    }

    /// Connects to echo.
    pub async fn connects(&self) {
        self.click("#toggle").await;
        self.is("open").await;
    }

    /// Joins a room under a name.
    pub async fn joins(&self, room: &str, name: &str) {
        self.click("[value=room]").await;
        self.fills("#room", room).await;
        self.fills("#name", name).await;
        self.connects().await;
    }

    /// Sends a message with the mouse.
    pub async fn says(&self, text: &str) {
        self.fills("#text", text).await;
        self.click("#compose button").await;
    }

    /// A picture of what is on the screen, as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        let picture = self.command("Page.captureScreenshot", json!({ "format": "png" })).await;
        STANDARD.decode(picture["data"].as_str().unwrap_or_default()).expect("it is base64")
    }

    /// Everything that went wrong in the page: exceptions, what its policy forbade, and what the
    /// browser or the page wrote to the console as a warning or an error.
    pub async fn troubles(&self) -> Vec<String> {
        let violations = self.value("proof.violations").await;
        let violations = violations.as_array().into_iter().flatten().map(Value::to_string);
        let thrown = self.events("Runtime.exceptionThrown").map(|event| event.to_string());
        let console = self.events("Runtime.consoleAPICalled");
        let console = console.filter(|call| call["type"] == "error" || call["type"] == "warning");
        let log = self.events("Log.entryAdded").map(|event| event["entry"].clone());
        let log = log.filter(|entry| entry["level"] == "error" || entry["level"] == "warning");
        let said = console.chain(log).map(|event| event.to_string());
        violations.chain(thrown).chain(said).collect()
    }

    /// Checks that nothing went wrong in the page.
    pub async fn is_untroubled(&self) {
        let troubles = self.troubles().await;
        assert!(troubles.is_empty(), "{troubles:#?}");
    }

    /// Gives a command of Chromium's protocol to this tab.
    pub async fn command(&self, method: &str, arguments: Value) -> Value {
        self.wire.command(Some(&self.session), method, arguments).await
    }

    fn events(&self, method: &str) -> impl Iterator<Item = Value> {
        self.wire.events(&self.session, method).into_iter()
    }
}

/// A text as JavaScript writes it.
pub fn js(text: &str) -> String {
    Value::from(text).to_string()
}
