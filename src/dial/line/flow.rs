//! Frames between a line's caller and the WebSocket layer below, and what they cost meanwhile.
//! Leaves to `line.rs`: what the caller may do.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use bytestring::ByteString;
use futures_util::{Sink, Stream};
use tokio_tungstenite::tungstenite::{self, Error};

use super::{End, Event, HEADER_BYTES, Line, PONG_BYTES_MAX};
use crate::message::Message;

impl Line {
    pub(super) fn queue(&mut self, frame: tungstenite::Message) {
        if self.write_fault.is_some() {
            return;
        }
        self.unsent_bytes += frame.len() + HEADER_BYTES;
        self.unsent_since.get_or_insert_with(Instant::now);
        match Pin::new(&mut self.stream).start_send(frame) {
            // After a close nothing is sent, and the caller has seen the close or made it.
            Ok(()) | Err(Error::Protocol(_) | Error::ConnectionClosed | Error::AlreadyClosed) => {}
            Err(error) => self.write_fault = Some(End::from_error(error, self.notes())),
        }
    }

    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, End>> {
        if self.poll_flushed(cx) {
            return Poll::Ready(Ok(Event::Flushed));
        }
        if self.pong_bytes > PONG_BYTES_MAX && self.write_fault.is_none() {
            // Woken when the wire takes them.
            return Poll::Pending;
        }
        match Pin::new(&mut self.stream).poll_next(cx) {
            Poll::Ready(Some(Ok(message))) => Poll::Ready(Ok(self.seen(message))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(self.failed(error))),
            Poll::Ready(None) => Poll::Ready(Err(self.closed.clone().unwrap_or(End::Fin))),
            // Whatever had come before the fault has been read by now.
            Poll::Pending => match &self.write_fault {
                Some(fault) => Poll::Ready(Err(self.closed.clone().unwrap_or(fault.clone()))),
                None => Poll::Pending,
            },
        }
    }

    /// True when the last of what was queued has just been taken.
    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> bool {
        if self.unsent_since.is_none() || self.write_fault.is_some() {
            return false;
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => {
                (self.unsent_since, self.unsent_bytes, self.pong_bytes) = (None, 0, 0);
                true
            }
            Poll::Ready(Err(error)) => {
                self.write_fault = Some(End::from_error(error, self.notes()));
                false
            }
        }
    }

    fn seen(&mut self, message: tungstenite::Message) -> Event {
        match message {
            tungstenite::Message::Text(text) => {
                let text = ByteString::try_from(Bytes::from(text));
                Event::Message(Message::Text(text.unwrap_or_default()))
            }
            tungstenite::Message::Binary(bytes) => Event::Message(Message::Binary(bytes)),
            tungstenite::Message::Ping(payload) => {
                // Its answer was queued below us and goes out with the next flush.
                self.unsent_since.get_or_insert_with(Instant::now);
                let answer = payload.len() + HEADER_BYTES;
                self.unsent_bytes += answer;
                self.pong_bytes += answer;
                Event::Ping(payload)
            }
            tungstenite::Message::Pong(payload) => Event::Pong(payload),
            tungstenite::Message::Close(frame) => {
                let (code, text) = frame
                    .map_or((1005, String::new()), |it| (it.code.into(), it.reason.to_string()));
                self.closed.get_or_insert(End::ClosedByServer(code, text));
                self.unsent_since.get_or_insert_with(Instant::now);
                Event::Close
            }
            tungstenite::Message::Frame(_) => Event::Flushed,
        }
    }

    fn failed(&mut self, error: Error) -> End {
        // Who has said goodbye may hang up as it likes.
        if let Some(closed) = &self.closed {
            return closed.clone();
        }
        let end = End::from_error(error, self.notes());
        if let Some(code) = end.our_code() {
            // Written at once, as far as the wire has room.
            self.close(code, "");
        }
        end
    }
}
