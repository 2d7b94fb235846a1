//! A Chromium without a screen, with a profile of its own, that reaches nothing but this machine.
//! What its tabs do is theirs.

use serde_json::json;
use tempfile::TempDir;

use crate::harness::process::Process;
use crate::harness::tool::tool;
use crate::harness::{PATIENCE, Stage, until};
use crate::tab::{Screen, Tab};
use crate::wire::Wire;

/// A browser that runs. Dropping it ends it.
pub struct Browser {
    wire: Wire,
    _process: Process,
    _profile: TempDir,
}

impl Browser {
    /// Starts one and waits until it can be driven.
    ///
    /// # Panics
    /// When `scripts/tool browser` cannot provide it, or it does not start.
    pub async fn start() -> Self {
        let profile = tempfile::Builder::new().prefix("holdline-browser-").tempdir();
        let profile = profile.expect("a temporary folder can be made");
        let data = format!("--user-data-dir={}", profile.path().display());
        let mut arguments = vec![data.as_str(), "--headless=new", "--remote-debugging-port=0"];
        // What a machine without a desktop lacks: a graphics card, and in containers a large /dev/shm.
        arguments.extend(["--disable-gpu", "--disable-dev-shm-usage"]);
        // A visitor's browser asks the world for updates; the proof asks nobody.
        arguments.extend(["--no-first-run", "--disable-background-networking", "--disable-sync"]);
        arguments.extend(["--disable-component-update", "--no-default-browser-check"]);
        arguments.push("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1");
        // Several tabs are looked at here at once; a visitor's hidden ones may doze.
        arguments
            .extend(["--disable-background-timer-throttling", "--disable-renderer-backgrounding"]);
        arguments.push("--disable-backgrounding-occluded-windows");
        // Root may not have its sandbox, nor may many a container; it opens nothing but our own page.
        arguments.push("--no-sandbox");
        let mut process = Process::start(&tool("browser"), &arguments, profile.path(), &[]);
        let log = process.log.clone();
        let look = async || {
            let lines = log.lines().into_iter();
            let mut told = lines.filter_map(|line| {
                Some(line.raw.split_once("DevTools listening on ")?.1.trim().to_owned())
            });
            (told.next(), process.status())
        };
        let seen = until("a browser that can be driven", PATIENCE, look, |(told, ended)| {
            told.is_some() || ended.is_some()
        });
        let (told, ended) = seen.await;
        let address = told.unwrap_or_else(|| panic!("it ended, {ended:?}:\n{}", log.tail(10)));
        Self { wire: Wire::connect(&address).await, _process: process, _profile: profile }
    }

    /// Opens the stage's page in a tab of its own, at a desk and in light mode.
    pub async fn opens(&self, stage: &Stage) -> Tab {
        self.opens_on(stage, "/", Screen::default()).await
    }

    /// Opens an address of the stage on a certain screen.
    pub async fn opens_on(&self, stage: &Stage, path: &str, screen: Screen) -> Tab {
        let blank = json!({ "url": "about:blank", "newWindow": true });
        let target = self.wire.command(None, "Target.createTarget", blank).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.wire.command(None, "Target.attachToTarget", attach).await;
        let session = session["sessionId"].as_str().expect("a session has a name").to_owned();
        let tab = Tab::new(self.wire.clone(), session);
        tab.open(&format!("http://{}{path}", stage.address()), screen).await;
        tab
    }
}
