//! Names as HTTP spells them, and the one kind of name that is a credential.
//! Where names are listed is left to the sections, where they are offered to the server.

/// What a token among the offered subprotocols begins with, in whatever case.
const BEARER: &str = "bearer.";

/// Whether `text` is a token of RFC 9110 section 5.6.2: the name of a header or a subprotocol.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// The JSON Web Token that a subprotocol's name carries, if it does.
pub(crate) fn offered_token(name: &str) -> Option<&str> {
    let (start, token) = name.split_at_checked(BEARER.len())?;
    start.eq_ignore_ascii_case(BEARER).then_some(token)
}
