//! 查询服务: the granted fields of the records that a key names.

use http::Response;
use sluice_contract::answer::Culprit;
use sluice_contract::{Ask, Fetched, ProviderFault};
use sluice_domain::decision::authorize;
use sluice_domain::{Code, Fault, Permit, Refusal, Resource};
use sluice_ledger::{Closed, RequestKey};
use sluice_transport::clock;

use crate::ask::{QueryAsk, borrowed};
use crate::cursor::Bound;
use crate::disclose::{self, KeyMatch, Page};
use crate::failure::Failure;
use crate::record::Gated;
use crate::respond::Reply;
use crate::service::Admitted;
use crate::subjects::Tag;
use crate::visit::Visit;

impl Visit<'_> {
    /// One page of records.
    pub(crate) async fn query(&self, admitted: &Admitted<'_>) -> Result<Response<Reply>, Failure> {
        let Admitted { admission, resource, .. } = admitted;
        let ask = QueryAsk::parse(&admitted.body, resource)?;
        let subjects = self.subjects(resource, ask.filter.iter());
        self.named.replace(subjects.clone());
        let permit = authorize(&self.view.snapshot.policy, admission, &ask.asked())?;
        let page = self.page(&permit, resource, &ask)?;
        let standing = self.limit(&permit, 1)?;
        let (opening, mut run) = self.record(admitted, &permit, (standing, 1), &subjects)?;
        let (access, gate) = (opening.key(), opening.gate());
        let called = clock::now();
        let fetching = async {
            let fetched = self.fetch(&permit, resource, &ask, page).await;
            (fetched, clock::now().saturating_duration_since(called))
        };
        let (opened, (fetched, upstream)) = tokio::join!(opening.durable(self.record_deadline()), fetching);
        run.on_end.upstream = upstream;
        let Ok(opened) = opened else { return Err(Failure::Ledger(Some(Box::new(run.on_end)))) };
        let key = KeyMatch::new(resource, &ask.filter);
        let projected = fetched.and_then(|fetched| {
            let (mut tagger, culprit) = (self.worker.tagger(self.today()), Culprit::default());
            let projected = disclose::project(&permit, resource, &fetched, (&key, page, &culprit), &mut tagger);
            Ok(projected.inspect_err(|bad| self.blame(resource, &fetched, *bad, &culprit))?)
        });
        let projected = match projected {
            Ok(projected) => projected,
            Err(fault) => return Err(self.unanswered(resource, fault, opened, run)),
        };
        run.on_end.rows = projected.rows;
        if self.record_found((access, &gate), &subjects, &projected.subjects).await.is_err() {
            return Err(Failure::Ledger(Some(Box::new(run.on_end))));
        }
        let as_of = self.as_of(resource, projected.as_of.as_deref());
        let hidden = permit.fields().difference(permit.clear());
        self.worker.count_masked(resource.code.as_str(), hidden.len(), projected.rows);
        let masked = resource.codes_of(&hidden);
        let cursor = projected.next_offset.map(|offset| self.seal(&permit, resource, &ask, offset));
        let body = projected.finish(cursor.as_deref(), &as_of);
        Ok(self.answered(run, (opened, body), &as_of, Some(&masked)))
    }

    /// Records the people of an answer whom the request did not name; the answer waits for it (X02). Both lists are in
    /// the order of tags.
    pub(crate) async fn record_found(
        &self,
        (access, gate): (RequestKey, &Gated),
        named: &[Tag],
        found: &[Tag],
    ) -> Result<(), Closed> {
        let found: Vec<Tag> = found.iter().filter(|tag| named.binary_search(tag).is_err()).copied().collect();
        if found.is_empty() {
            return Ok(());
        }
        let epoch = self.worker.tagger(self.today()).epoch();
        self.worker.recorder().found(access, (&found, epoch), gate, self.record_deadline()).await
    }

    async fn fetch(
        &self,
        permit: &Permit,
        resource: &Resource,
        ask: &QueryAsk,
        page: Page,
    ) -> Result<Fetched, ProviderFault> {
        let (adapter, _) = self.view.adapter(permit.resource()).ok_or(ProviderFault::Unreachable)?;
        let key = borrowed(&ask.filter);
        let request_id = self.request_id.to_string();
        // One record more than the page shows whether there is another page.
        let more = u32::from(page.offset.saturating_add(page.limit) < page.chain_max);
        let ask = Ask {
            items: permit.fields().union(permit.key()),
            limit: page.limit + more,
            offset: page.offset,
            ..self.ask(resource, &key, &request_id)
        };
        adapter.fetch(permit, &ask).await
    }

    fn page(&self, permit: &Permit, resource: &Resource, ask: &QueryAsk) -> Result<Page, Refusal> {
        let rows_max = self.settings().rows_max;
        let chain_max = permit.limits().rows_per_call.map_or(rows_max, |rows| rows.min(rows_max)).max(1);
        let offset = match &ask.cursor {
            None => 0,
            Some(cursor) => {
                let open = |bound: &Bound<'_>| self.worker.shared.cursors.open(bound, cursor, self.now_s);
                self.bound(permit, resource, ask, open)?
            }
        };
        // A grant narrowed since the cursor was made leaves nothing to go on with.
        let left = chain_max.checked_sub(offset).filter(|left| *left > 0);
        let left = left.ok_or_else(|| Refusal::fault(Code::RequestCursor, Fault::CursorForeign))?;
        Ok(Page { offset, limit: ask.limit.min(left), chain_max })
    }

    fn seal(&self, permit: &Permit, resource: &Resource, ask: &QueryAsk, offset: u32) -> String {
        self.bound(permit, resource, ask, |bound| self.worker.shared.cursors.seal(bound, offset, self.now_s))
    }

    fn bound<T>(&self, permit: &Permit, resource: &Resource, ask: &QueryAsk, with: impl FnOnce(&Bound<'_>) -> T) -> T {
        let policy = &self.view.snapshot.policy;
        let grant = permit.grant().and_then(|grant| policy.grant(grant));
        with(&Bound {
            party: self.party_key(),
            grant: grant.map_or("", |grant| grant.id.as_str()),
            resource: resource.code.as_str(),
            filter: &ask.filter,
            fields: permit.fields(),
        })
    }
}
