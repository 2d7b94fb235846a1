//! One request to the application: its turn, its signature, its answer, its account.
//! Leaves to `event.rs`: what is told; to whoever asks: whether to ask again.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use http::{
    Request, Response, Uri,
    header::{CONTENT_TYPE, HeaderValue},
};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook as Signer,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};
use url::Url;

use super::{event::Event, fault::Fault, seldom::Seldom};
use crate::{
    config,
    metrics::CallbackMetrics,
    upstream::{Bounds, Upstream},
};

/// The way to the application.
pub(super) struct Post {
    upstream: Upstream,
    uri: Uri,
    /// Without one the application cannot tell our requests from anybody's.
    signer: Option<Signer>,
    /// As many as may be under way at once; who waits is served in the order of coming.
    turns: Semaphore,
    answer_bytes_max: usize,
    metrics: CallbackMetrics,
    troubles: Seldom,
    /// Whether trouble was the last thing that was said.
    in_trouble: AtomicBool,
}

/// The right to make one request.
pub(super) type Turn<'a> = SemaphorePermit<'a>;

impl Post {
    /// # Errors
    /// When `url` is `https` and the system has no certificates to trust.
    pub(super) fn new(
        url: &Url,
        config: &config::Callback,
        metrics: &CallbackMetrics,
    ) -> io::Result<Self> {
        let wrong = |key: &str, error: &dyn std::fmt::Display| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{key}: {error}"))
        };
        let signer = config.secret.as_ref().map(|secret| Signer::new(secret.expose()));
        Ok(Self {
            upstream: Upstream::new(url, config.in_flight_max)?,
            uri: url.as_str().parse().map_err(|error| wrong("callback.url", &error))?,
            signer: signer.transpose().map_err(|error| wrong("callback.secret", &error))?,
            turns: Semaphore::new(config.in_flight_max),
            answer_bytes_max: config.answer_bytes_max,
            metrics: metrics.clone(),
            troubles: Seldom::default(),
            in_trouble: AtomicBool::new(false),
        })
    }

    /// Waits for a turn, at most so long.
    pub(super) async fn turn(&self, within: Duration) -> Result<Turn<'_>, Fault> {
        match timeout(within, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                let fault = Fault::Busy(within);
                self.account(fault.outcome(), within, Some(&fault));
                Err(fault)
            }
        }
    }

    /// Tells the event once and has the answer read.
    pub(super) async fn send<T>(
        &self,
        turn: Turn<'_>,
        event: &Event,
        timeout: Duration,
        read: impl FnOnce(&Response<Bytes>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let began = Instant::now();
        let bounds = Bounds { timeout, answer_bytes_max: self.answer_bytes_max };
        let answer = {
            let _under_way = UnderWay::new(&self.metrics);
            let time = jiff::Timestamp::now().as_second();
            self.upstream.ask(self.request(event, time), bounds).await
        };
        drop(turn);
        let read = answer.map_err(Fault::NoAnswer).and_then(|answer| read(&answer));
        let fault = read.as_ref().err();
        self.account(fault.map_or("answered", Fault::outcome), began.elapsed(), fault);
        read
    }

    /// A request is made again.
    pub(super) fn again(&self) {
        self.metrics.retries.inc();
    }

    fn request(&self, event: &Event, time: i64) -> Request<Bytes> {
        let mut request = Request::post(self.uri.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(HEADER_WEBHOOK_ID, &event.id)
            .header(HEADER_WEBHOOK_TIMESTAMP, time);
        if let Some(signer) = &self.signer {
            let signature = signer.sign(&event.id, time, &event.body);
            let signature = signature.unwrap_or_else(|_| unreachable!("JSON is UTF-8"));
            request = request.header(HEADER_WEBHOOK_SIGNATURE, signature);
        }
        let request = request.body(event.body.clone());
        request.unwrap_or_else(|error| unreachable!("all of its parts were checked: {error}"))
    }

    fn account(&self, outcome: &str, took: Duration, fault: Option<&Fault>) {
        self.metrics.duration.with_label_values(&[outcome]).observe(took.as_secs_f64());
        match fault {
            // The application knows what it refuses.
            Some(Fault::Refused(..)) => {}
            Some(fault) => {
                log::debug!(outcome; "a request to the application failed: {fault}");
                if let Some(failures) = self.troubles.count(std::time::Instant::now()) {
                    self.in_trouble.store(true, Relaxed);
                    log::warn!(outcome, failures; "the application fails: {fault}");
                }
            }
            None => {
                if self.in_trouble.load(Relaxed) && self.in_trouble.swap(false, Relaxed) {
                    log::info!("the application answers again");
                }
            }
        }
    }
}

/// Counts a request while it is under way, also when it is dropped.
struct UnderWay<'a>(&'a CallbackMetrics);

impl<'a> UnderWay<'a> {
    fn new(metrics: &'a CallbackMetrics) -> Self {
        metrics.in_flight.inc();
        Self(metrics)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Secret, metrics::Metrics};

    fn post(secret: Option<&str>) -> Post {
        let config = config::Callback {
            secret: secret.map(Secret::new),
            in_flight_max: 1,
            ..config::Callback::default()
        };
        let url = "http://127.0.0.1:9/a?b=c".parse().unwrap();
        Post::new(&url, &config, &Metrics::new().callback).unwrap()
    }

    /// The example of the libraries of Standard Webhooks.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const TIME: i64 = 1_649_367_553;

    fn event() -> Event {
        let body = r#"{"email":"test@example.com","username":"test_user"}"#;
        Event { id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk".to_owned(), body: body.into() }
    }

    #[test]
    fn a_request_is_signed_as_standard_webhooks_are() {
        let request = post(Some(SECRET)).request(&event(), TIME);
        assert_eq!(request.uri(), "http://127.0.0.1:9/a?b=c");
        let headers = request.headers();
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["webhook-id"], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk");
        assert_eq!(headers["webhook-timestamp"], "1649367553");
        let signature = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        assert_eq!(headers["webhook-signature"], signature);
        let now = jiff::Timestamp::now().as_second();
        let request = post(Some(SECRET)).request(&event(), now);
        let verifier = Signer::new(SECRET).unwrap();
        assert!(verifier.verify(request.body(), request.headers()).is_ok());
        let other = Signer::new("whsec_AAFVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        assert!(other.verify(request.body(), request.headers()).is_err());
    }

    #[test]
    fn without_a_secret_there_is_an_id_and_no_signature() {
        let request = post(None).request(&event(), TIME);
        let headers = request.headers();
        assert!(headers.contains_key("webhook-id") && headers.contains_key("webhook-timestamp"));
        assert!(!headers.contains_key("webhook-signature"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_turn_is_served_in_the_order_of_coming_or_told_that_it_is_busy() {
        let post = post(None);
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let turn = post.turn(second).await.unwrap();
        assert_eq!(post.turn(second).await.err(), Some(Fault::Busy(second)));
        let began = Instant::now();
        let wait = async |take: u64| {
            let turn = post.turn(minute).await.unwrap();
            tokio::time::sleep(Duration::from_secs(take)).await;
            drop(turn);
            began.elapsed().as_secs()
        };
        let release = async {
            tokio::time::sleep(second).await;
            drop(turn);
        };
        let (first, next, ()) = tokio::join!(wait(3), wait(5), release);
        assert_eq!((first, next), (4, 9));
    }
}
