//! Whom an `https` address trusts.
//! The certificates are made for the test; those of a system are `dial`'s to read.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::*;

/// The PEM of an authority, and the port where a server answers with a certificate of it for
/// `name`.
async fn secured(name: &str) -> (String, u16) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    (pem, port)
}

#[tokio::test]
async fn only_a_server_with_a_trusted_certificate_for_its_name_is_asked() {
    let get = |port| Request::get(format!("https://localhost:{port}/")).body(Bytes::new()).unwrap();
    let (pem, port) = secured("localhost").await;
    let trust = Tls::default().trust(pem.as_bytes()).unwrap().client_config().unwrap();
    let upstream = Upstream::trusting(trust, 4);
    assert_eq!(upstream.ask(get(port), BOUNDS).await.unwrap().status(), 200);
    let (_, stranger) = secured("localhost").await;
    let (_, other) = secured("other").await;
    for (upstream, port) in [
        (&upstream, stranger),
        (&upstream, other),
        (&Upstream::trusting(trusting_nobody().unwrap(), 4), port),
    ] {
        let failure = upstream.ask(get(port), BOUNDS).await.unwrap_err();
        assert_eq!(failure.label(), "unreachable", "{failure}");
        assert!(failure.to_string().contains("certificate"), "{failure}");
    }
}
