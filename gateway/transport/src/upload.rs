//! A caller's body on its way to a provider, within its bounds.

use std::cell::Cell;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::body::BodyFault;
use crate::pace::{Exceeded, Pace, StreamBounds};

/// A request body that is passed on piece by piece. Trailers are dropped.
///
/// Its error aborts the request to the provider; what it was is told by [`UploadFault`], because a broken request
/// looks to the sender like a broken provider.
pub struct Upload<B> {
    body: B,
    pace: Pace,
    fault: UploadFault,
}

/// Why an upload ended early, once it has.
#[derive(Debug, Clone, Default)]
pub struct UploadFault(Rc<Cell<Option<BodyFault>>>);

impl UploadFault {
    /// The fault; `None` while all is well.
    pub fn found(&self) -> Option<BodyFault> {
        self.0.get()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Upload<B> {
    /// A body within bounds.
    ///
    /// # Errors
    /// When it announces more than it may hold; nothing was read then.
    pub fn new(body: B, bounds: StreamBounds) -> Result<(Self, UploadFault), BodyFault> {
        let pace = Pace::new(bounds);
        if body.size_hint().lower() > pace.bytes_left() {
            return Err(too_large(&bounds));
        }
        let fault = UploadFault::default();
        Ok((Self { body, pace, fault: fault.clone() }, fault))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Some(Err(BodyFault::Broken))),
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(piece) = frame.into_data() else { continue };
                    let piece = match self.pace.arrived(piece.len()) {
                        Ok(()) => Ok(piece),
                        Err(Exceeded::Bytes) => Err(too_large(self.pace.bounds())),
                        Err(Exceeded::Time) => Err(BodyFault::Timeout),
                    };
                    return Poll::Ready(Some(piece));
                }
                Poll::Pending => return self.pace.poll_wait(cx).map(|()| Some(Err(BodyFault::Timeout))),
            }
        }
    }
}

fn too_large(bounds: &StreamBounds) -> BodyFault {
    BodyFault::TooLarge { bytes_max: usize::try_from(bounds.bytes_max).unwrap_or(usize::MAX) }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Upload<B> {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.poll_piece(cx).map(|polled| {
            polled.map(|piece| {
                piece.map(Frame::data).map_err(|fault| {
                    self.fault.0.set(Some(fault));
                    fault.into()
                })
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
