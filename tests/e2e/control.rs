//! The control API: what it tells and does is true on every worker, and whoever asks wrongly is told
//! what is wrong. That answers and document agree is asked by `scripts/lib/check_control`.

mod bad_requests;
mod batches;
mod curl;
mod drain;
mod limits;
mod listing;
mod publishing;
mod token;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use serde_json::Value;

use crate::harness::http::{self, Answer};
use crate::harness::stage::Builder;
use crate::harness::{PATIENCE, Peer, Stage, until};

/// Two workers, so that something could be forgotten.
fn stage() -> Builder {
    Stage::backend().workers(2)
}

/// The control listener of the only backend.
pub fn control(stage: &mut Stage) -> SocketAddr {
    stage.node().control
}

/// Asks on a connection of its own.
async fn ask(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let request = request(at, method, path, headers, body);
    let answer = http::send(at, &request).await;
    answer.unwrap_or_else(|why| panic!("{method} {path}: {why}"))
}

/// The bytes of a request.
fn request(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    [request.as_bytes(), b"\r\n", body].concat()
}

/// GETs what must be there.
async fn get(at: SocketAddr, path: &str) -> Value {
    let answer = ask(at, "GET", path, &[], b"").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    json(&answer)
}

/// Posts a text that must be taken, and tells how many it was delivered to.
pub async fn post(at: SocketAddr, path: &str, text: &str) -> u64 {
    let answer = ask(at, "POST", path, &[], text.as_bytes()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    json(&answer)["delivered"].as_u64().expect("a count")
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.text()))
}

/// The name of this peer's connection, from the log.
async fn id_of(stage: &Stage, peer: &Peer) -> String {
    let named = async || names(stage).remove(&peer.request);
    until("a line at the open", PATIENCE, named, Option::is_some).await.expect("it is there")
}

/// The name of each connection by its request, when these have theirs.
async fn names_of(stage: &Stage, peers: &[Peer]) -> HashMap<String, String> {
    let named = async || names(stage);
    let all = |names: &HashMap<_, _>| peers.iter().all(|peer| names.contains_key(&peer.request));
    until("a line at each open", PATIENCE, named, all).await
}

/// The name of each connection by its request, as far as the log has told.
fn names(stage: &Stage) -> HashMap<String, String> {
    let opens = stage.opens().into_iter();
    opens.map(|line| (line.value("request").to_owned(), line.value("id").to_owned())).collect()
}

/// Pages through the list, from its beginning to its end.
async fn ids(at: SocketAddr, query: &str) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(at, &format!("/connections?{query}{after}")).await;
        let told = page["connections"].as_array().expect("a list");
        assert!(ids.len() < 10_000, "it never ends");
        ids.extend(told.iter().map(|told| told["id"].as_str().expect("an id").to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return ids,
        }
    }
}

/// Which workers hold these connections.
fn workers(ids: &[String]) -> HashSet<&str> {
    ids.iter().map(|id| &id[6..8]).collect()
}

/// The answer is a problem of this status, with everything that one has, and names this field.
fn is_problem(answer: &Answer, status: u16, field: &str) -> Value {
    assert_eq!(answer.status, status, "{field}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let problem = json(answer);
    assert_eq!(problem["status"], status, "{problem}");
    let kind = problem["type"].as_str().expect("a type");
    assert!(kind.starts_with("urn:holdline:problem:"), "{problem}");
    assert_eq!(problem["field"].as_str().unwrap_or_default(), field, "{problem}");
    let named = problem["detail"].as_str().expect("a detail").contains(field);
    assert!(named, "{problem}");
    problem
}
