//! Certificates made for one stage, the trust in them, and one TLS connection to look at closely.
//! What is said inside of it is the peer's or http's business.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, DEFAULT_VERSIONS, RootCertStore};

pub use tokio_rustls::rustls::version::{TLS12, TLS13};
pub use tokio_rustls::rustls::{HandshakeKind, ProtocolVersion, SupportedProtocolVersion};

/// An authority, and the folder of what it signs.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, for those who trust it.
    pub file: PathBuf,
    /// Where the gateway finds certificate and key.
    pub folder: PathBuf,
}

impl Authority {
    /// A new one, with a first certificate: `ca.pem` and `tls/` in this folder.
    pub fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let file = folder.join("ca.pem");
        let pem = params.self_signed(&key).expect("signed").pem();
        std::fs::write(&file, pem).expect("the run folder is ours");
        let folder = folder.join("tls");
        std::fs::create_dir(&folder).expect("the run folder is ours");
        let authority = Self { issuer: Issuer::new(params, key), file, folder };
        authority.renew();
        authority
    }

    /// Puts a new certificate and a new key in place of the old ones.
    pub fn renew(&self) {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("good names");
        let chain = params.signed_by(&key, &self.issuer).expect("signed").pem();
        self.replace("fullchain.pem", &chain);
        self.replace("privkey.pem", &key.serialize_pem());
    }

    /// Writes a file that only its owner may read, and puts it in place of one of that name.
    pub fn replace(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let (new, file) = (self.folder.join("new"), self.folder.join(name));
        std::fs::write(&new, text).expect("the run folder is ours");
        let alone = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&new, alone).expect("the file is ours");
        std::fs::rename(&new, &file).expect("the run folder is ours");
    }

    /// Somebody who trusts this authority and speaks any version; remembers sessions.
    pub fn trusted(&self) -> Arc<ClientConfig> {
        self.trusted_with(DEFAULT_VERSIONS)
    }

    /// The same, speaking these versions only.
    pub fn trusted_with(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_file(&self.file).expect("its own PEM");
        roots.add(own).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions that ring knows");
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }
}

/// Puts TLS on a stream to this address.
///
/// # Errors
/// When there is no agreement, or no trust.
pub async fn shake(
    config: &Arc<ClientConfig>,
    stream: TcpStream,
    address: SocketAddr,
) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::from(address.ip());
    let connector = TlsConnector::from(config.clone());
    connector.connect(name, stream).await.map_err(|error| error.to_string())
}

/// A connection with TLS.
///
/// # Panics
/// When there is none.
pub async fn connect(config: &Arc<ClientConfig>, address: SocketAddr) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.expect("somebody listens");
    shake(config, stream, address).await.unwrap_or_else(|why| panic!("no TLS: {why}"))
}

/// The certificate that was shown.
pub fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let chain = stream.get_ref().1.peer_certificates().expect("a server shows one");
    chain[0].to_vec()
}
