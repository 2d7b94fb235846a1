//! The guard in front of actix-ws's reader: validates what the peer sends, early and strictly.
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
    task::{Context, Poll},
};

use actix_http::BoxedPayloadStream;
use actix_web::{FromRequest, HttpRequest, dev, error::PayloadError, web};
use bytes::Bytes;
use futures_core::Stream;

pub use self::observed::Observed;
use self::reader::Reader;
use crate::frame::CONTROL_BYTES_MAX;

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
    /// The largest payload the guard lets through in one frame, in bytes: what
    /// [`actix_ws::MessageStream::max_frame_size`] must be set to.
    ///
    /// ```
    /// use holdline::inbound::InboundLimits;
    ///
    /// let limits =
    ///     InboundLimits { message_bytes_max: 10, message_fragments_max: 1024, is_deflated: false };
    /// assert_eq!(limits.frame_bytes_max(), 125, "what a control frame may have");
    /// ```
    pub fn frame_bytes_max(&self) -> usize {
        self.message_bytes_max.max(CONTROL_BYTES_MAX)
    }

    /// The most bytes a message may have on the wire. What cannot be deflated grows by 5 bytes in
    /// 16 KiB (RFC 1951 section 3.2.4), and libraries deflate it all the same.
    fn wire_bytes_max(&self, is_deflated: bool) -> usize {
        let max = self.message_bytes_max;
        if is_deflated { max.saturating_add(max / 1024 + 64) } else { max }
    }
}

/// A request body behind a [`Guard`], ready for [`actix_ws::handle`].
///
/// The message stream must then be told [`InboundLimits::frame_bytes_max`], for its own limit
/// is 64 KiB.
///
/// # Errors
/// None so far: the signature is that of actix-web's extractor.
///
/// ```
/// # actix_rt::System::new().block_on(async {
/// use std::rc::Rc;
/// use actix_web::{HttpRequest, HttpResponse, web};
/// use holdline::inbound::{InboundLimits, payload};
///
/// async fn socket(request: HttpRequest, body: web::Payload) -> actix_web::Result<HttpResponse> {
///     let (message_bytes_max, message_fragments_max) = (65_536, 1024);
///     let limits = InboundLimits { message_bytes_max, message_fragments_max, is_deflated: false };
///     let body = payload(body, limits, Rc::default(), &request)?;
///     let (response, _session, _messages) = actix_ws::handle(&request, body)?;
///     Ok(response)
/// }
/// # let _route = web::get().to(socket);
/// # });
/// ```
pub fn payload(
    bytes: web::Payload,
    limits: InboundLimits,
    observed: Rc<Observed>,
    request: &HttpRequest,
) -> actix_web::Result<web::Payload> {
    let guard = Guard::new(bytes.into_inner(), limits, observed);
    let mut guarded = dev::Payload::from(Box::pin(guard) as BoxedPayloadStream);
    // `web::Payload` has no constructor; its extractor only moves the stream into it.
    web::Payload::from_request(request, &mut guarded).into_inner()
}

/// A stream of whole, validated frames, made of the bytes that the peer sent.
///
/// Each message leaves as one final frame with a zero mask, in an allocation of its own; control
/// frames leave at once, also between the fragments of a message. After a fault there is one
/// empty Close frame more, and the reason is in [`Observed::fault`]. From then on, and after
/// [`Observed::swallow`], only the peer's Close is let through. The stream ends when the byte
/// stream does and never before: actix-ws would not poll it again.
pub struct Guard<S> {
    bytes: S,
    reader: Reader,
    observed: Rc<Observed>,
    /// What was read and is not yet looked at; holds no memory when empty.
    chunk: Bytes,
    /// How the byte stream ended, until that has been passed on.
    end: Option<Result<(), PayloadError>>,
    /// The part of a batch that the next poll has to do.
    turn: Turn,
}

