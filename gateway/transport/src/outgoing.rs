//! The body of an answer on its way out.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::limits::HTTP2_PIECE_BYTES;
use crate::request::Flight;
use crate::streams::Turn;

/// A service's body that keeps its request counted as in flight until the last byte is handed over,
/// and that gives HTTP/2 small pieces: a stream whose peer opens no window then holds one piece.
pub struct Outgoing<B> {
    body: B,
    rest: Bytes,
    piece_bytes_max: usize,
    flight: Flight,
}

impl<B: Body<Data = Bytes> + Unpin> Outgoing<B> {
    pub(crate) fn whole(body: B, flight: Flight) -> Self {
        Self { body, rest: Bytes::new(), piece_bytes_max: usize::MAX, flight }
    }

    pub(crate) fn in_pieces(body: B, flight: Flight) -> Self {
        Self { body, rest: Bytes::new(), piece_bytes_max: HTTP2_PIECE_BYTES, flight }
    }

    fn next_piece(&mut self) -> Bytes {
        let length = self.rest.len().min(self.piece_bytes_max);
        let turn = &self.flight.conn().turn;
        let given = if let Turn::Peers(bytes) = turn.get() { bytes } else { 0 };
        turn.set(Turn::Peers(given + length));
        self.rest.split_to(length)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Outgoing<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.next_piece()))));
        }
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(end) => return Poll::Ready(end),
            Poll::Pending => {
                self.flight.conn().turn.set(Turn::Ours);
                return Poll::Pending;
            }
        };
        match frame.into_data() {
            Ok(data) => {
                self.rest = data;
                Poll::Ready(Some(Ok(Frame::data(self.next_piece()))))
            }
            Err(other) => Poll::Ready(Some(Ok(other))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.size_hint();
        let waiting = self.rest.len() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + waiting);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + waiting);
        }
        hint
    }
}
