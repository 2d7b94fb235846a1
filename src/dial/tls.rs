//! Whom to trust, and TLS over a wire.
//! Leaves to `dial.rs`: when TLS is wanted.

use std::{fmt, sync::Arc};

use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    },
};

use super::{Invalid, Refusal, Step, end::tls_fault, url::ServerUrl, wire::Wire};

/// Whom a TLS connection trusts, and who we say we are.
///
/// The certificates of the system are read anew for each [`Tls`], from where OpenSSL would look;
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name other places.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    also: Vec<CertificateDer<'static>>,
    anybody: bool,
    identity: Option<Arc<Identity>>,
}

struct Identity(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Tls {
    /// Trusts these certificates (PEM) beside the system's.
    ///
    /// # Errors
    /// When the text holds no certificate.
    ///
    /// ```no_run
    /// use holdline::dial::Tls;
    ///
    /// assert!(Tls::default().trust(b"no certificate").is_err());
    /// let tls = Tls::default().trust(&std::fs::read("ca.pem")?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trust(mut self, pem: &[u8]) -> Result<Self, Invalid> {
        self.also.extend(certificates(pem)?);
        Ok(self)
    }

    /// Trusts anybody: for a look at a server whose certificate is known to be bad.
    ///
    /// ```
    /// # use holdline::dial::Tls;
    /// let tls = Tls::default().trust_anybody();
    /// ```
    pub fn trust_anybody(mut self) -> Self {
        self.anybody = true;
        self
    }

    /// Answers a server that asks for our certificate: the chain and its key, both PEM.
    ///
    /// # Errors
    /// When one of them holds none.
    ///
    /// ```no_run
    /// # use holdline::dial::Tls;
    /// let (chain, key) = (std::fs::read("our.pem")?, std::fs::read("our.key")?);
    /// let tls = Tls::default().identity(&chain, &key)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn identity(mut self, chain: &[u8], key: &[u8]) -> Result<Self, Invalid> {
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| Invalid::new(format!("no private key in the PEM text: {error}")))?;
        self.identity = Some(Arc::new(Identity(certificates(chain)?, key)));
        Ok(self)
    }

    /// Made once per dial, because reading the system's certificates takes milliseconds.
    pub(super) fn connector(&self) -> Result<TlsConnector, Refusal> {
        let mut config = self.client_config()?;
        // A WebSocket is an upgrade of HTTP/1.1; a server that prefers HTTP/2 must not choose it.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }

    /// The same trust for another protocol than WebSocket: without ALPN.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, Refusal> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(refused)?;
        let builder = match self.anybody {
            true => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            }
            false => builder.with_root_certificates(self.roots()?),
        };
        match &self.identity {
            None => Ok(builder.with_no_client_auth()),
            Some(identity) => {
                let Identity(chain, key) = &**identity;
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(refused)
            }
        }
    }

    fn roots(&self) -> Result<RootCertStore, Refusal> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        roots.add_parsable_certificates(self.also.iter().cloned());
        if roots.is_empty() {
            let words = "this system has no certificates to trust: install ca-certificates, or \
                         name a file by SSL_CERT_FILE";
            return Err(Refusal::Tls(words.to_owned()));
        }
        Ok(roots)
    }
}

/// The TLS handshake.
pub(super) async fn secure(
    connector: &TlsConnector,
    url: &ServerUrl,
    wire: Wire,
) -> Result<TlsStream<Wire>, Refusal> {
    let name = ServerName::try_from(url.host())
        .map_err(|error| Refusal::Tls(format!("{:?}: {error}", url.host())))?;
    connector.connect(name, wire).into_fallible().await.map_err(|(error, wire)| {
        let notes = wire.notes();
        match tls_fault(&error) {
            Some(fault) => Refusal::Tls(fault),
            None if notes.fin || notes.reset => Refusal::HungUp(Step::Tls, notes.reset),
            None => Refusal::Tls(error.to_string()),
        }
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Invalid> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(Invalid::new("no certificate in the PEM text".to_owned())),
        Err(error) => Err(Invalid::new(format!("no certificate in the PEM text: {error}"))),
    }
}

fn refused(error: Error) -> Refusal {
    Refusal::Tls(error.to_string())
}

/// Neither key nor name is shown.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// Takes any certificate, but still only signatures that are good.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
