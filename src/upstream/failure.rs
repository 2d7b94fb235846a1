//! Why the application gave no answer, and whether it may have got the request.
//! Leaves to the floors above: whom to tell, and in which words.

use std::{error::Error, fmt, time::Duration};

use hyper_util::client::legacy;

/// Why there is no answer. The words are for the log: they may tell what the network behind this
/// node looks like, which is no peer's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No whole answer within this time. The request may have been carried out.
    Timeout(Duration),
    /// No connection: no such host, nobody listens there, no TLS. The request was not sent.
    Unreachable(String),
    /// The connection ended before the answer did, or brought something else than HTTP/1.1. The
    /// request may have been carried out.
    Broken(String),
    /// The body is longer than this many bytes. The request was carried out.
    TooBig(usize),
}

impl Failure {
    /// The cause as a label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Broken(_) => "broken",
            Self::TooBig(_) => "answer_too_big",
        }
    }

    /// Whether the application may have got the request: then it is not safe to send it again.
    #[must_use]
    pub fn maybe_sent(&self) -> bool {
        !matches!(self, Self::Unreachable(_))
    }

    pub(super) fn broken(error: hyper::Error) -> Self {
        Self::Broken(words(&error))
    }
}

impl From<legacy::Error> for Failure {
    fn from(error: legacy::Error) -> Self {
        // The outermost words say only that a client failed.
        let words = error.source().map_or_else(|| error.to_string(), words);
        if error.is_connect() { Self::Unreachable(words) } else { Self::Broken(words) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(timeout) => write!(f, "no whole answer within {timeout:?}"),
            Self::Unreachable(words) => write!(f, "no connection: {words}"),
            Self::Broken(words) => write!(f, "no whole answer: {words}"),
            Self::TooBig(bytes) => write!(f, "the answer is longer than {bytes} bytes"),
        }
    }
}

impl Error for Failure {}

/// The whole chain of causes; each says only its own part.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
