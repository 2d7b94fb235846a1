//! The guard: reads what the peer sends, early and strictly, and gives out whole messages.
//! Leaves to `connection.rs`: what to do with a message, and how to answer a fault.

mod assembly;
mod close;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod header;
mod mask;
mod message;
mod observed;
mod reader;
#[cfg(test)]
mod tests;
mod utf8;

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::{FromRequest, HttpRequest, HttpResponse, dev, error::PayloadError, web};
use actix_ws::Session;
use bytes::Bytes;
use futures_core::Stream;

pub use self::observed::Observed;
use self::reader::Reader;
use crate::{
    disconnect::{Close, Disconnect},
    message::Message,
};

/// How large one inbound message may become.
#[derive(Clone, Copy, Debug)]
pub struct InboundLimits {
    /// The most payload bytes of a message, all its fragments together
    /// (`limits.message_bytes_max`); a frame that announces more is a fault at its header.
    pub message_bytes_max: usize,
    /// The most frames a message may be split into (`limits.message_fragments_max`).
    pub message_fragments_max: usize,
    /// Whether the peer may deflate its messages (RFC 7692), each without context. The limit counts
    /// inflated bytes.
    pub is_deflated: bool,
}

impl InboundLimits {
    /// The most bytes a message may have on the wire. What cannot be deflated grows by 5 bytes in
    /// 16 KiB (RFC 1951 section 3.2.4), and libraries deflate it all the same.
    fn wire_bytes_max(&self, is_deflated: bool) -> usize {
        let max = self.message_bytes_max;
        if is_deflated { max.saturating_add(max / 1024 + 64) } else { max }
    }
}

/// What a [`Guard`] gives out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A whole message, in an allocation of its own.
    Message(Message),
    /// A ping; its payload belongs into a pong (RFC 6455 section 5.5.2).
    Ping(Bytes),
    /// A pong, whether it answers a ping or not.
    Pong(Bytes),
    /// The peer's Close, its last word: nothing follows but the end of the bytes. Its code is
    /// [`Close::NO_CODE`] if it had none, or answers ours and is illegal.
    Close(Close),
    /// The peer broke the rules: `TooBig`, `BadData` or `ProtocolError`, whose
    /// [`close`](Disconnect::close) says what it is to be told. Only its Close can follow.
    Fault(Disconnect),
}

/// Answers a handshake as [`actix_ws::handle`] does, with a guard in the place of its reader.
///
/// The guard sends nothing: pongs, and the Close that answers a Close or a fault, are yours to send.
/// When you send one, say so with [`Observed::swallow`].
///
/// # Errors
/// Those of [`actix_ws::handle`]: the request is not a handshake.
///
/// ```
/// # actix_rt::System::new().block_on(async {
/// use std::rc::Rc;
/// use actix_web::{HttpRequest, HttpResponse, web};
/// use futures_util::StreamExt;
/// use holdline::inbound::{InboundLimits, Received, handle};
///
/// async fn socket(request: HttpRequest, body: web::Payload) -> actix_web::Result<HttpResponse> {
///     let (message_bytes_max, message_fragments_max) = (65_536, 1024);
///     let limits = InboundLimits { message_bytes_max, message_fragments_max, is_deflated: false };
///     let (response, mut session, mut guard) = handle(&request, body, limits, Rc::default())?;
///     actix_rt::spawn(async move {
///         while let Some(Ok(received)) = guard.next().await {
///             let told = match received {
///                 Received::Message(message) => session.binary(message.as_bytes().clone()).await,
///                 Received::Ping(payload) => session.pong(&payload).await,
///                 Received::Pong(_) => Ok(()),
///                 Received::Close(_) | Received::Fault(_) => break,
///             };
///             if told.is_err() {
///                 break;
///             }
///         }
///         let _ = session.close(None).await;
///     });
///     Ok(response)
/// }
/// # let _route = web::get().to(socket);
/// # });
/// ```
pub fn handle(
    request: &HttpRequest,
    body: web::Payload,
    limits: InboundLimits,
    observed: Rc<Observed>,
) -> actix_web::Result<(HttpResponse, Session, Guard<dev::Payload>)> {
    // actix-ws's own reader is given nothing to read. `web::Payload` has no constructor.
    let nothing = web::Payload::from_request(request, &mut dev::Payload::None).into_inner()?;
    let (response, session, _) = actix_ws::handle(request, nothing)?;
    Ok((response, session, Guard::new(body.into_inner(), limits, observed)))
}

/// A stream of whole, validated messages, made of the bytes that the peer sent.
///
/// Control frames leave at once, also between the fragments of a message. After a fault, and after
/// [`Observed::swallow`], only the peer's Close is let through. The stream ends when the byte
/// stream does and never before, so that this Close can be waited for; that the byte stream failed
/// is its only error.
pub struct Guard<S> {
    bytes: S,
    reader: Reader,
    observed: Rc<Observed>,
    /// What was read and is not yet looked at; holds no memory when empty.
    chunk: Bytes,
}

/// How many chunks one poll may use up without finding anything to give out.
const CHUNKS_PER_POLL: usize = 16;

impl<S> Guard<S> {
    /// Guards `bytes`; what is seen on the way is noted in `observed`, which is not for a second
    /// guard: the end of this one's bytes would be the end of that one's.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use std::rc::Rc;
    /// use bytes::Bytes;
    /// use futures_util::StreamExt;
    /// use holdline::inbound::{Guard, InboundLimits, Observed, Received};
    ///
    /// let (message_bytes_max, message_fragments_max) = (65_536, 1024);
    /// let limits = InboundLimits { message_bytes_max, message_fragments_max, is_deflated: false };
    /// let observed = Rc::new(Observed::default());
    /// // A final text frame of two bytes, with a mask of zeros.
    /// let bytes = futures_util::stream::iter([Ok(Bytes::from_static(b"\x81\x82\0\0\0\0hi"))]);
    /// let mut guard = Guard::new(bytes, limits, Rc::clone(&observed));
    /// let received = guard.next().await.expect("one message").expect("and a good one");
    /// assert_eq!(received, Received::Message("hi".into()));
    /// assert_eq!(observed.frames(), 1);
    /// # });
    /// ```
    pub fn new(bytes: S, limits: InboundLimits, observed: Rc<Observed>) -> Self {
        let reader = Reader::new(limits, Rc::clone(&observed));
        Self { bytes, reader, observed, chunk: Bytes::new() }
    }
}

impl<S> Stream for Guard<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    type Item = Result<Received, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        for _ in 0..CHUNKS_PER_POLL {
            if let Some(received) = this.reader.read(&mut this.chunk) {
                return Poll::Ready(Some(Ok(received)));
            }
            if this.observed.ended() {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut this.bytes).poll_next(cx)) {
                Some(Ok(chunk)) => this.chunk = chunk,
                end => {
                    this.observed.note_end();
                    return Poll::Ready(end.and_then(Result::err).map(Err));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
