//! Whether a request may use the control API: it carries `control.token`, or needs none.
//! Leaves to `admit.rs`: which routes ask.

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use subtle::ConstantTimeEq;

use crate::{config::Control, problem::Problem};

/// Why a request is refused, if it is.
///
/// Without a token whoever reaches the listener may use it, which is fine on loopback only.
pub(super) fn refusal(headers: &HeaderMap, control: &Control) -> Option<Problem> {
    let Some(token) = &control.token else {
        let open = control.listen.ip().is_loopback();
        let words = "this listener is not on loopback, and there is no control.token: set one, and \
                     send it as Authorization: Bearer <token>";
        return (!open).then(|| unauthorized(words, "Bearer realm=\"holdline\""));
    };
    let Some(sent) = bearer(headers) else {
        let words = "this needs Authorization: Bearer <token>, with the token of control.token";
        return Some(unauthorized(words, "Bearer realm=\"holdline\""));
    };
    // In the same time whatever is right about a wrong one, its length apart.
    let right = bool::from(sent.as_bytes().ct_eq(token.expose().as_bytes()));
    let challenge = "Bearer realm=\"holdline\", error=\"invalid_token\"";
    (!right).then(|| unauthorized("the token is not that of control.token", challenge))
}

/// The token of RFC 6750 section 2.1; none where there are two, which nobody means.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(AUTHORIZATION);
    let (first, second) = (sent.next()?, sent.next());
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    let bearer = scheme.eq_ignore_ascii_case("bearer") && second.is_none();
    bearer.then(|| token.trim_matches(' '))
}

fn unauthorized(detail: &str, challenge: &'static str) -> Problem {
    Problem::new(401, "unauthorized", "Not without the token", detail)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn refused(listen: &str, token: Option<&str>, sent: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let mut control = Control { token: token.map(Secret::new), ..Control::default() };
        control.listen = listen.parse().unwrap();
        refusal(&headers, &control).is_some()
    }

    #[test]
    fn without_a_token_only_loopback_is_served() {
        assert!(!refused("127.0.0.1:9001", None, &[]));
        assert!(!refused("[::1]:9001", None, &["Bearer whatever"]));
        assert!(refused("0.0.0.0:9001", None, &[]));
        assert!(refused("192.0.2.1:9001", None, &["Bearer whatever"]));
    }

    #[test]
    fn with_a_token_everybody_must_send_exactly_that_one() {
        let refused = |sent: &[&str]| refused("127.0.0.1:9001", Some("sesame"), sent);
        assert!(!refused(&["Bearer sesame"]));
        assert!(!refused(&["bearer  sesame"]));
        for wrong in ["Bearer", "Bearer ", "Bearer sesam", "Bearer sesame2", "Bearer SESAME"] {
            assert!(refused(&[wrong]), "{wrong}");
        }
        assert!(refused(&["Basic sesame"]) && refused(&["sesame"]) && refused(&[]));
        assert!(refused(&["Bearer sesame", "Bearer sesame"]));
    }
}
