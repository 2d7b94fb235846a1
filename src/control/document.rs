//! `GET /openapi.json`: the document that describes the control listener, true for this node.
//! Leaves to `openapi.json`: what it says.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, ContentType},
    web,
};
use bytes::Bytes;

use super::{Shared, query::Query};
use crate::problem::Problem;

const DOCUMENT: &str = include_str!("openapi.json");

/// What stands in the document where the version belongs.
const VERSION: &str = "\"version\": \"0.0.0\"";

/// What says that the token is needed.
const SECURITY: &str = "\"security\": [{ \"token\": [] }]";

/// The document of a node whose listener asks for a token, or does not.
pub(super) fn of(token: bool) -> Bytes {
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let document = DOCUMENT.replacen(VERSION, &version, 1);
    match token {
        true => document.into(),
        false => document.replacen(SECURITY, "\"security\": []", 1).into(),
    }
}

pub(super) async fn show(
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Result<HttpResponse, Problem> {
    Query::of(&request)?.finish()?;
    let document = shared.document.clone();
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "no-store")).insert_header(ContentType::json());
    Ok(answer.body(document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_tells_the_version_and_whether_a_token_is_needed() {
        for token in [true, false] {
            let document: serde_json::Value = serde_json::from_slice(&of(token)).unwrap();
            assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
            assert_eq!(document["security"].as_array().unwrap().is_empty(), !token);
        }
    }
}
