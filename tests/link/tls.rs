//! TLS: who is trusted, who is not, and how its faults are told.
//! Servers here are a TLS end of our own in front of a real backend: the certificates are made
//! for each test.

use std::net::SocketAddr;
use std::sync::Arc;

use holdline::dial::{Dial, End, Refusal, Tls};
use holdline::link::{Link, Loss, Options, State};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::harness::relay::Relay;
use crate::harness::{PATIENCE, Stage};
use crate::settings::options;

/// An authority, and what it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for these names, and its key.
    fn signs(&self, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("good names");
        (params.signed_by(&key, &self.issuer).expect("signed"), key)
    }

    /// A server configuration for these names; `asks` wants a certificate of this authority.
    fn serves(&self, names: &[&str], asks: bool) -> ServerConfig {
        let (certificate, key) = self.signs(names);
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer_der()).expect("a root");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = match asks {
            true => builder.with_client_cert_verifier(verifier.build().expect("a verifier")),
            false => builder.with_no_client_auth(),
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        builder.with_single_cert(vec![certificate.der().clone()], key).expect("it fits")
    }

    fn issuer_der(&self) -> tokio_rustls::rustls::pki_types::CertificateDer<'static> {
        use tokio_rustls::rustls::pki_types::pem::PemObject;
        PemObject::from_pem_slice(self.pem.as_bytes()).expect("its own PEM")
    }
}

/// Takes TLS off in front of `backend`, as a gateway does.
async fn tls_end(config: ServerConfig, backend: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut near = acceptor.accept(stream).await?;
                let mut far = TcpStream::connect(backend).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    (address, serving)
}

fn secure(address: SocketAddr, tls: Tls) -> Dial {
    let url = format!("wss://localhost:{}/ws/echo", address.port());
    Dial::new(url.parse().expect("a good URL")).timeout(PATIENCE).tls(tls)
}

async fn refused(dial: Dial) -> Refusal {
    match dial.open().await {
        Ok((_, opened)) => panic!("it opened: {opened:?}"),
        Err(refusal) => refusal,
    }
}

#[tokio::test]
async fn a_link_under_tls_holds_as_one_without() {
    let (stage, authority) = (Stage::backend().start().await, Authority::new());
    let (end, _serving) = tls_end(authority.serves(&["localhost"], false), stage.address()).await;
    let relay = Relay::to(end).await;
    let tls = Tls::default().trust(authority.pem.as_bytes()).expect("a certificate");
    let plain = options(relay.address(), "/ws/echo");
    let link = Link::open(Options { dial: secure(relay.address(), tls), ..plain });
    let mut watch = link.watch();
    let large = "x".repeat(60_000);
    assert_eq!(link.request(large.clone()).await, Ok(large.into()));
    for (resets, loss) in [(false, End::Fin), (true, End::Reset)] {
        if resets {
            relay.reset().await
        } else {
            relay.cut().await
        }
        let lost = async {
            loop {
                let status = watch.changed().await.expect("the link lives");
                if let (State::Open, Some((loss, _))) = (status.state, status.last_loss) {
                    return loss;
                }
            }
        };
        let lost = tokio::time::timeout(PATIENCE, lost).await.expect("it comes back");
        assert_eq!(lost, Loss::Ended(loss), "TLS hides how TCP ended");
        assert_eq!(link.request("again").await, Ok("again".into()));
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_unless_anybody_will_do() {
    let (stage, authority) = (Stage::backend().start().await, Authority::new());
    let (end, _serving) = tls_end(authority.serves(&["localhost"], false), stage.address()).await;
    let other = Tls::default().trust(Authority::new().pem.as_bytes()).expect("a certificate");
    let refusal = refused(secure(end, other)).await;
    assert_eq!(refusal.label(), "tls");
    assert!(refusal.to_string().contains("invalid peer certificate"), "{refusal}");
    assert!(secure(end, Tls::default().trust_anybody()).open().await.is_ok());
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let (stage, authority) = (Stage::backend().start().await, Authority::new());
    let serves = authority.serves(&["elsewhere.example"], false);
    let (end, _serving) = tls_end(serves, stage.address()).await;
    let tls = Tls::default().trust(authority.pem.as_bytes()).expect("a certificate");
    let refusal = refused(secure(end, tls)).await;
    assert!(refusal.to_string().contains("not valid for"), "{refusal}");
}

#[tokio::test]
async fn a_server_that_asks_for_our_certificate_gets_it() {
    let (stage, authority) = (Stage::backend().start().await, Authority::new());
    let (end, _serving) = tls_end(authority.serves(&["localhost"], true), stage.address()).await;
    let tls = Tls::default().trust(authority.pem.as_bytes()).expect("a certificate");
    let refusal = refused(secure(end, tls.clone())).await;
    assert_eq!(refusal.label(), "tls", "{refusal}");
    assert!(refusal.to_string().contains("CertificateRequired"), "{refusal}");
    let (ours, key) = authority.signs(&["anna"]);
    let tls = tls.identity(ours.pem().as_bytes(), key.serialize_pem().as_bytes());
    let dial = secure(end, tls.expect("a certificate and its key"));
    let link = Link::open(Options { dial, ..options(end, "/ws/echo") });
    assert_eq!(link.request("it is me").await, Ok("it is me".into()));
}

#[tokio::test]
async fn tls_where_none_is_spoken_and_none_where_it_is_are_told() {
    let (stage, authority) = (Stage::backend().start().await, Authority::new());
    let refusal = refused(secure(stage.address(), Tls::default().trust_anybody())).await;
    assert!(matches!(refusal.label(), "tls" | "hung_up"), "{refusal}");
    let (end, _serving) = tls_end(authority.serves(&["localhost"], false), stage.address()).await;
    let plain = Dial::new(format!("ws://{end}/ws/echo").parse().expect("a good URL"));
    let refusal = refused(plain.timeout(PATIENCE)).await;
    assert!(matches!(refusal.label(), "not_websocket" | "hung_up"), "{refusal}");
}

#[test]
fn what_is_no_certificate_is_refused_in_words() {
    let error = Tls::default().trust(b"nonsense").expect_err("it is none").to_string();
    assert!(error.contains("no certificate"), "{error}");
    let pem = Authority::new().pem;
    let error = Tls::default().identity(pem.as_bytes(), b"nonsense").expect_err("no key");
    assert!(error.to_string().contains("no private key"), "{error}");
}
