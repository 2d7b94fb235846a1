//! Why somebody may not connect: as label, as status, as challenge (RFC 6750) and in words.
//! Leaves to the files beside it: finding out. No token, nor anything out of one, is in the words.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use jsonwebtoken::errors::ErrorKind;

use crate::message::Room;

/// Why a handshake is refused for what its token says, or for having none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    reason: Reason,
    words: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Missing,
    Ambiguous,
    Invalid,
    Expired,
    Room,
}

impl Denied {
    pub(super) fn missing(words: String) -> Self {
        Self { reason: Reason::Missing, words: words.into() }
    }

    pub(super) fn ambiguous(words: &'static str) -> Self {
        Self { reason: Reason::Ambiguous, words: words.into() }
    }

    pub(super) fn invalid(words: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: Reason::Invalid, words: words.into() }
    }

    pub(super) fn malformed() -> Self {
        Self::invalid("the token is no signed JSON Web Token (RFC 7515 section 3.1)")
    }

    pub(super) fn room(room: &Room) -> Self {
        let words = format!("the rooms of the token do not list {room}");
        Self { reason: Reason::Room, words: words.into() }
    }

    /// What the library found wrong with a token that `source` is the key for.
    pub(super) fn by_library(error: &ErrorKind, source: &str) -> Self {
        let expired = |words: &'static str| Self { reason: Reason::Expired, words: words.into() };
        match error {
            ErrorKind::ExpiredSignature => expired("the exp of the token has passed"),
            ErrorKind::ImmatureSignature => expired("the nbf of the token is still to come"),
            ErrorKind::InvalidSignature => {
                Self::invalid(format!("the signature of the token does not fit {source}"))
            }
            ErrorKind::InvalidAudience => Self::invalid(NOT_OUR_AUDIENCE),
            ErrorKind::InvalidIssuer => Self::invalid(NOT_OUR_ISSUER),
            ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
                match claim.as_str() {
                    "aud" => Self::invalid(NOT_OUR_AUDIENCE),
                    "iss" => Self::invalid(NOT_OUR_ISSUER),
                    "nbf" => Self::invalid("the nbf of the token is no time"),
                    _ => Self::invalid("the token has no exp, or one that is no time"),
                }
            }
            ErrorKind::Json(_) | ErrorKind::Utf8(_) => Self::invalid(
                "the claims of the token are no JSON object, or one is of a form that RFC 7519 \
                 does not have",
            ),
            _ => Self::malformed(),
        }
    }

    /// The word for `holdline_handshakes_rejected_total{reason}`.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self.reason {
            Reason::Missing => "token_missing",
            Reason::Ambiguous | Reason::Invalid => "token_invalid",
            Reason::Expired => "token_expired",
            Reason::Room => "room_not_allowed",
        }
    }

    /// The status of the answer (RFC 6750 section 3.1).
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.reason {
            Reason::Ambiguous => StatusCode::BAD_REQUEST,
            Reason::Room => StatusCode::FORBIDDEN,
            Reason::Missing | Reason::Invalid | Reason::Expired => StatusCode::UNAUTHORIZED,
        }
    }

    /// The value of `WWW-Authenticate`. Who brought no token is told no error (RFC 6750
    /// section 3.1).
    #[must_use]
    pub fn challenge(&self) -> String {
        let error = match self.reason {
            Reason::Missing => return "Bearer realm=\"holdline\"".to_owned(),
            Reason::Ambiguous => "invalid_request",
            Reason::Invalid | Reason::Expired => "invalid_token",
            Reason::Room => "insufficient_scope",
        };
        let words = &self.words;
        format!("Bearer realm=\"holdline\", error=\"{error}\", error_description=\"{words}\"")
    }

    /// What was wrong, and which key of the configuration says so.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }
}

const NOT_OUR_AUDIENCE: &str = "the aud of the token does not hold auth.audience";
const NOT_OUR_ISSUER: &str = "the iss of the token is not auth.issuer";
