//! What is wrong with a request, as RFC 9457 problem details.
//! Leaves to the routes: when to say it, and what only they can know.

use std::{collections::BTreeMap, fmt};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{ALLOW, CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER},
    },
};
use serde::Serialize;
use serde_json::Value;

/// A problem. Boxed, because what goes well should not have to carry the room for it.
#[derive(Debug)]
pub(crate) struct Problem(Box<Details>);

/// What is known of it.
#[derive(Debug, Serialize)]
struct Details {
    /// `urn:holdline:problem:` and a word that stays the same, for programs.
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// Members beyond those of RFC 9457 section 3.1.
    #[serde(flatten)]
    members: BTreeMap<&'static str, Value>,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this kind: `word` completes `urn:holdline:problem:`.
    pub(crate) fn new(
        status: u16,
        word: &str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Details {
            r#type: format!("urn:holdline:problem:{word}"),
            title,
            status,
            detail: detail.into(),
            members: BTreeMap::new(),
            headers: Vec::new(),
        }))
    }

    /// A request that cannot be understood.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad_request", "The request cannot be understood", detail)
    }

    /// A part of a request that breaks a rule, named in the member `field`.
    pub(crate) fn bad_field(field: impl fmt::Display, rule: impl fmt::Display) -> Self {
        Self::bad_request(format!("{field}: {rule}")).field(field)
    }

    /// A body over its limit.
    pub(crate) fn too_big(detail: impl Into<String>) -> Self {
        Self::new(413, "too_big", "The message is too big", detail)
    }

    /// A method that this route does not have.
    pub(crate) fn method(allow: &'static str) -> Self {
        let detail = format!("this route takes {allow}");
        let problem = Self::new(405, "method", "This route does not have this method", detail);
        problem.header(ALLOW, HeaderValue::from_static(allow))
    }

    /// A route that is not there, among those that are.
    pub(crate) fn no_route(routes: &str) -> Self {
        Self::new(404, "no_route", "There is no such route", format!("there are {routes}"))
    }

    /// Names the part of the request that is to blame.
    pub(crate) fn field(self, field: impl fmt::Display) -> Self {
        self.member("field", field.to_string())
    }

    /// Says more, in a member of its own, unless that is said already.
    pub(crate) fn member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.members.entry(name).or_insert_with(|| value.into());
        self
    }

    /// Adds a header to the answer.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Says when to try again, in seconds.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The answer that tells it.
    pub(crate) fn answer(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut answer = HttpResponseBuilder::new(status);
        answer.insert_header((CACHE_CONTROL, "no-store")).content_type("application/problem+json");
        for header in &self.0.headers {
            answer.insert_header(header.clone());
        }
        answer.json(&self.0)
    }
}

/// The details, for an answer that has more than one.
impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// In words, for people.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl ResponseError for Problem {
    fn error_response(&self) -> HttpResponse {
        self.answer()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody;

    use super::*;

    #[test]
    fn a_problem_is_answered_as_rfc_9457_has_it() {
        let problem = Problem::bad_field("limit", "must be a number").retry_after(3);
        let answer = problem.member("field", "another").answer();
        assert_eq!(answer.status(), 400);
        let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/problem+json");
        assert_eq!(
            (header("cache-control"), header("retry-after")),
            ("no-store".into(), "3".into())
        );
        let body = answer.into_body().try_into_bytes().unwrap();
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            r#"{"type":"urn:holdline:problem:bad_request","title":"The request cannot be understood","status":400,"detail":"limit: must be a number","field":"limit"}"#
        );
    }
}
