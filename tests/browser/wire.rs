//! Chromium's own protocol (DevTools): commands and their answers, and the events between.
//! What is commanded, and what the events mean, is the tabs' business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::harness::PATIENCE;

type Line = WebSocketStream<TcpStream>;

/// The line to one browser, shared by its tabs.
#[derive(Clone)]
pub struct Wire {
    sink: Arc<tokio::sync::Mutex<SplitSink<Line, Message>>>,
    heard: Arc<Mutex<Heard>>,
}

/// What came, and who waits for what.
#[derive(Default)]
struct Heard {
    commands: u64,
    waiting: HashMap<u64, oneshot::Sender<Value>>,
    events: Vec<Value>,
}

impl Wire {
    /// Connects to the address that Chromium has told.
    pub async fn connect(address: &str) -> Self {
        let host = address.trim_start_matches("ws://").split('/').next().unwrap_or_default();
        let stream = TcpStream::connect(host).await.expect("it listens where it said");
        // A picture or a library is one message here, and longer than strangers may send.
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let opened = tokio_tungstenite::client_async_with_config(address, stream, Some(config));
        let (line, _) = opened.await.expect("it speaks WebSocket");
        let (sink, stream) = line.split();
        let heard = Arc::new(Mutex::new(Heard::default()));
        tokio::spawn(listen(stream, Arc::clone(&heard)));
        Self { sink: Arc::new(tokio::sync::Mutex::new(sink)), heard }
    }

    /// Gives a command, to a tab's session or to the browser, and returns its result.
    ///
    /// # Panics
    /// When Chromium refuses, or does not answer in time.
    pub async fn command(&self, session: Option<&str>, method: &str, arguments: Value) -> Value {
        let (tell, told) = oneshot::channel();
        let id = {
            let mut heard = lock(&self.heard);
            heard.commands += 1;
            let id = heard.commands;
            heard.waiting.insert(id, tell);
            id
        };
        let mut command = json!({ "id": id, "method": method, "params": arguments });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let sent = self.sink.lock().await.send(Message::text(command.to_string())).await;
        sent.unwrap_or_else(|error| panic!("{method}: {error}"));
        let answer = timeout(PATIENCE, told).await;
        let answer = answer.unwrap_or_else(|_| panic!("{method} is not answered"));
        let mut answer = answer.unwrap_or_else(|_| panic!("the browser is gone before {method}"));
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }

    /// Every event of this kind in this session so far.
    pub fn events(&self, session: &str, method: &str) -> Vec<Value> {
        let heard = lock(&self.heard);
        let of_it = |event: &&Value| event["sessionId"] == session && event["method"] == method;
        heard.events.iter().filter(of_it).map(|event| event["params"].clone()).collect()
    }
}

/// Until the browser ends; whoever still waits then is told by its sender's end.
async fn listen(mut stream: SplitStream<Line>, heard: Arc<Mutex<Heard>>) {
    while let Some(Ok(message)) = stream.next().await {
        let Ok(text) = message.to_text() else { continue };
        let Ok(said) = serde_json::from_str::<Value>(text) else { continue };
        let mut heard = lock(&heard);
        match said["id"].as_u64().and_then(|id| heard.waiting.remove(&id)) {
            Some(waiting) => _ = waiting.send(said),
            None => heard.events.push(said),
        }
    }
    lock(&heard).waiting.clear();
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
