//! Through the real `actix_ws::MessageStream`: what the connection's task gets to see.
//! Leaves to `reading.rs`: the rules of the protocol.

use std::future::poll_fn;

use actix_web::{FromRequest, HttpResponse, dev, http::header, test::TestRequest};
use actix_ws::{CloseCode, CloseReason, Message, MessageStream};

use super::*;

/// The reader that a connection has, behind a guard that reads from `wire`. The response is to
/// be kept: without its body the reader would see one batch and end.
fn open(wire: &Wire, observed: &Rc<Observed>) -> (HttpResponse, MessageStream) {
    let request = TestRequest::default()
        .insert_header((header::UPGRADE, "websocket"))
        .insert_header((header::CONNECTION, "upgrade"))
        .insert_header((header::SEC_WEBSOCKET_VERSION, "13"))
        .insert_header((header::SEC_WEBSOCKET_KEY, "x3JJHMbDL1EzLkh9GBhXDw=="))
        .to_http_request();
    let mut stream = dev::Payload::from(Box::pin(wire.clone()) as BoxedPayloadStream);
    let body = web::Payload::from_request(&request, &mut stream).into_inner().unwrap();
    let guarded = payload(body, LIMITS, Rc::clone(observed), &request).unwrap();
    let (response, _, messages) = actix_ws::handle(&request, guarded).unwrap();
    (response, messages.max_frame_size(LIMITS.frame_bytes_max()))
}

/// Everything that is there now.
async fn received(messages: &mut MessageStream) -> Vec<Message> {
    let mut received = Vec::new();
    poll_fn(|cx| {
        while let Poll::Ready(Some(Ok(message))) = Pin::new(&mut *messages).poll_next(cx) {
            received.push(message);
        }
        Poll::Ready(())
    })
    .await;
    received
}

#[actix_rt::test]
async fn messages_arrive_whole_and_in_order() {
    let wire = Wire::default();
    let observed = Rc::new(Observed::default());
    let (_response, mut messages) = open(&wire, &observed);
    let sent = [
        frame(FIN | TEXT, b"one"),
        frame(TEXT, b"t"),
        frame(FIN | PING, b"ping"),
        frame(FIN | CONTINUATION, b"wo"),
        frame(FIN | BINARY, &[7; 70_000]),
    ];
    wire.send(&sent.concat());
    let received = received(&mut messages).await;
    assert_eq!(
        received,
        [
            Message::Text("one".into()),
            Message::Ping(Bytes::from_static(b"ping")),
            Message::Text("two".into()),
            Message::Binary(vec![7; 70_000].into()),
        ]
    );
    assert_eq!(observed.frames(), 5);
    assert_eq!(observed.fault(), None);
}

#[actix_rt::test]
async fn each_message_has_an_allocation_of_its_own() {
    let wire = Wire::default();
    let (_response, mut messages) = open(&wire, &Rc::default());
    wire.send(&frame(FIN | BINARY, b"of one read").repeat(3));
    wire.send(&frame(FIN | BINARY, b"of another"));
    let received = received(&mut messages).await;
    assert_eq!(received.len(), 4);
    for message in received {
        let Message::Binary(bytes) = message else { panic!("{message:?}") };
        assert!(bytes.is_unique(), "{bytes:?} shares its memory");
    }
}

#[actix_rt::test]
async fn a_fault_is_an_empty_close_behind_the_good_messages() {
    let wire = Wire::default();
    let observed = Rc::new(Observed::default());
    let (_response, mut messages) = open(&wire, &observed);
    wire.send(&[frame(FIN | TEXT, b"good"), frame(FIN | TEXT, b"\xff")].concat());
    let good = Message::Text("good".into());
    assert_eq!(received(&mut messages).await, [good, Message::Close(None)]);
    assert_eq!(observed.fault(), Some(Disconnect::BadData));

    // The stream goes on, so that the peer's answer to our close can be seen.
    wire.send(&frame(FIN | CLOSE, &close_payload(1007, b"sorry")));
    let sorry = CloseReason { code: CloseCode::Invalid, description: Some("sorry".into()) };
    assert_eq!(received(&mut messages).await, [Message::Close(Some(sorry))]);
    assert_eq!(observed.peer_close(), Some(Close::new(1007, "sorry")));
}

#[actix_rt::test]
async fn every_legal_close_passes_actix_too() {
    for code in (0..=u16::MAX).filter(|code| close::read(&code.to_be_bytes()).is_ok()) {
        let wire = Wire::default();
        let (_response, mut messages) = open(&wire, &Rc::default());
        wire.send(&frame(FIN | CLOSE, &close_payload(code, b"")));
        let received = received(&mut messages).await;
        assert!(matches!(received[..], [Message::Close(Some(_))]), "{code}: {received:?}");
    }
}

#[actix_rt::test]
async fn fin_ends_the_stream_and_rst_is_an_error() {
    for fails in [false, true] {
        let wire = Wire::default();
        let observed = Rc::new(Observed::default());
        let (_response, mut messages) = open(&wire, &observed);
        wire.send(&frame(FIN | TEXT, b"last"));
        if fails {
            wire.fail()
        } else {
            wire.finish()
        };
        assert_eq!(messages.recv().await.unwrap().unwrap(), Message::Text("last".into()));
        if fails {
            assert!(messages.recv().await.unwrap().is_err());
        }
        assert!(messages.recv().await.is_none());
        assert!(observed.ended());
    }
}

#[actix_rt::test]
async fn a_waiting_task_is_woken_for_every_message() {
    let wire = Wire::default();
    let (response, mut messages) = open(&wire, &Rc::default());
    let reader = actix_rt::spawn(async move {
        let _response = response;
        let mut count = 0;
        while let Some(Ok(Message::Text(_))) = messages.recv().await {
            count += 1;
        }
        count
    });
    for _ in 0..100 {
        actix_rt::task::yield_now().await;
        wire.send(&frame(FIN | TEXT, b"several").repeat(3)[..25]);
        actix_rt::task::yield_now().await;
        wire.send(&frame(FIN | TEXT, b"several").repeat(3)[25..]);
    }
    wire.finish();
    let count = actix_rt::time::timeout(std::time::Duration::from_secs(60), reader);
    assert_eq!(count.await.expect("the task hangs").unwrap(), 300);
}
