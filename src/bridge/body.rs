//! The body of a request: whole, within its limits of size and time, and with room held for it.
//! Leaves to `gate.rs`: how much room there is.

use std::time::Duration;

use actix_web::{HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::{Shared, gate::Seat, problem::Problem};

/// The whole body, if it is not too large and comes in this time, and the room that it takes for
/// as long as it is held.
pub(super) async fn whole(
    request: &HttpRequest,
    mut body: web::Payload,
    shared: &Shared,
    max: usize,
    timeout: Duration,
) -> Result<(Bytes, Option<Seat>), Problem> {
    let too_big = || Problem::too_big(format!("a body of at most {max} bytes is taken here"));
    let length = request.headers().get("content-length").and_then(|it| it.to_str().ok());
    if length.and_then(|it| it.parse::<u64>().ok()).is_some_and(|length| length > max as u64) {
        return Err(too_big());
    }
    let reading = async {
        let (mut whole, mut held) = (BytesMut::new(), None::<Seat>);
        while let Some(part) = body.next().await {
            let part = part.map_err(|error| {
                Problem::bad_request(format!("the body could not be read: {error}"))
            })?;
            if whole.len() + part.len() > max {
                return Err(too_big());
            }
            let room = shared.gate.bytes(part.len()).ok_or_else(|| no_room(shared))?;
            match &mut held {
                Some(held) => held.and(room),
                None => held = Some(room),
            }
            whole.extend_from_slice(&part);
        }
        Ok((whole.freeze(), held))
    };
    let late = |_| {
        let detail = format!("the body did not come within {timeout:?}");
        Problem::new(408, "body_timeout", "The body did not come in time", detail)
    };
    tokio::time::timeout(timeout, reading).await.map_err(late)?
}

fn no_room(shared: &Shared) -> Problem {
    let max = shared.options.requests_bytes_max;
    let detail = format!(
        "the bodies of the requests being served have {max} bytes together, which is the limit \
         (--requests-bytes-max)"
    );
    Problem::new(503, "requests_bytes_max", "Too much at once", detail).retry_after(1)
}
