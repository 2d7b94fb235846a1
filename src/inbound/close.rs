//! A close frame's payload: the code and reason, and which ones are legal.
//! Leaves to `disconnect.rs`: what the codes that we send mean.

use std::str;

use super::observed::Fault;
use crate::disconnect::Close;

/// Reads a close frame's payload (RFC 6455 sections 5.5.1 and 7.4).
pub(super) fn read(payload: &[u8]) -> Result<Close, Fault> {
    if payload.is_empty() {
        return Ok(Close::new(Close::NO_CODE, ""));
    }
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return Err(Fault::Protocol);
    };
    let code = u16::from_be_bytes(*code);
    if !is_legal(code) {
        return Err(Fault::Protocol);
    }
    let reason = str::from_utf8(reason).map_err(|_| Fault::BadData)?;
    Ok(Close::new(code, reason))
}

/// Whether a peer may send this code: one that the IANA registry assigns to close frames, or one
/// of the ranges that are left to libraries (3000–3999) and applications (4000–4999).
fn is_legal(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
