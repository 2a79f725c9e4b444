//! The body of a request to a provider: whole, or passed on as it arrives.

use std::cell::Cell;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::fault::UpstreamFault;

/// A body that is passed on. Its error aborts the request: the provider never sees a whole one.
pub type Upload = Pin<Box<dyn Body<Data = Bytes, Error = Box<dyn Error + Send + Sync>>>>;

/// A request's body.
pub(super) enum Payload {
    Whole(Full<Bytes>),
    Passed(Passed),
}

/// A body that tells how far it is.
pub(super) struct Passed {
    body: Upload,
    progress: Rc<Progress>,
}

/// How far a request's body is.
#[derive(Default)]
pub(super) struct Progress {
    /// Nothing of it is left to send.
    pub(super) has_ended: Cell<bool>,
    /// It broke off on the caller's side: the provider is not to blame for what follows.
    pub(super) is_interrupted: Cell<bool>,
}

impl Progress {
    /// The fault of a call, or that the caller broke off if that came before it.
    pub(super) fn blame(&self, fault: UpstreamFault) -> UpstreamFault {
        if self.is_interrupted.get() { UpstreamFault::Interrupted } else { fault }
    }
}

impl Payload {
    /// The body, and how far it will be.
    pub(super) fn of(body: Option<Upload>) -> (Self, Rc<Progress>) {
        let progress = Rc::<Progress>::default();
        let payload = match body {
            None => {
                progress.has_ended.set(true);
                Self::Whole(Full::default())
            }
            Some(body) => Self::Passed(Passed { body, progress: Rc::clone(&progress) }),
        };
        (payload, progress)
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Passed(passed) => {
                let polled = passed.body.as_mut().poll_frame(cx);
                match &polled {
                    Poll::Ready(None) => passed.progress.has_ended.set(true),
                    Poll::Ready(Some(Err(_))) => passed.progress.is_interrupted.set(true),
                    _ if passed.body.is_end_stream() => passed.progress.has_ended.set(true),
                    _ => {}
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Passed(passed) => passed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Passed(passed) => passed.body.size_hint(),
        }
    }
}

impl Drop for Passed {
    /// A body of known length is not asked for more once its last byte was taken.
    fn drop(&mut self) {
        self.progress.has_ended.set(true);
    }
}
