//! What a handshake says about its sender, for the application that decides about it.
//! Leaves to `callback.rs`: asking; to the webhook: which headers are passed on.

use actix_web::{HttpRequest, http::header::SEC_WEBSOCKET_PROTOCOL};

use crate::callback::Handshake;

/// The handshake of this request.
pub(super) fn of(request: &HttpRequest) -> Handshake {
    let headers = request.headers().iter();
    let text = headers.filter_map(|(name, value)| Some((name, value.to_str().ok()?)));
    let headers = text.map(|(name, value)| (name.as_str().to_owned(), value.to_owned())).collect();
    let offers = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let offers = offers.filter_map(|offer| offer.to_str().ok()).flat_map(|list| list.split(','));
    let subprotocols = offers.map(|offer| offer.trim().to_owned()).collect();
    Handshake { query: request.query_string().to_owned(), headers, subprotocols }
}
