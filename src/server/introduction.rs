//! What a handshake says about its sender, for the application that decides about it.
//! Leaves to `callback.rs`: asking; to the webhook: which headers are passed on.

use std::{future::poll_fn, task::Poll, time::Duration};

use actix_rt::time::timeout;
use actix_web::{HttpRequest, http::header::SEC_WEBSOCKET_PROTOCOL};

use super::subprotocol::Offer;
use crate::{
    auth::Auth,
    callback::{Handshake, Later},
    socket::SocketControl,
};

/// Why nothing is decided.
pub(super) enum Undecided {
    /// The peer has gone meanwhile.
    PeerGone,
    /// The application took too long.
    Late,
}

/// What was decided, as long as somebody waits for it, and at most for `patience`: a stream that
/// is not ours has no deadline, and that of ours is not seen while its peer floods it.
pub(super) async fn in_time<T>(
    request: &HttpRequest,
    mut decided: Later<T>,
    patience: Duration,
) -> Result<T, Undecided> {
    let socket = request.conn_data::<SocketControl>();
    // Whoever serves the stream goes on reading it, and polls this when it has found its end.
    let while_there = poll_fn(|cx| match socket.and_then(SocketControl::end) {
        Some(_) => Poll::Ready(Err(Undecided::PeerGone)),
        None => decided.as_mut().poll(cx).map(Ok),
    });
    timeout(patience, while_there).await.unwrap_or(Err(Undecided::Late))
}

/// The handshake of this request, which has made this offer. What is a token to `auth` is left
/// out, the header that it may rely on aside: `callback.headers` says whether that one is told.
pub(super) fn of(request: &HttpRequest, offer: Offer, auth: Option<&Auth>) -> Handshake {
    // The offer is told without its tokens.
    let headers = request.headers().iter().filter(|(name, _)| *name != SEC_WEBSOCKET_PROTOCOL);
    let text = headers.filter_map(|(name, value)| Some((name, value.to_str().ok()?)));
    let headers = text.map(|(name, value)| (name.as_str().to_owned(), value.to_owned())).collect();
    let query = request.query_string();
    let query = auth.map_or_else(|| query.to_owned(), |auth| auth.without_token(query));
    let path = request.path().to_owned();
    Handshake { path, query, headers, subprotocols: offer.names }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::{
        config::{self, Secret},
        server::subprotocol,
    };

    fn told(auth: Option<&Auth>) -> Handshake {
        let request = TestRequest::with_uri("/ws/app?a=1&token=SECRET&b")
            .insert_header(("authorization", "Bearer SECRET"))
            .insert_header(("cookie", "a=b"))
            .insert_header((SEC_WEBSOCKET_PROTOCOL, "chat, bearer.SECRET, holdline.v1"))
            .to_http_request();
        let offer = subprotocol::offer(request.headers()).unwrap();
        of(&request, offer, auth)
    }

    #[test]
    fn the_application_is_told_what_was_offered_and_sent_but_no_token() {
        let secret = Some(Secret::new("x".repeat(32)));
        let settings = config::Auth { jwt_secret: secret, query_token: true, ..Default::default() };
        let auth = Auth::new(&settings);
        assert!(auth.is_some());
        let told = told(auth.as_ref());
        assert_eq!(
            (&*told.query, told.subprotocols.join(" ")),
            ("a=1&b", "chat holdline.v1".into())
        );
        let header = |name: &str| told.headers.iter().find(|(known, _)| known == name);
        assert!(header("cookie").is_some() && header("authorization").is_some());
        assert_eq!(header("sec-websocket-protocol"), None);
    }

    #[test]
    fn where_nobody_asks_for_a_token_the_address_is_the_application_s() {
        let told = told(None);
        assert_eq!(told.query, "a=1&token=SECRET&b");
        assert_eq!(told.subprotocols, ["chat", "holdline.v1"]);
    }
}
