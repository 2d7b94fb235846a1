//! One HTTP/1.1 client for what is asked of the application: a request, and a bounded answer in time.
//! Leaves to the floors above: what is asked, how often, and what an answer means.
//!
//! What a request says is sent as it is: no redirect is followed, no proxy is taken from the
//! environment, no cookie is kept, no body is decompressed, no path is rewritten.

mod failure;

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{Entry, USER_AGENT},
};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use url::Url;

pub use self::failure::Failure;
use crate::dial::Tls;

/// How long a connection to the application is kept for the next request: less than the 5 s after
/// which node and uvicorn close theirs, so that a request rarely meets a connection that is closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The longest head of an answer that is read, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A client with its pool of connections. Cheap to clone; clones share the pool.
///
/// Its connections are served by the runtime of the thread that opened them, so each worker should
/// have a pool of its own ([`own_pool`](Self::own_pool)): what ends with one worker is not missed by
/// another.
#[derive(Clone, Debug)]
pub struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    trust: ClientConfig,
    idle_max: usize,
}

/// How long an answer may take, and how long it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// From the request's beginning, connecting included, to the last byte of its answer.
    pub timeout: Duration,
    /// The longest body that is read, in bytes.
    pub answer_bytes_max: usize,
}

impl Upstream {
    /// A client for `base` and what lies below it. TLS trusts the certificates of the system, read
    /// now and only for `https`. At most `idle_max` connections are kept for the next request.
    ///
    /// # Errors
    /// When `base` is `https` and the system has no certificates to trust.
    pub fn new(base: &Url, idle_max: usize) -> io::Result<Self> {
        let trust = match base.scheme() {
            "https" => Tls::default().client_config().map_err(io::Error::other)?,
            _ => trusting_nobody()?,
        };
        Ok(Self::trusting(trust, idle_max))
    }

    /// The same client with a pool of its own, for another thread.
    #[must_use]
    pub fn own_pool(&self) -> Self {
        Self::trusting(self.trust.clone(), self.idle_max)
    }

    fn trusting(trust: ClientConfig, idle_max: usize) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(idle_max)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(connector);
        Self { client, trust, idle_max }
    }

    /// Sends one request and reads its whole answer, whatever its status. `host` and
    /// `content-length` are written here, and `user-agent` unless the request has one.
    ///
    /// Dropped before its end it closes the connection that the request was on; whether the
    /// application carries the request out all the same is the application's affair.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn ask(
        &self,
        mut request: Request<Bytes>,
        bounds: Bounds,
    ) -> Result<Response<Bytes>, Failure> {
        const AGENT: &str = concat!("holdline/", env!("CARGO_PKG_VERSION"));
        if let Entry::Vacant(agent) = request.headers_mut().entry(USER_AGENT) {
            agent.insert(HeaderValue::from_static(AGENT));
        }
        let exchange = async {
            let answer = self.client.request(request.map(Full::new)).await?;
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                return Err(Failure::Broken("it switched to another protocol".to_owned()));
            }
            let (head, body) = answer.into_parts();
            Ok(Response::from_parts(head, whole(body, bounds.answer_bytes_max).await?))
        };
        timeout(bounds.timeout, exchange).await.unwrap_or(Err(Failure::Timeout(bounds.timeout)))
    }
}

/// The whole body, or as little of a longer one as shows that it is too long.
async fn whole(mut body: Incoming, bytes_max: usize) -> Result<Bytes, Failure> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(Failure::TooBig(bytes_max));
    }
    let mut whole = BytesMut::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Failure::broken)?.into_data() else { continue };
        if whole.len() + data.len() > bytes_max {
            return Err(Failure::TooBig(bytes_max));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// Without certificates no TLS handshake comes off.
fn trusting_nobody() -> io::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(ring::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

#[cfg(test)]
mod tests;
