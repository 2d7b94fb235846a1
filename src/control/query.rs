//! What stands behind the `?` of an address and in its path, read strictly: a misspelt name would
//! kick or list somebody else. Leaves to the routes: which names there are.

use std::str::FromStr;

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;

use crate::problem::Problem;

/// The most that one page tells.
const LIMIT_MAX: usize = 1000;

/// What a page tells when nobody says how much.
const LIMIT: usize = 100;

/// Names and values that nobody has asked for yet.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The query of this request.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in request.query_string().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name).ok_or_else(|| Problem::bad_field("query", NO_TEXT))?;
            let value = decoded(value).ok_or_else(|| Problem::bad_field(&name, NO_TEXT))?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Problem::bad_field(name, "is given twice"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The value of this name, as it is.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(place).1)
    }

    /// The value of this name, if it is given.
    pub(super) fn parsed<T>(&mut self, name: &str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        let parse = |text: String| text.parse().map_err(|error| Problem::bad_field(name, error));
        self.text(name).map(parse).transpose()
    }

    /// A whole number without sign, if it is given.
    pub(super) fn number(&mut self, name: &str, rule: &str) -> Result<Option<usize>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if plain { text.parse().ok() } else { None };
        number.map(Some).ok_or_else(|| Problem::bad_field(name, rule))
    }

    /// How much a page tells.
    pub(super) fn limit(&mut self) -> Result<usize, Problem> {
        let rule = "must be a whole number between 1 and 1000";
        let limit = self.number("limit", rule)?.unwrap_or(LIMIT);
        let good = (1..=LIMIT_MAX).contains(&limit);
        if good { Ok(limit) } else { Err(Problem::bad_field("limit", rule)) }
    }

    /// Nothing else was given.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::bad_field(name, "is not known here")),
        }
    }
}

const NO_TEXT: &str = "must be UTF-8, percent-encoded where need be";

/// Part of the path.
pub(super) fn path<T>(request: &HttpRequest, name: &'static str) -> Result<T, Problem>
where
    T: FromStr<Err: std::fmt::Display>,
{
    let part = request.match_info().get(name).unwrap_or_default();
    part.parse().map_err(|error| Problem::bad_field(name, error))
}

/// As forms encode it, where a plus is a space.
fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn query(text: &str) -> Result<Query, Problem> {
        Query::of(&TestRequest::with_uri(&format!("/connections?{text}")).to_http_request())
    }

    fn complaint<T>(result: Result<T, Problem>) -> String {
        result.err().expect("it should be refused").to_string()
    }

    #[test]
    fn names_and_values_are_decoded() {
        let mut query = query("text=a+b%20c%2B%C3%A9&code=4001&&empty").unwrap();
        assert_eq!(query.text("text").unwrap(), "a b c+é");
        assert_eq!(query.number("code", "").unwrap(), Some(4001));
        assert_eq!((query.text("empty"), query.text("none")), (Some(String::new()), None));
        assert!(query.finish().is_ok());
    }

    #[test]
    fn what_is_unknown_given_twice_or_no_text_is_named() {
        assert_eq!(complaint(query("limt=5").unwrap().finish()), "limt: is not known here");
        assert_eq!(complaint(query("limit=5&limit=6")), "limit: is given twice");
        assert!(complaint(query("text=%FF")).starts_with("text: must be UTF-8"));
        assert!(complaint(query("%FF=1")).starts_with("query: must be UTF-8"));
    }

    #[test]
    fn a_page_has_1_to_1000_entries_and_100_unless_told_otherwise() {
        let limit = |text: &str| query(text).unwrap().limit();
        assert_eq!(limit("").unwrap(), 100);
        assert_eq!((limit("limit=1").unwrap(), limit("limit=1000").unwrap()), (1, 1000));
        for wrong in ["0", "1001", "-1", "%2B5", "1.5", "", "many", "99999999999999999999"] {
            let said = complaint(limit(&format!("limit={wrong}")));
            assert_eq!(said, "limit: must be a whole number between 1 and 1000", "{wrong}");
        }
    }
}
