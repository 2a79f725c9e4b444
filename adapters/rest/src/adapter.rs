//! One worker's end of a binding.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use sluice_contract::answer::{Received, read};
use sluice_contract::layout::{MATCH, MISMATCH};
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
        pages::fetch(&mut call, operation, ask).await
    }

    async fn compare_claims(&self, permit: &Permit, ask: &Ask<'_>) -> Result<Compared, ProviderFault> {
        let operation = self.binding.comparing_operation().ok_or(BadAnswer::NotAskable)?;
        let claimed: ItemSet = ask.claims.iter().map(|(item, _)| *item).collect();
        self.check_scope(permit, ask, &claimed)?;
        let request = request::build(operation, &self.binding.base_path, ask, &operation.paging.first(ask))?;
        let (Received::Answer(page), _) = Call::begin(self, ask).await?.put(operation, &request).await? else {
            return Ok(Compared::NotFound { as_of: None });
        };
        let mut verdicts = Vec::new();
        let envelope = read(&[page], &operation.layout, &claimed, &mut |row| {
            verdicts = ask.claims.iter().map(|(item, _)| verdict(row, *item)).collect();
            Ok(())
        })?;
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
