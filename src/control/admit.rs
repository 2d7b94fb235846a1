//! What every request to the control API must pass first: no web page, the token, not too many.
//! Leaves to `token.rs`: whether the token is right; to the routes: everything else.

use std::sync::Arc;

use actix_web::{
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web,
};

use super::{Shared, token};
use crate::{problem::Problem, visitor};

/// What is served to anybody: monitoring and orchestration have no token, and learn no secrets.
const OPEN: [&str; 3] = ["/metrics", "/healthz", "/readyz"];

/// Goes before every route.
pub(super) async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let shared: Option<&web::Data<Shared>> = request.app_data();
    let shared = shared.cloned().filter(|_| !OPEN.contains(&request.path()));
    let Some(shared) = shared else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let control = &shared.node.config().control;
    let refusal = visitor::refusal(request.headers(), control.listen.ip().is_loopback());
    let refusal = refusal.or_else(|| token::refusal(request.headers(), control));
    // The place is held until the answer is made.
    let (refusal, _place) = match refusal {
        Some(problem) => (Some(problem), None),
        None => match Arc::clone(&shared.requests).try_acquire_owned() {
            Ok(place) => (None, Some(place)),
            Err(_) => (Some(too_many(control.requests_max)), None),
        },
    };
    let response = match refusal {
        Some(problem) => request.into_response(problem.answer()),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    let (method, path) = (response.request().method(), response.request().path());
    log::debug!(method:%, path, status = response.status().as_u16(); "control request");
    Ok(response)
}

fn too_many(max: usize) -> Problem {
    let detail =
        format!("{max} requests are being served, which is the limit (control.requests_max)");
    Problem::new(503, "requests_max", "Too many requests", detail).retry_after(1)
}
