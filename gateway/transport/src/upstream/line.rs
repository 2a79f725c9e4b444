//! One connection to a provider, driven by whoever waits for its answer.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::connect::Stream;
use super::fault::UpstreamFault;
use super::heads::{Heads, Watched};
use super::hygiene;
use super::payload::Payload;
use crate::body::Gathered;
use crate::limits::HTTP1_BUFFER_BYTES;

/// A connection that can carry one request at a time.
pub(super) struct Line {
    sender: http1::SendRequest<Payload>,
    /// `None` once it has ended; dropping it gives back a request that it never began.
    connection: Option<http1::Connection<TokioIo<Watched<Stream>>, Payload>>,
    heads: Rc<RefCell<Heads>>,
    /// What it is connected to.
    pub(super) address: SocketAddr,
    /// Not used after this.
    pub(super) ends_at: Instant,
    has_served: bool,
    /// Whether the request under way is not its first.
    is_reused: bool,
}

/// A request that got no answer.
pub(super) enum Failure {
    /// Nothing of it left: it may be sent again.
    Unsent(Box<Request<Payload>>),
    /// It may have arrived.
    Fault(UpstreamFault),
}

impl Line {
    /// Prepares a connected stream.
    pub(super) async fn open((stream, address): (Stream, SocketAddr), ends_at: Instant) -> Option<Self> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HTTP1_BUFFER_BYTES);
        let (stream, heads) = Watched::new(stream);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.ok()?;
        Some(Self {
            sender,
            connection: Some(connection),
            heads,
            address,
            ends_at,
            has_served: false,
            is_reused: false,
        })
    }

    /// Whether the next request can go over this connection; notices if the provider has closed it
    /// or sent something unasked.
    pub(super) async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.is_settled(cx))).await
    }

    /// Sends `request` and waits for the head of the answer. If the future is dropped, the connection must be too.
    pub(super) async fn send(&mut self, request: Box<Request<Payload>>) -> Result<Response<Incoming>, Failure> {
        self.is_reused = std::mem::replace(&mut self.has_served, true);
        self.heads.borrow_mut().begin();
        let mut answer = pin!(self.sender.try_send_request(*request));
        let answer = poll_fn(|cx| {
            self.drive(cx);
            answer.as_mut().poll(cx)
        })
        .await;
        let has_begun = || self.heads.borrow().has_begun();
        let answer = answer.map_err(|mut error| match error.take_message() {
            Some(request) => Failure::Unsent(Box::new(request)),
            None => Failure::Fault(UpstreamFault::Broken { answered: has_begun(), reused: self.is_reused }),
        })?;
        let is_clean = self.heads.borrow().are_clean() && hygiene::is_well_framed(answer.headers());
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS || !is_clean {
            return Err(Failure::Fault(self.broken()));
        }
        Ok(answer)
    }

    /// Reads an answer whole.
    pub(super) async fn read(
        &mut self,
        answer: Response<Incoming>,
        bytes_max: usize,
    ) -> Result<Response<Bytes>, UpstreamFault> {
        let (mut head, mut body) = answer.into_parts();
        if body.size_hint().lower() > bytes_max as u64 {
            return Err(UpstreamFault::TooLarge { bytes_max });
        }
        let mut gathered = Gathered::new(bytes_max);
        loop {
            match poll_fn(|cx| self.poll_body(&mut body, cx)).await {
                None => break,
                Some(Err(fault)) => return Err(fault),
                Some(Ok(piece)) => gathered.push(piece).map_err(|_| UpstreamFault::TooLarge { bytes_max })?,
            }
        }
        hygiene::strip(&mut head.headers);
        Ok(Response::from_parts(head, gathered.finish()))
    }

    /// The next piece of an answer's body. Trailers are dropped.
    pub(super) fn poll_body(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, UpstreamFault>>> {
        loop {
            self.drive(cx);
            match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(_)) => return Poll::Ready(Some(Err(self.broken()))),
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Poll::Ready(Some(Ok(piece)));
                    }
                }
            }
        }
    }

    /// Whether the next request can go over this connection now, as far as it is known without waiting.
    pub(super) fn is_settled(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        self.connection.is_some() && self.sender.is_ready()
    }

    fn broken(&self) -> UpstreamFault {
        UpstreamFault::Broken { answered: true, reused: self.is_reused }
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(cx).is_ready()
        {
            self.connection = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::clock;

    #[tokio::test]
    async fn a_request_to_a_connection_that_has_ended_comes_back_unsent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let (provider, _) = listener.accept().await.unwrap();
        let ends_at = clock::now() + Duration::from_mins(1);
        let mut line = Line::open((Stream::Plain(stream), address), ends_at).await.unwrap();
        assert!(line.is_usable().await);
        drop(provider);
        while line.is_usable().await {
            tokio::task::yield_now().await;
        }
        let request = Request::post("/a").body(Payload::Whole(Bytes::from_static(b"ask").into())).unwrap();
        match line.send(Box::new(request)).await {
            Err(Failure::Unsent(request)) => assert_eq!(request.uri(), "/a"),
            _ => panic!("nothing of the request could have left"),
        }
    }
}
