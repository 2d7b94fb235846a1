//! The rows of the table in which the backend ends without a word: killed, or another one that closes or
//! tears TCP. What it says before it stops in good order is `drain`.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Logs, complains, is_told, line_of};
use crate::harness::{Stage, Tcp};

/// What a backend does that is none of ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Manner {
    /// Ends TCP in good order when its peer has said something.
    Fin,
    /// Tears it.
    Reset,
    /// Never answers the handshake.
    Hang,
    /// Ends TCP instead of an answer.
    Mute,
}

/// A backend of this manner.
pub(super) async fn impolite(manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                match manner {
                    Manner::Hang => return std::future::pending().await,
                    Manner::Mute => return,
                    Manner::Fin | Manner::Reset => {}
                }
                let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                              Connection: Upgrade\r\n\
                              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.read(&mut [0; 64]).await;
                if manner == Manner::Reset {
                    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn backend_closed_is_a_backend_that_was_killed() {
    let mut stage = Stage::gateway().start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.echoes("hello").await;
    stage.open_of(&peer).await;
    stage.node().kill().await;
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (1006, Tcp::Fin), "{end:?}");
    assert!(stage.ends_of(&peer).is_empty(), "the dead say nothing");
    is_told(&mut stage, &peer.request, "OK", "backend_closed").await;
    // From the gateway's point of view alone a client that left looks the same.
    let (answer, _) = Logs { own: None, ..Logs::of(&mut stage) }.ask(&[&peer.request]);
    assert_eq!(
        (&answer["cause"], &answer["or"]),
        (&"client_hung_up".into(), &"backend_closed".into())
    );
    assert!(answer["missing"].as_str().expect("a text").contains("--log"), "{answer:#}");
}

#[tokio::test]
async fn backend_reset_is_a_backend_that_tore_the_connection() {
    let address = impolite(Manner::Reset).await;
    let mut stage = Stage::gateway().behind(address).start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.text("go").await;
    let end = peer.ended().await;
    assert_eq!((end.code, end.tcp), (1006, Tcp::Fin), "{end:?}");
    let answer = is_told(&mut stage, &peer.request, "OK", "backend_reset").await;
    assert_eq!(answer["who"], "the backend");
    let line = line_of(&mut stage, &peer.request).await;
    assert!(complains(
        &mut stage,
        &line,
        &["[error]", "recv() failed (104", "upgraded connection"]
    ));
}

#[tokio::test]
async fn client_hung_up_and_backend_closed_are_both_said_where_nothing_decides() {
    let address = impolite(Manner::Fin).await;
    let mut stage = Stage::gateway().behind(address).start().await;
    let mut peer = stage.connect("/ws/echo").await;
    peer.text("go").await;
    peer.ended().await;
    line_of(&mut stage, &peer.request).await;
    // A backend that is none of ours writes no log: who hung up first nobody can tell.
    let (answer, code) = Logs::of(&mut stage).ask(&[&peer.request]);
    assert_eq!(
        (&answer["cause"], &answer["or"]),
        (&"client_hung_up".into(), &"backend_closed".into())
    );
    assert_eq!(code, Some(0));
}
