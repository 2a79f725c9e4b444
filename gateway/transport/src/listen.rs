//! Sockets: one accept queue per worker on one address.
//!
//! `SO_REUSEPORT` lets a second process of the same user bind the same port and silently take half
//! of the connections, so the address is probed without it first.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// Why an address cannot be listened on.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Another process, or another listener of this one, has it.
    #[error("{addr} is already in use: another process listens there")]
    InUse {
        /// The address.
        addr: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen on {addr}: {source}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// The cause.
        source: io::Error,
    },
}

/// `count` listeners on one address, each with its own accept queue; port 0 takes a free one.
pub(crate) fn listeners(addr: SocketAddr, count: usize, backlog: i32) -> Result<Vec<TcpListener>, ListenError> {
    let fault = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { addr },
        _ => ListenError::Bind { addr, source },
    };
    if addr.port() != 0 {
        listener(addr, 1, Sharing::Alone).map_err(fault)?;
    }
    let first = listener(addr, backlog, Sharing::Workers).map_err(fault)?;
    let bound = first.local_addr().map_err(fault)?;
    let mut all = vec![first];
    while all.len() < count {
        all.push(listener(bound, backlog, Sharing::Workers).map_err(fault)?);
    }
    Ok(all)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    Workers,
}

fn listener(addr: SocketAddr, backlog: i32, sharing: Sharing) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the previous process that are still in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if sharing == Sharing::Workers {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}
