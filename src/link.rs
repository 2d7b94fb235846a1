//! A supervised relation to one server that outlives its connections: it reconnects.
//! Leaves to `dial.rs`: one connection; to `bridge.rs`: offering links over HTTP.

mod failure;
mod options;
mod retry;
mod status;

pub use self::{
    failure::Failure,
    options::Options,
    retry::{Next, Patience, Retry},
    status::{Loss, State, Status},
};
