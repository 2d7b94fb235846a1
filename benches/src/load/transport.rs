//! A connection's bytes: a TCP stream that never waits, plain or with TLS over it.
//! Leaves to `connection`: what the bytes mean.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use holdline_benches::poll::{self, Taken};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use socket2::{Domain, SockRef, Socket, Type};

use crate::arguments::Common;

/// Where connections go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) enum Transport {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

#[derive(Debug)]
pub(crate) struct Tls {
    session: ClientConnection,
    stream: TcpStream,
}

impl Target {
    /// # Errors
    /// The file of `--ca`.
    pub(crate) fn new(common: &Common) -> Result<Self> {
        let tls = match (&common.ca, common.tls) {
            (Some(ca), true) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_file_iter(ca)
                    .with_context(|| format!("--ca {}", ca.display()))?
                {
                    roots.add(certificate.with_context(|| format!("--ca {}", ca.display()))?)?;
                }
                ensure!(!roots.is_empty(), "--ca {} has no certificate", ca.display());
                let config = ClientConfig::builder_with_provider(ring::default_provider().into())
                    .with_safe_default_protocol_versions()?
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                Some(Arc::new(config))
            }
            _ => None,
        };
        Ok(Self { address: common.address, tls })
    }

    /// Begins a connection; that it is there shows when it can be written.
    ///
    /// # Errors
    /// No descriptor or no port is left, or nobody can be there.
    pub(crate) fn connect(&self) -> Result<Transport> {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None)
            .context("no descriptor for another connection")?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&self.address.into()) {
            Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => {
                return Err(error).with_context(|| format!("cannot connect to {}", self.address));
            }
            _ => {}
        }
        let stream = TcpStream::from(socket);
        let Some(config) = &self.tls else { return Ok(Transport::Plain(stream)) };
        let session = ClientConnection::new(config.clone(), ServerName::try_from("localhost")?)?;
        Ok(Transport::Tls(Box::new(Tls { session, stream })))
    }
}

/// `EINPROGRESS`: the connection is being made.
const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

impl Transport {
    /// Reads once what is there.
    #[inline]
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Taken> {
        match self {
            Self::Plain(stream) => poll::read(stream, buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }

    /// Writes once; what was not taken must be tried again when there is room.
    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<Taken> {
        match self {
            Self::Plain(stream) => poll::write(stream, bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    /// Goes on with what TLS has taken but not yet written.
    #[inline]
    pub(crate) fn push(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.push(),
        }
    }

    /// Whether a read of less than the buffer took all that was there.
    #[inline]
    pub(crate) fn short_is_all(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Ends it as a process that dies does not, but a machine that is taken away does: with RST.
    pub(crate) fn cut(self) -> Result<()> {
        let fd = self.as_fd();
        SockRef::from(&fd).set_linger(Some(Duration::ZERO)).context("cannot cut a connection")
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Plain(stream) => stream.as_fd(),
            Self::Tls(tls) => tls.stream.as_fd(),
        }
    }
}

impl Tls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Taken> {
        loop {
            match self.session.reader().read(buffer) {
                Ok(bytes) => return Ok(Taken::Some(bytes)),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(Taken::Some(0));
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) => {}
            }
            match self.session.read_tls(&mut self.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Taken::Later),
                Err(error) => return Err(error),
            }
            let state = self.session.process_new_packets();
            state.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            self.push()?;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<Taken> {
        let taken = self.session.writer().write(bytes)?;
        self.push()?;
        Ok(if taken == 0 { Taken::Later } else { Taken::Some(taken) })
    }

    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
