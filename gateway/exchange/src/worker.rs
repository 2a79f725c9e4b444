//! One worker's service: it owns everything a request needs but the snapshot pointer, the ledger's
//! queue and the counters, so that requests of different workers do not meet.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;

use http::{Request, Response, request};
use hyper::body::Incoming;
use sluice_domain::{Day, Refusal};
use sluice_transport::{Peer, Service, clock};
use uuid::Uuid;

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
    views: Rc<Views>,
    verifier: RefCell<Verifier>,
    tagger: RefCell<Tagger>,
    tally: Arc<Tally>,
    pub(crate) summaries: Summaries,
    request_ids: RequestIds,
    callers: Cell<u32>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, recorder: Recorder, tally: Arc<Tally>) -> Self {
        let views = Rc::new(Views::new(Arc::clone(&shared)));
        let entries_max = views.now().snapshot.settings.token_cache_entries;
        let today = Day::at(clock::now_unix_s());
        Self {
            recorder,
            views,
            verifier: RefCell::new(Verifier::new(entries_max)),
            tagger: RefCell::new(Tagger::new(shared.tag_keys.clone(), today)),
            tally,
            summaries: Summaries::default(),
            request_ids: RequestIds::seeded(),
            callers: Cell::new(0),
            shared,
        }
    }

    /// The snapshot as of now; a request keeps the one it began with.
    pub(crate) fn view(&self) -> Rc<View> {
        self.views.now()
    }

    /// What keeps the view current while no request comes.
    pub(crate) fn views(&self) -> Rc<Views> {
        Rc::clone(&self.views)
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

    pub(crate) fn next_request_id(&self) -> Uuid {
        self.request_ids.next(clock::now_unix_us() / 1000)
    }

    pub(crate) fn count(&self, answered: &Answered<'_>) {
        let figures = self.verifier.borrow().figures();
        self.tally.count(answered, figures);
    }

    /// Counts the masked values of an answer: so many items in each of so many records.
    pub(crate) fn count_masked(&self, resource: &str, items: usize, records: u32) {
        let values = u64::try_from(items).unwrap_or(u64::MAX).saturating_mul(records.into());
        if values > 0 {
            self.tally.count_masked(resource, values);
        }
    }
}

/// The worker's view of the newest snapshot.
pub(crate) struct Views {
    shared: Arc<Shared>,
    newest: RefCell<Rc<View>>,
}

impl Views {
    fn new(shared: Arc<Shared>) -> Self {
        let view = View::attach(shared.snapshot.load_full(), None);
        Self { shared, newest: RefCell::new(Rc::new(view)) }
    }

    /// The view of the snapshot as of now. Letting go of an older one closes its idle connections to providers.
    pub(crate) fn now(&self) -> Rc<View> {
        let current = self.shared.snapshot.load();
        let mut newest = self.newest.borrow_mut();
        if !Arc::ptr_eq(&newest.snapshot, &current) {
            *newest = Rc::new(View::attach(Arc::clone(&current), Some(&newest)));
        }
        newest.clone()
    }
}

/// A request being answered; counts down when it is dropped at any point.
struct Caller<'w>(&'w Worker);

impl<'w> Caller<'w> {
    fn enter(worker: &'w Worker) -> Self {
        worker.callers.set(worker.callers.get() + 1);
        worker.recorder.set_callers(worker.callers.get());
        Self(worker)
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.0.callers.set(self.0.callers.get().saturating_sub(1));
        self.0.recorder.set_callers(self.0.callers.get());
    }
}

/// Request ids: `UUIDv7` whose random part is drawn once per worker and counted on from there. Ids need
/// to be unique, not secret, and a system call per request for randomness is dear.
struct RequestIds {
    worker: [u8; 2],
    count: Cell<u64>,
}

impl RequestIds {
    fn seeded() -> Self {
        // The random part of a UUIDv4 is 122 bits of the system's randomness.
        let (high, low) = Uuid::new_v4().as_u64_pair();
        let [.., a, b] = high.to_be_bytes();
        Self { worker: [a, b], count: Cell::new(low) }
    }

    fn next(&self, unix_ms: u64) -> Uuid {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        let mut random = [0; 10];
        let (worker, counted) = random.split_at_mut(self.worker.len());
        worker.copy_from_slice(&self.worker);
        counted.copy_from_slice(&count.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid()
    }
}

impl Service for Worker {
    type Body = Reply;

    fn party(&self, peer: &Peer) -> Box<str> {
        let policy = &self.view().snapshot.policy;
        let system = policy.system_by_fingerprint(&peer.fingerprint).and_then(|system| policy.system(system));
        system.and_then(|system| policy.party(system.party)).map_or("", |party| party.key.as_str()).into()
    }

    async fn call(self: Rc<Self>, request: Request<Incoming>, peer: Rc<Peer>) -> Response<Reply> {
        let _caller = Caller::enter(&self);
        let (head, body) = request.into_parts();
        let visit = Visit::begin(&self, &head, &peer);
        visit.answer(body).await
    }

    async fn refuse(self: Rc<Self>, head: &request::Parts, peer: Rc<Peer>, refusal: Refusal) -> Response<Reply> {
        let visit = Visit::begin(&self, head, &peer);
        visit.refuse_at_edge(refusal).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_version_7_in_time_order_and_never_repeat() {
        let ids = RequestIds::seeded();
        let made: std::collections::HashSet<Uuid> = (0..10_000).map(|_| ids.next(1_795_370_260_000)).collect();
        assert_eq!(made.len(), 10_000);
        assert!(made.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
        assert!(ids.next(1) < ids.next(2));
    }
}
