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
    if !Close::is_legal(code) {
        return Err(Fault::Protocol);
    }
    let reason = str::from_utf8(reason).map_err(|_| Fault::BadData)?;
    Ok(Close::new(code, reason))
}