/// Where the guard is in a batch. [`actix_ws::MessageStream`] reads until it is told to wait and
/// joins what it got, so a batch is one frame: that frame then stays an allocation of its own.
///
/// One message and then silence, poll by poll, as the message stream sees it:
///
/// | Turn before | Answer | What the message stream does |
/// |---|---|---|
/// | `Read` | the frame | keeps it as its buffer and polls again |
/// | `Rest` | wait | decodes its buffer, hands the message to the connection |
/// | `Displace` | an empty chunk | has a new buffer: the message's memory is the connection's alone |
/// | `Read` | wait | waits |
#[derive(Clone, Copy)]
enum Turn {
    /// Nothing is owed: read on.
    Read,
    /// A frame was given out: say "wait" once.
    Rest,
    /// The reader still holds on to the last frame's memory. Read on, and if there is nothing,
    /// give it an empty chunk, which takes that frame's place.
    Displace,
}

/// How many chunks one poll may use up without finding a frame to give out.
const CHUNKS_PER_POLL: usize = 16;

impl<S> Guard<S> {
    /// Guards `bytes`; what is seen on the way is noted in `observed`.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use std::rc::Rc;
    /// use bytes::Bytes;
    /// use futures_util::StreamExt;
    /// use holdline::inbound::{Guard, InboundLimits, Observed};
    ///
    /// let (message_bytes_max, message_fragments_max) = (65_536, 1024);
    /// let limits = InboundLimits { message_bytes_max, message_fragments_max, is_deflated: false };
    /// let observed = Rc::new(Observed::default());
    /// // A final text frame of two bytes, with a mask of zeros.
    /// let bytes = futures_util::stream::iter([Ok(Bytes::from_static(b"\x81\x82\0\0\0\0hi"))]);
    /// let mut guard = Guard::new(bytes, limits, Rc::clone(&observed));
    /// let frame = guard.next().await.expect("one message").expect("and a good one");
    /// assert_eq!(&frame[..], b"\x81\x82\0\0\0\0hi");
    /// assert_eq!(observed.frames(), 1);
    /// # });
    /// ```
    pub fn new(bytes: S, limits: InboundLimits, observed: Rc<Observed>) -> Self {
        let reader = Reader::new(limits, Rc::clone(&observed));
        Self { bytes, reader, observed, chunk: Bytes::new(), end: None, turn: Turn::Read }
    }
}

impl<S> Stream for Guard<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Turn::Rest = this.turn {
            this.turn = Turn::Displace;
            return this.rest(cx);
        }
        for _ in 0..CHUNKS_PER_POLL {
            if let Some(frame) = this.reader.read(&mut this.chunk) {
                this.turn = Turn::Rest;
                return Poll::Ready(Some(Ok(frame)));
            }
            if this.fill(cx).is_pending() {
                return this.idle();
            }
            if let Some(end) = &mut this.end {
                return Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S> Guard<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    /// Ends a batch. Looks whether there is more, because a wake-up for nothing costs more.
    fn rest(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        if !self.chunk.is_empty() || self.fill(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Waits for the peer; the byte stream has taken the waker.
    fn idle(&mut self) -> Poll<Option<Result<Bytes, PayloadError>>> {
        match std::mem::replace(&mut self.turn, Turn::Read) {
            Turn::Displace => Poll::Ready(Some(Ok(Bytes::new()))),
            Turn::Read | Turn::Rest => Poll::Pending,
        }
    }

    /// Takes the next chunk, or notes the end; ready when there is either.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.end.is_some() {
            return Poll::Ready(());
        }
        match Pin::new(&mut self.bytes).poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => self.chunk = chunk,
            Poll::Ready(Some(Err(error))) => self.end = Some(Err(error)),
            Poll::Ready(None) => self.end = Some(Ok(())),
            Poll::Pending => return Poll::Pending,
        }
        if self.end.is_some() {
            self.observed.note_end();
        }
        Poll::Ready(())
    }
}
