//! The proof that `holdline link` does what docs/link.md says: the real binary between HTTP
//! requests and a real backend. What a link does by itself is proven in `tests/link`.
//!
//! One promise per file, and each test is named by the sentence it proves.
//!
//! Needed: curl, `setpriv`, and what `scripts/tool peers` gets. What is missing fails the test; nothing is skipped.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the harness is shared with tests/e2e, and each of them uses a part of it"
)]

// A message goes out, a reply comes back.
mod curl;
mod forms;
mod storm;
// Or it does not, and the answer says why.
mod failures;
mod limits;
// Several links.
mod links;
mod status;
// What nobody asked for.
mod messages;
// Who may ask, and what is kept from everybody.
mod secrets;
mod tls;
mod visitors;
// Start and end.
mod refusals;
mod shutdown;

mod bridge;

#[path = "../harness/mod.rs"]
mod harness;
