//! One worker's end of a binding.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use sluice_contract::answer::{Culprit, Received, read_noting};
use sluice_contract::layout::{Layout, MATCH, MISMATCH};
use sluice_contract::{
    Adapter, Answering, Ask, BadAnswer, Binding, Compared, Fetched, Forward, Forwarded, ProviderFault, Row,
};
use sluice_domain::compare::Verdict;
use sluice_domain::{ItemSet, Permit};
use sluice_transport::upstream::Upstream;

use crate::authority::{self, Lines, Unproven};
use crate::binding::RestBinding;
use crate::call::Call;
use crate::{forward, pages, request};

pub(crate) struct RestAdapter {
    pub(crate) binding: Arc<RestBinding>,
    /// One for each instance.
    pub(crate) upstreams: Vec<Rc<Upstream>>,
    pub(crate) token_endpoint: Option<Upstream>,
    turn: Cell<usize>,
}

impl RestAdapter {
    pub(crate) fn new(binding: Arc<RestBinding>) -> Self {
        let pool = |endpoint: &Arc<_>| Upstream::new(Arc::clone(endpoint));
        Self {
            upstreams: binding.instances.iter().map(|instance| Rc::new(pool(&instance.endpoint))).collect(),
            token_endpoint: binding.token_endpoint.as_ref().map(pool),
            turn: Cell::new(0),
            binding,
        }
    }

    async fn fetch_records(&self, permit: &Permit, ask: &Ask<'_>) -> Result<Fetched, ProviderFault> {
        let operation = self.binding.records_operation(permit.mode()).ok_or(BadAnswer::NotAskable)?;
        self.check_scope(permit, ask, &ask.items)?;
        let mut call = Call::begin(self, ask).await?;
        pages::fetch(&mut call, operation, ask).await.inspect_err(|fault| {
            if let ProviderFault::BadAnswer(bad) = fault {
                tell(ask, &operation.layout, *bad, &Culprit::default());
            }
        })
    }

    async fn compare_claims(&self, permit: &Permit, ask: &Ask<'_>) -> Result<Compared, ProviderFault> {
        let operation = self.binding.comparing_operation().ok_or(BadAnswer::NotAskable)?;
        let claimed: ItemSet = ask.claims.iter().map(|(item, _)| *item).collect();
        self.check_scope(permit, ask, &claimed)?;
        let request = request::build(operation, &self.binding.base_path, ask, &operation.paging.first(ask))?;
        let (Received::Answer(page), _) = Call::begin(self, ask).await?.put(operation, &request).await? else {
            return Ok(Compared::NotFound { as_of: None });
        };
        let (mut verdicts, culprit) = (Vec::new(), Culprit::default());
        let on_record = &mut |row: &Row<'_>| {
            verdicts = ask.claims.iter().map(|(item, _)| verdict(row, *item)).collect();
            Ok(())
        };
        let envelope = read_noting(&[page], &operation.layout, &claimed, on_record, &culprit)
            .inspect_err(|bad| tell(ask, &operation.layout, *bad, &culprit))?;
        let as_of = envelope.as_of;
        Ok(if envelope.found { Compared::Found { verdicts, as_of } } else { Compared::NotFound { as_of } })
    }

    /// The question must be the one that was permitted: a second look, in case a caller mixes them up.
    fn check_scope(&self, permit: &Permit, ask: &Ask<'_>, named: &ItemSet) -> Result<(), BadAnswer> {
        let allowed = permit.fields().union(permit.key());
        let keys_allowed = ask.key.iter().all(|(item, _)| permit.key().contains(*item));
        let same = *self.binding.resource() == ask.resource.code && keys_allowed && named.is_subset(&allowed);
        if same { Ok(()) } else { Err(BadAnswer::NotAskable) }
    }

    /// Sends a request to one instance.
    pub(crate) async fn send(
        &self,
        instance: usize,
        request: &Request<Bytes>,
        deadline: Instant,
        bytes_max: usize,
    ) -> Result<Response<Bytes>, Unproven> {
        let instance = self.upstreams.get(instance).ok_or(Unproven::NoToken(ProviderFault::Unreachable))?;
        let lines = Lines { instance, token_endpoint: self.token_endpoint.as_ref() };
        authority::send(&self.binding, lines, request, (deadline, bytes_max)).await
    }

    /// Counts up, so that equally busy instances take turns.
    pub(crate) fn next_turn(&self) -> usize {
        self.turn.replace(self.turn.get().wrapping_add(1))
    }
}

/// Tells the operator where an answer is not as its binding declares: by the declaration's words, never by the answer's.
fn tell(ask: &Ask<'_>, layout: &Layout, bad: BadAnswer, culprit: &Culprit) {
    if let Some(place) = layout.place(bad, culprit) {
        let item = culprit.item().and_then(|at| ask.resource.items.get(at)).map(|item| item.code.as_str());
        tracing::warn!(request_id = ask.request_id, resource = %ask.resource.code, item, place, fault = %bad, "an answer is not as its binding declares");
    }
}

fn verdict(row: &Row<'_>, item: usize) -> Verdict {
    match row.cell(item).map(|cell| cell.raw()) {
        Some(MATCH) => Verdict::Match,
        Some(MISMATCH) => Verdict::Mismatch,
        _ => Verdict::Indeterminate,
    }
}

impl Adapter for RestAdapter {
    fn fetch<'a>(&'a self, permit: &'a Permit, ask: &'a Ask<'a>) -> Answering<'a, Fetched> {
        Box::pin(self.fetch_records(permit, ask))
    }

    fn compare<'a>(&'a self, permit: &'a Permit, ask: &'a Ask<'a>) -> Answering<'a, Compared> {
        Box::pin(self.compare_claims(permit, ask))
    }

    fn forward<'a>(&'a self, permit: &'a Permit, forward: Forward<'a>) -> Answering<'a, Forwarded> {
        Box::pin(forward::forward(self, permit, forward))
    }
}
