//! Under TLS: whom the link trusts, and to whom it shows its certificate, as the arguments say.
//! Everything else about TLS is proven in `tests/link`.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::bridge::Bridge;
use crate::harness::Stage;

/// Files: `ca.pem`, and of `localhost` and `us` each a certificate and a key of it.
fn certificates() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let write = |name: &str, pem: &str| {
        std::fs::write(folder.path().join(name), pem).expect("the folder is ours");
    };
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    write("ca.pem", &params.self_signed(&key).expect("signed").pem());
    let issuer = Issuer::new(params, key);
    for name in ["localhost", "us"] {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a good name");
        let certificate = params.signed_by(&key, &issuer).expect("signed");
        write(&format!("{name}.pem"), &certificate.pem());
        write(&format!("{name}.key"), &key.serialize_pem());
    }
    folder
}

/// Takes TLS off in front of `backend`; whoever comes must show a certificate of the authority.
async fn tls_end(folder: &TempDir, backend: SocketAddr) -> u16 {
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("it was written");
    let certificate = |name| CertificateDer::from_pem_slice(&read(name)).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(&read("localhost.key")).expect("a key");
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).expect("a root");
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.expect("a verifier"))
        .with_single_cert(vec![certificate("localhost.pem")], key)
        .expect("it fits");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut near = acceptor.accept(stream).await?;
                let mut far = TcpStream::connect(backend).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    port
}

#[tokio::test]
async fn a_server_under_tls_is_trusted_by_ca_and_told_who_we_are_by_cert_and_key() {
    let (stage, folder) = (Stage::backend().start().await, certificates());
    let port = tls_end(&folder, stage.address()).await;
    let server = format!("wss://localhost:{port}/ws/echo");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (ca, cert, key) = (file("ca.pem"), file("us.pem"), file("us.key"));
    let ours = ["--cert", &cert, "--key", &key];

    let bridge = Bridge::start(&[&["--server", &server, "--ca", &ca], &ours[..]].concat()).await;
    assert_eq!(bridge.post("/sh", "Hello").await.text(), "Hello");
    let bridge = Bridge::start(&[&["--server", &server, "-n"], &ours[..]].concat()).await;
    assert_eq!(bridge.post("/sh", "unchecked").await.text(), "unchecked");

    // Not trusted by us; and we not by them.
    for arguments in
        [["--server", &server, "--connect-timeout", "10s"], ["--server", &server, "--ca", &ca]]
    {
        let lost = Bridge::start(&arguments).await.is("RECONNECTING").await;
        assert_eq!(lost["last_disconnect"]["reason"], "tls", "{lost}");
    }

    let wish = format!(r#"{{"server": "{server}"}}"#);
    for (allow, state) in [("--allow", "RECONNECTING"), ("--allow-with-credentials", "OPEN")] {
        let arguments = [&[allow, &server, "--ca", &ca], &ours[..]].concat();
        let bridge = Bridge::start(&arguments).await;
        assert_eq!(bridge.post("/connect", &wish).await.status, 201);
        bridge.is(state).await;
    }
}
