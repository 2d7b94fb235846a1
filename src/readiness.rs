//! The answer of `/readyz`, which both listeners give.
//! Leaves to `node.rs`: whether the node is ready.

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, ContentType},
};

use crate::node::Node;

/// 200 while new connections are taken, else 503.
pub fn answer(node: &Node) -> HttpResponse {
    let (mut response, words) = match node.is_ready() {
        true => (HttpResponse::Ok(), "ready\n"),
        false => (HttpResponse::ServiceUnavailable(), "draining\n"),
    };
    response.insert_header((CACHE_CONTROL, "no-store")).content_type(ContentType::plaintext());
    response.body(words)
}
