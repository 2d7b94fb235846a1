//! The internals whose instructions `benches/hot` counts: in no build but with the feature `_measuring`.
//! Leaves to `benches/hot` what is done with them, and everything else to where it is from.

pub use crate::{
    caller::Caller,
    deflate::WindowBits,
    frame::{Frame, message},
    hub::{Hub, Seat, Shard},
    outbox::{Budget, Charged, OutboxBody},
};
