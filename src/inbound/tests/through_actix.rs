//! Through the real `actix_ws::MessageStream`: what the connection's task gets to see.
//! Leaves to `reading.rs`: the rules of the protocol.

use std::future::poll_fn;

use actix_web::{FromRequest, HttpResponse, dev, http::header, test::TestRequest};
use actix_ws::{Message, MessageStream};

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
    let mut sent = frame(0x81, b"one");
    sent.extend(frame(0x01, b"t"));
    sent.extend(frame(0x89, b"ping"));
    sent.extend(frame(0x80, b"wo"));
    sent.extend(frame(0x82, &[7; 70_000]));
    wire.send(&sent);
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
