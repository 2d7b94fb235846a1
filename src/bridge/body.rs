//! The body of a request to a bridge, with room held for it.
//! Leaves to `crate::request`: its limits of size and time; to `gate.rs`: how much room there is.

use std::time::Duration;

use actix_web::{HttpRequest, web};
use bytes::Bytes;

use super::{Shared, gate::Seat, problem::Problem};
use crate::request;

/// The whole body, if it is not too large and comes in this time, and the room that it takes for
/// as long as it is held.
pub(super) async fn whole(
    asked: &HttpRequest,
    body: web::Payload,
    shared: &Shared,
    max: usize,
    timeout: Duration,
) -> Result<(Bytes, Option<Seat>), Problem> {
    let mut held = None::<Seat>;
    let room = |bytes| {
        let room = shared.gate.bytes(bytes).ok_or_else(|| no_room(shared))?;
        match &mut held {
            Some(held) => held.and(room),
            None => held = Some(room),
        }
        Ok(())
    };
    let whole = request::body(asked, body, max, timeout, room).await?;
    Ok((whole, held))
}

fn no_room(shared: &Shared) -> Problem {
    let max = shared.options.requests_bytes_max;
    let detail = format!(
        "the bodies of the requests being served have {max} bytes together, which is the limit \
         (--requests-bytes-max)"
    );
    Problem::new(503, "requests_bytes_max", "Too much at once", detail).retry_after(1)
}
