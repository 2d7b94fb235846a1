//! What a handshake says about its sender, for the application that decides about it.
//! Leaves to `callback.rs`: asking; to the webhook: which headers are passed on.

use actix_web::{HttpRequest, http::header::SEC_WEBSOCKET_PROTOCOL};

use super::subprotocol::Offer;
use crate::{auth::Auth, callback::Handshake};

/// The handshake of this request, which has made this offer. What is a token to `auth` is left
/// out, the header that it may rely on aside: `callback.headers` says whether that one is told.
pub(super) fn of(request: &HttpRequest, offer: Offer, auth: Option<&Auth>) -> Handshake {
    // The offer is told without its tokens.
    let headers = request.headers().iter().filter(|(name, _)| *name != SEC_WEBSOCKET_PROTOCOL);
    let text = headers.filter_map(|(name, value)| Some((name, value.to_str().ok()?)));
    let headers = text.map(|(name, value)| (name.as_str().to_owned(), value.to_owned())).collect();
    let query = request.query_string();
    let query = auth.map_or_else(|| query.to_owned(), |auth| auth.without_token(query));
    Handshake { query, headers, subprotocols: offer.names }
}
