//! Answers of operations and sealed files: they leave as the provider wrote them, so every item that they may hold must
//! be clear.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, SizeHint};
use sluice_contract::{Download, ProviderFault};
use sluice_domain::{Mode, Operation, Permit};

use super::{Body, Disclosed};
use crate::spool::{Spooled, Unspooled};

/// The right to give out what an operation answers, unread.
pub(crate) struct Unprojected(());

impl Unprojected {
    /// Looks at the permit once more: it must be for this operation and show all of its items in clear.
    pub(crate) fn of(permit: &Permit, operation: &Operation) -> Option<Self> {
        let is_clear = permit.mode() == Mode::Call && operation.items.is_subset(permit.clear());
        is_clear.then_some(Self(()))
    }

    /// An answer that was read whole.
    pub(crate) fn whole(self, answer: Bytes) -> Body {
        let Self(()) = self;
        Body(Disclosed::Whole(answer))
    }

    /// An answer as it comes.
    pub(crate) fn passed(self, answer: Download) -> Body {
        let Self(()) = self;
        Body(Disclosed::Flow(Flow(Source::Passed { answer, has_ended: false })))
    }

    /// A sealed file whose content was hashed.
    pub(crate) fn sealed(self, file: Spooled) -> Body {
        let Self(()) = self;
        Body(Disclosed::Flow(Flow(Source::Spooled(file.read()))))
    }
}

/// A body that comes piece by piece.
pub(crate) struct Flow(Source);

enum Source {
    Passed { answer: Download, has_ended: bool },
    Spooled(Unspooled),
}

impl Flow {
    /// The next piece. Trailers are dropped.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ProviderFault>>> {
        let (answer, has_ended) = match &mut self.0 {
            Source::Spooled(file) => return file.poll_piece(cx),
            Source::Passed { answer, has_ended } => (answer, has_ended),
        };
        loop {
            match std::task::ready!(Pin::new(&mut *answer).poll_frame(cx)) {
                None => {
                    *has_ended = true;
                    return Poll::Ready(None);
                }
                Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Poll::Ready(Some(Ok(piece)));
                    }
                }
            }
        }
    }

    /// Whether nothing more will come, and nothing is missing.
    pub(crate) fn has_ended(&self) -> bool {
        match &self.0 {
            Source::Passed { answer, has_ended } => *has_ended || answer.is_end_stream(),
            Source::Spooled(file) => file.left() == 0,
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Passed { answer, .. } => answer.size_hint(),
            Source::Spooled(file) => SizeHint::with_exact(file.left()),
        }
    }
}
