//! Binds a listener, in the same way for whatever is served there.
//! Leaves to the floors above: what that is, and how many may wait.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

/// A listener at this address, where `backlog` connections may wait to be accepted; port 0 takes a
/// free one. The address is free again at once for whoever comes after us (`SO_REUSEADDR`).
///
/// # Errors
/// The system's, behind what was `asked` for and by whom: a key or an argument with its value.
pub(crate) fn bind(asked: &str, address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let bound = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        Ok(TcpListener::from(socket))
    };
    bound().map_err(|error: io::Error| io::Error::new(error.kind(), format!("{asked}: {error}")))
}
