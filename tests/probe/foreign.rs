//! What servers that nobody here wrote agree to is told: subprotocol and extensions.
//! How long they let silence last is their users' configuration.

use crate::harness::foreign::{Foreign, Kind};
use crate::plain::{Manner, Plain};
use crate::probing::probe;

#[tokio::test]
async fn the_subprotocol_is_told_as_the_server_agreed_to_it() {
    let tells = async |kind| {
        let server = Foreign::start(kind).await;
        let url = format!("ws://{}/echo", server.address());
        let report = probe(&url, &["--max", "1s", "-s", "chat.v1"]).await;
        report.says("/handshake/status", 101).says("/finished", "max");
        let address = server.address().to_string();
        report.says("/handshake/address", address).says("/handshake/subprotocol", "chat.v1");
        // None of them compresses here.
        report.says("/handshake/extensions", ()).says("/cut", ());
    };
    tokio::join!(tells(Kind::NodeWs), tells(Kind::PythonWebsockets), tells(Kind::Gorilla));
}

#[tokio::test]
async fn the_server_s_name_and_extensions_are_told_and_what_it_did_not_agree_to_is_null() {
    let named = Manner { fields: "Server: teapot/1.2\r\n", deflates: true, ..Manner::default() };
    let (named, nameless) = (Plain::start(named).await, Plain::start(Manner::default()).await);
    let (named, nameless) = (named.url(), nameless.url());
    let (named, nameless) =
        tokio::join!(probe(&named, &["--max", "1s"]), probe(&nameless, &["--max", "1s"]));
    named.says("/handshake/server", "teapot/1.2").says("/handshake/subprotocol", ());
    named.says("/handshake/extensions", "permessage-deflate");
    nameless.says("/handshake/server", ()).says("/handshake/extensions", ());
    for step in ["resolve", "connect", "upgrade"] {
        let took = named.number(&format!("/handshake/took_ms/{step}"));
        assert!(took.is_some_and(|took| (0.0..10_000.0).contains(&took)), "{step}: {named}");
    }
    named.says("/handshake/took_ms/tls", 0.0);
}
