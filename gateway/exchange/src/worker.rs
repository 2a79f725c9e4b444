//! One worker's service: it owns everything a request needs but the snapshot pointer, the ledger's
//! queue and the counters, so that requests of different workers do not meet.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;

use http::{Request, Response, request};
use hyper::body::Incoming;
use sluice_domain::{Day, Refusal};
use sluice_transport::{Peer, Service, clock};

use crate::record::Recorder;
use crate::respond::Reply;
use crate::shared::Shared;
use crate::snapshot::View;
use crate::subjects::Tagger;
use crate::summary::Summaries;
use crate::tally::{Answered, Tally};
use crate::token::Verifier;
use crate::visit::Visit;

/// The service of one worker.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    recorder: Recorder,
    view: RefCell<Rc<View>>,
    verifier: RefCell<Verifier>,
    tagger: RefCell<Tagger>,
    tally: Arc<Tally>,
    pub(crate) summaries: Summaries,
    served: Cell<u64>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, recorder: Recorder, tally: Arc<Tally>) -> Self {
        let view = View::attach(shared.snapshot.load_full(), None);
        let today = Day::at(clock::now_unix_s());
        Self {
            recorder,
            view: RefCell::new(Rc::new(view)),
            verifier: RefCell::new(Verifier::new(shared.settings.token_cache_entries)),
            tagger: RefCell::new(Tagger::new(shared.tag_key.clone(), today)),
            tally,
            summaries: Summaries::default(),
            served: Cell::new(0),
            shared,
        }
    }

    /// The snapshot as of now; a request keeps the one it began with.
    pub(crate) fn view(&self) -> Rc<View> {
        let current = self.shared.snapshot.load();
        let mut view = self.view.borrow_mut();
        if !Arc::ptr_eq(&view.snapshot, &current) {
            *view = Rc::new(View::attach(Arc::clone(&current), Some(&view)));
        }
        view.clone()
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(crate) fn verifier(&self) -> RefMut<'_, Verifier> {
        self.verifier.borrow_mut()
    }

    /// The tagger, turned to today's key.
    pub(crate) fn tagger(&self, today: Day) -> RefMut<'_, Tagger> {
        let mut tagger = self.tagger.borrow_mut();
        tagger.turn_to(today);
        tagger
    }

    pub(crate) fn count(&self, answered: &Answered<'_>) {
        self.served.set(self.served.get() + 1);
        let figures = self.verifier.borrow().figures();
        self.tally.count(answered, figures);
    }
}

impl Service for Worker {
    type Body = Reply;

    async fn call(self: Rc<Self>, request: Request<Incoming>, peer: Rc<Peer>) -> Response<Reply> {
        let (head, body) = request.into_parts();
        let visit = Visit::begin(&self, &head, &peer);
        visit.answer(body).await
    }

    async fn refuse(self: Rc<Self>, head: &request::Parts, peer: Rc<Peer>, refusal: Refusal) -> Response<Reply> {
        let visit = Visit::begin(&self, head, &peer);
        visit.refuse_at_edge(refusal).await
    }
}
