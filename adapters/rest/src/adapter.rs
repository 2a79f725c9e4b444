//! One worker's end of a binding.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use sluice_contract::answer::{Page, read};
use sluice_contract::breaker::Admittance;
use sluice_contract::layout::{Layout, MATCH, MISMATCH};
use sluice_contract::operation::Operation;
use sluice_contract::{Adapter, Answering, Ask, BadAnswer, Binding, Compared, Fetched, ProviderFault, Row};
use sluice_domain::compare::Verdict;
use sluice_domain::{ItemSet, Permit};
use sluice_transport::clock;
use sluice_transport::upstream::Upstream;
use tokio::time::sleep;

use crate::binding::RestBinding;
use crate::request;
use crate::response::{Health, fault, is_unsent, judge};

/// Pause before a request is sent again, doubled each time: a listener that restarts needs a moment.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

pub(crate) struct RestAdapter {
    binding: Arc<RestBinding>,
    upstream: Upstream,
}

impl RestAdapter {
    pub(crate) fn new(binding: Arc<RestBinding>) -> Self {
        let upstream = Upstream::new(Arc::clone(&binding.endpoint));
        Self { binding, upstream }
    }

    async fn fetch_records(&self, permit: &Permit, ask: &Ask<'_>) -> Result<Fetched, ProviderFault> {
        let operation = self.binding.records_operation(permit.mode()).ok_or(BadAnswer::NotAskable)?;
        self.check_scope(permit, ask, &ask.items)?;
        let skipped = operation.paging.first(ask).offset;
        let page = self.call(operation, ask).await?;
        Ok(Fetched { pages: page.into_iter().collect(), layout: Arc::clone(&operation.layout), skipped })
    }

    async fn compare_claims(&self, permit: &Permit, ask: &Ask<'_>) -> Result<Compared, ProviderFault> {
        let operation = self.binding.comparing_operation().ok_or(BadAnswer::NotAskable)?;
        let claimed: ItemSet = ask.claims.iter().map(|(item, _)| *item).collect();
        self.check_scope(permit, ask, &claimed)?;
        let page: Vec<Page> = self.call(operation, ask).await?.into_iter().collect();
        let mut verdicts = Vec::new();
        let envelope = read(&page, &operation.layout, &claimed, &mut |row| {
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

    /// Puts the question, within circuit breaker, concurrency limit and deadline; `None` where the head says
    /// that nothing was found.
    async fn call(&self, operation: &Operation, ask: &Ask<'_>) -> Result<Option<Page>, ProviderFault> {
        let binding = &*self.binding;
        let request = request::build(operation, &binding.base_path, ask)?;
        let deadline = ask.deadline.min(clock::now() + binding.timeout());
        if let Some(retry_after_s) = binding.breaker.refuses(binding.now_ms()) {
            return Err(ProviderFault::CircuitOpen { retry_after_s });
        }
        let _place = binding.gate.enter(deadline).await.map_err(|_| ProviderFault::Busy { retry_after_s: 1 })?;
        if let Admittance::Refused { retry_after_s } = binding.breaker.admit(binding.now_ms()) {
            return Err(ProviderFault::CircuitOpen { retry_after_s });
        }
        let (health, judged) = self.send(&request, &operation.layout, deadline).await;
        match health {
            Health::Up => binding.breaker.succeeded(),
            Health::Down => binding.breaker.failed(binding.now_ms()),
            Health::Unknown => {}
        }
        judged
    }

    /// Sends; again only what the provider cannot have seen. Verify and query change nothing, so a
    /// repetition does no harm even if a provider counts it.
    async fn send(
        &self,
        request: &Request<Full<Bytes>>,
        layout: &Layout,
        deadline: Instant,
    ) -> (Health, Result<Option<Page>, ProviderFault>) {
        let mut pause = RETRY_PAUSE;
        let mut left = self.binding.retries;
        loop {
            let failed = match self.upstream.send(request.clone(), deadline, self.binding.body_bytes_max).await {
                Ok(response) => return judge(response, layout),
                Err(failed) => failed,
            };
            if left == 0 || !is_unsent(failed) || clock::now() + pause >= deadline {
                let (health, fault) = fault(failed);
                return (health, Err(fault));
            }
            sleep(pause).await;
            left -= 1;
            pause *= 2;
        }
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
}
