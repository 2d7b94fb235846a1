//! What a node could not do, as a problem.
//! Leaves to the routes: what their answers say when it could.

use crate::{node::Failure, problem::Problem};

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let (status, word, title) = match failure {
            Failure::Busy => (503, "busy", "Too much is under way"),
            Failure::Late => (504, "late", "A worker does not reply"),
            Failure::NoConnection => (404, "no_connection", "There is no such connection"),
            Failure::NoRoom => (404, "no_room", "There is no such room"),
            Failure::Stale => (409, "stale_page", "The list has to be begun again"),
        };
        if failure == Failure::Stale {
            let detail = format!("after: {failure}: begin again, without it");
            return Self::new(status, word, title, detail).field("after");
        }
        let problem = Self::new(status, word, title, failure.to_string());
        match failure {
            Failure::Busy => problem.retry_after(1),
            _ => problem,
        }
    }
}
