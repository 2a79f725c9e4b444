//! 验证服务: claims are compared, nothing is revealed.

use futures_util::{StreamExt, TryStreamExt, stream};
use http::Response;
use sluice_contract::answer::Culprit;
use sluice_contract::{Ask, BadAnswer, Comparison, ProviderFault};
use sluice_domain::decision::authorize;
use sluice_domain::{Permit, Resource};
use sluice_transport::clock;

use crate::ask::{VerifyAsk, VerifyItem, borrowed, set_of};
use crate::disclose::{self, Judged};
use crate::failure::Failure;
use crate::respond::Reply;
use crate::service::Admitted;
use crate::visit::Visit;

impl Visit<'_> {
    /// One item or a batch; every item counts against the limits and is recorded with its subject.
    pub(crate) async fn verify(&self, admitted: &Admitted<'_>) -> Result<Response<Reply>, Failure> {
        let Admitted { admission, resource, .. } = admitted;
        let ask = VerifyAsk::parse(&admitted.body, resource)?;
        let subjects = self.subjects(resource, ask.items.iter().flat_map(|item| item.key.iter().chain(&item.claims)));
        self.named.replace(subjects.clone());
        let permit = authorize(&self.view.snapshot.policy, admission, &ask.asked())?;
        let units = u32::try_from(ask.items.len()).unwrap_or(u32::MAX);
        let standing = self.limit(&permit, units)?;
        let (opening, mut run) = self.record(admitted, &permit, (standing, units), &subjects)?;
        // Verification changes nothing at the provider, so the disk and the provider work at once.
        let called = clock::now();
        let judging = async {
            let judged = self.judge_all(&permit, resource, &ask.items).await;
            (judged, clock::now().saturating_duration_since(called))
        };
        let (opened, (judged, upstream)) = tokio::join!(opening.durable(self.record_deadline()), judging);
        run.on_end.upstream = upstream;
        let Ok(opened) = opened else { return Err(Failure::Ledger(Some(Box::new(run.on_end)))) };
        let judged = match judged {
            Ok(judged) => judged,
            Err(fault) => return Err(self.unanswered(resource, fault, opened, run)),
        };
        run.on_end.rows = u32::try_from(judged.iter().filter(|judged| judged.found).count()).unwrap_or(u32::MAX);
        let as_of = |judged: &Judged| self.as_of(resource, judged.as_of.as_deref());
        let oldest = judged.iter().map(as_of).min().unwrap_or_default();
        let body = disclose::verdict_body(resource, &ask.items, &judged, ask.is_batch, as_of);
        Ok(self.answered(run, (opened, body), &oldest, None))
    }

    /// Verdicts for every item, in order; a few calls to the provider at a time.
    async fn judge_all(
        &self,
        permit: &Permit,
        resource: &Resource,
        items: &[VerifyItem],
    ) -> Result<Vec<Judged>, ProviderFault> {
        if let [item] = items {
            return Ok(vec![self.judge(permit, resource, item).await?]);
        }
        let parallel = self.settings().batch_parallel.max(1);
        stream::iter(items).map(|item| self.judge(permit, resource, item)).buffered(parallel).try_collect().await
    }

    async fn judge(&self, permit: &Permit, resource: &Resource, item: &VerifyItem) -> Result<Judged, ProviderFault> {
        let (adapter, binding) = self.view.adapter(permit.resource()).ok_or(ProviderFault::Unreachable)?;
        let (key, claims) = (borrowed(&item.key), borrowed(&item.claims));
        let request_id = self.request_id.to_string();
        let items = set_of(&item.key).union(&set_of(&item.claims));
        let ask = Ask { claims: &claims, items, ..self.ask(resource, &key, &request_id) };
        match binding.comparison() {
            Comparison::ByProvider => {
                let judged = Judged::try_from(adapter.compare(permit, &ask).await?)?;
                if judged.found && judged.verdicts.len() != item.claims.len() {
                    return Err(BadAnswer::ItemMissing.into());
                }
                Ok(judged)
            }
            Comparison::ByExchange => {
                let limit = self.settings().rows_max;
                let fetched = adapter.fetch(permit, &Ask { limit, ..ask }).await?;
                let culprit = Culprit::default();
                let judged = disclose::judge(resource, item, &fetched, &culprit);
                Ok(judged.inspect_err(|bad| self.blame(resource, &fetched, *bad, &culprit))?)
            }
        }
    }
}
