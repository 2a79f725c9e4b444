//! From an endpoint to a connected stream.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::endpoint::Endpoint;
use super::fault::UnreachableKind;

/// A connected stream.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects within the endpoint's connect limit. Cancel safe.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<(Stream, SocketAddr), UnreachableKind> {
    timeout(endpoint.limits.connect, connect_unbounded(endpoint)).await.unwrap_or(Err(UnreachableKind::ConnectTimeout))
}

async fn connect_unbounded(endpoint: &Endpoint) -> Result<(Stream, SocketAddr), UnreachableKind> {
    let mut outcome = Err(UnreachableKind::Unresolved);
    for address in endpoint.addresses.current().await? {
        outcome = connect_to(endpoint, address).await.map(|stream| (stream, address));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// The rules are asked about the very address that is connected to, so a name cannot lead elsewhere.
async fn connect_to(endpoint: &Endpoint, addr: SocketAddr) -> Result<Stream, UnreachableKind> {
    let is_in_clear = endpoint.tls.is_none();
    if !endpoint.egress.permits(addr.ip()) || is_in_clear && !is_private(addr.ip()) {
        return Err(UnreachableKind::Forbidden);
    }
    let stream = TcpStream::connect(addr).await.map_err(|error| kind_of(&error))?;
    stream.set_nodelay(true).map_err(|error| kind_of(&error))?;
    match &endpoint.tls {
        None => Ok(Stream::Plain(stream)),
        Some((config, name)) => TlsConnector::from(Arc::clone(config))
            .connect(name.clone(), stream)
            .await
            .map(|stream| Stream::Tls(Box::new(stream)))
            .map_err(|_| UnreachableKind::Tls),
    }
}

fn kind_of(error: &io::Error) -> UnreachableKind {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => UnreachableKind::Refused,
        io::ErrorKind::TimedOut => UnreachableKind::ConnectTimeout,
        _ => UnreachableKind::Network,
    }
}

/// Loopback, RFC 1918 and unique local addresses.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
