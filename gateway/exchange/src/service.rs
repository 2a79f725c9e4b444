//! The life of a call on a resource, in order:
//! identify → admit → read → authorize → limit → record → call → disclose → respond.
//!
//! Each stage takes what the one before it made. A failing stage ends the call with a refusal that
//! is recorded like an answer.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use hyper::body::Incoming;
use sluice_contract::{Ask, BadAnswer, Comparison, Fetched, ProviderFault};
use sluice_domain::decision::{admit, authorize};
use sluice_domain::{
    Admission, Caller, Code, Fact, Fault, ItemSet, Mode, Permit, Question, Refusal, Resource,
};
use sluice_ledger::{Closed, RequestKey};
use sluice_transport::body;
use sluice_transport::clock;

use crate::ask::{QueryAsk, Values, VerifyAsk, VerifyItem, set_of};
use crate::cursor::Bound;
use crate::disclose::{self, Body, Judged, KeyMatch, Opened, Page, Projected};
use crate::limit::Standing;
use crate::outcome::OnEnd;
use crate::record::Verdict;
use crate::respond::{self, Reply};
use crate::subjects::Tag;
use crate::visit::{Beside, Visit};

/// A call that ends without an answer.
pub(crate) enum Failure {
    /// Refused before any provider heard of it.
    Refused(Refusal, Option<Standing>),
    /// Permitted and recorded, but the provider gave no usable answer.
    Provider { refusal: Refusal, opened: Opened, run: Run },
    /// The record could not be made durable: nothing is served.
    Ledger(Option<Run>),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal, None)
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self::Refused(code.into(), None)
    }
}

/// A permitted call under way: what its end has to tell.
pub(crate) struct Run {
    access: RequestKey,
    standing: Standing,
    on_end: Box<OnEnd>,
}

/// What identification and admission found, with the body that was read then.
struct Admitted<'a> {
    caller: Caller,
    admission: Admission,
    resource: &'a Resource,
    body: Bytes,
    call: (&'static str, Mode),
}

impl Visit<'_> {
    /// Answers a verify or query call.
    pub(crate) async fn service(&self, code: &str, mode: Mode, template: &'static str, body: Incoming) -> Response<Reply> {
        let failure = match self.exchange(code, (template, mode), body).await {
            Ok(response) => return response,
            Err(failure) => failure,
        };
        match failure {
            Failure::Refused(refusal, standing) => {
                let Some(system) = self.system else { return self.refuse(template, None, refusal).await };
                let resource = self.view.snapshot.policy.resource_by_code(code);
                let entry = self.entry_of(system, (template, mode), resource, 1);
                self.refuse_recorded(&entry, refusal, standing).await
            }
            // The record says "permitted", the outcome what went wrong after that.
            Failure::Provider { refusal, opened, run } => {
                let beside = Beside { durable: Some(*opened.durable()), standing: Some(run.standing) };
                self.problem(&refusal, &beside, run.on_end)
            }
            Failure::Ledger(run) => {
                let on_end = run.map_or_else(|| self.on_end(template, None), |run| run.on_end);
                self.problem(&Code::LedgerUnavailable.into(), &Beside::default(), on_end)
            }
        }
    }

    async fn exchange(&self, code: &str, call: (&'static str, Mode), body: Incoming) -> Result<Response<Reply>, Failure> {
        let policy = &self.view.snapshot.policy;
        let caller = self.identify()?;
        let facts = self.facts();
        let question = Question {
            caller,
            stale: self.view.snapshot.is_stale(self.now_s),
            purpose: facts.purpose,
            handler: facts.handler,
            matter: facts.matter.map(|matter| matter.is_some()),
            resource: code,
            mode: call.1,
            today: self.today(),
        };
        let admission = admit(policy, &question)?;
        let resource = policy.resource(admission.resource()).ok_or(Code::ResourceNotFound)?;
        let body = self.read_json(body).await?;
        let admitted = Admitted { caller, admission, resource, body, call };
        match call.1 {
            Mode::Verify => self.verify(&admitted).await,
            _ => self.query(&admitted).await,
        }
    }

    async fn verify(&self, admitted: &Admitted<'_>) -> Result<Response<Reply>, Failure> {
        let Admitted { admission, resource, .. } = admitted;
        let ask = VerifyAsk::parse(&admitted.body, resource)?;
        let permit = authorize(&self.view.snapshot.policy, admission, &ask.asked())?;
        let units = u32::try_from(ask.items.len()).unwrap_or(u32::MAX);
        let standing = self.limit(&permit, units)?;
        let named = ask.items.iter().flat_map(|item| item.key.iter().chain(&item.claims));
        let subjects = self.subjects(resource, named);
        let (opening, mut run) = self.record(admitted, &permit, (standing, units), &subjects)?;
        // Verification changes nothing at the provider, so the disk and the provider work at once.
        let called = clock::now();
        let judging = async {
            let judged = self.judge_all(&permit, resource, &ask.items).await;
            (judged, clock::now().saturating_duration_since(called))
        };
        let (opened, (judged, upstream)) = tokio::join!(opening.durable(), judging);
        run.on_end.upstream = upstream;
        let opened = match opened {
            Ok(opened) => opened,
            Err(_) => return Err(Failure::Ledger(Some(run))),
        };
        let judged = match judged {
            Ok(judged) => judged,
            Err(fault) => return Err(self.failed(resource, fault, opened, run)),
        };
        run.on_end.rows = u32::try_from(judged.iter().filter(|judged| judged.found).count()).unwrap_or(u32::MAX);
        let as_of = |judged: &Judged| self.as_of(resource, judged.as_of.as_deref());
        let oldest = judged.iter().map(as_of).min().unwrap_or_default();
        let body = disclose::verdict_body(resource, &ask.items, &judged, ask.is_batch, as_of);
        Ok(self.answered(run, (opened, body), &oldest, None))
    }

    async fn query(&self, admitted: &Admitted<'_>) -> Result<Response<Reply>, Failure> {
        let Admitted { admission, resource, .. } = admitted;
        let ask = QueryAsk::parse(&admitted.body, resource)?;
        let permit = authorize(&self.view.snapshot.policy, admission, &ask.asked())?;
        let page = self.page(&permit, resource, &ask)?;
        let standing = self.limit(&permit, 1)?;
        let mut subjects = self.subjects(resource, ask.filter.iter());
        let (opening, mut run) = self.record(admitted, &permit, (standing, 1), &subjects)?;
        let called = clock::now();
        let fetching = async {
            let fetched = self.fetch(&permit, resource, &ask, page).await;
            (fetched, clock::now().saturating_duration_since(called))
        };
        let (opened, (fetched, upstream)) = tokio::join!(opening.durable(), fetching);
        run.on_end.upstream = upstream;
        let opened = match opened {
            Ok(opened) => opened,
            Err(_) => return Err(Failure::Ledger(Some(run))),
        };
        let key = KeyMatch::new(resource, &ask.filter);
        let projected = fetched.and_then(|fetched| {
            let mut tagger = self.worker.tagger(self.today());
            Ok(disclose::project(&permit, resource, &fetched, (&key, page), &mut tagger)?)
        });
        let projected = match projected {
            Ok(projected) => projected,
            Err(fault) => return Err(self.failed(resource, fault, opened, run)),
        };
        run.on_end.rows = projected.rows;
        if self.record_found(&run, &mut subjects, &projected).await.is_err() {
            return Err(Failure::Ledger(Some(run)));
        }
        let as_of = self.as_of(resource, projected.as_of.as_deref());
        let masked = resource.codes_of(&permit.fields().difference(permit.clear()));
        let cursor = projected.next_offset.map(|offset| self.seal(&permit, resource, &ask, offset));
        let body = projected.finish(cursor.as_deref(), &as_of);
        Ok(self.answered(run, (opened, body), &as_of, Some(&masked)))
    }

    /// The body, if it is JSON and not too long.
    async fn read_json(&self, body: Incoming) -> Result<Bytes, Refusal> {
        let content_type = self.head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(is_json) {
            return Err(Code::RequestMediaType.into());
        }
        if self.head.headers.contains_key(header::CONTENT_ENCODING) {
            return Err(Refusal::fault(Code::RequestMediaType, Fault::BodyEncoding));
        }
        self.read(body).await
    }

    /// The body, within its bounds.
    pub(crate) async fn read(&self, incoming: Incoming) -> Result<Bytes, Refusal> {
        let limits = &self.worker.shared.settings.body;
        Ok(body::read(incoming, limits).await?)
    }

    fn limit(&self, permit: &Permit, units: u32) -> Result<Standing, Failure> {
        let counter = self.view.counter(permit, &self.worker.shared.limiters);
        counter.take(&permit.limits(), units, self.now_s).map_err(|exceeded| Failure::Refused(exceeded.refusal, Some(exceeded.standing)))
    }

    /// Tags of the people that a request names.
    fn subjects<'v>(&self, resource: &Resource, values: impl Iterator<Item = &'v (usize, String)>) -> Vec<Tag> {
        let mut tagger = self.worker.tagger(self.today());
        let mut tags: Vec<Tag> = Vec::new();
        let mut seen = std::collections::HashSet::with_hasher(foldhash::fast::RandomState::default());
        for (at, value) in values {
            let kind = resource.items.get(*at).and_then(|item| sluice_domain::subject::SubjectType::of(item.semantic));
            if let Some(kind) = kind {
                let tag = tagger.subject(kind, value);
                if seen.insert(tag) {
                    tags.push(tag);
                }
            }
        }
        tags
    }

    /// Appends the access record; from here on the call has an outcome, whatever happens.
    fn record(
        &self, admitted: &Admitted<'_>, permit: &Permit, (standing, units): (Standing, u32), subjects: &[Tag],
    ) -> Result<(crate::record::Opening, Run), Failure> {
        let entry = self.entry_for(admitted.caller, admitted.call, permit.resource(), units);
        let is_selection = permit.grant().is_none() && self.is_first_use(permit);
        let verdict = Verdict::Permit { permit, subjects, is_selection };
        let epoch = self.worker.tagger(self.today()).epoch();
        let opening = self.worker.recorder().open(&self.view, &entry, &verdict, epoch).map_err(|_| Failure::Ledger(None))?;
        let access = opening.key();
        let on_end = self.on_end(admitted.call.0, Some(access));
        Ok((opening, Run { access, standing, on_end }))
    }

    fn is_first_use(&self, permit: &Permit) -> bool {
        let policy = &self.view.snapshot.policy;
        let (party, resource) = (permit.caller().party, permit.resource());
        if !self.view.is_new_pair(party, resource) {
            return false;
        }
        let code = policy.resource(resource).map_or("", |resource| resource.code.as_str());
        self.worker.shared.selections.note(self.party_key(), code)
    }

    /// Records the people of an answer whom the request did not name; the answer waits for it (X02).
    async fn record_found(&self, run: &Run, named: &mut Vec<Tag>, projected: &Projected) -> Result<(), Closed> {
        let found: Vec<Tag> = projected.subjects.iter().filter(|tag| !named.contains(tag)).copied().collect();
        if found.is_empty() {
            return Ok(());
        }
        let epoch = self.worker.tagger(self.today()).epoch();
        self.worker.recorder().found(run.access, &found, epoch).await
    }

    fn ask<'a>(&'a self, resource: &'a Resource, key: &'a [(usize, &'a str)], request_id: &'a str) -> Ask<'a> {
        Ask {
            resource,
            key,
            claims: &[],
            items: ItemSet::EMPTY,
            limit: 0,
            offset: 0,
            deadline: self.deadline(),
            request_id,
            caller: self.party_key(),
        }
    }

    async fn fetch(&self, permit: &Permit, resource: &Resource, ask: &QueryAsk, page: Page) -> Result<Fetched, ProviderFault> {
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

    /// Verdicts for every item, in order; a few calls to the provider at a time.
    async fn judge_all(&self, permit: &Permit, resource: &Resource, items: &[VerifyItem]) -> Result<Vec<Judged>, ProviderFault> {
        use futures_util::{StreamExt, TryStreamExt, stream};
        if let [item] = items {
            return Ok(vec![self.judge(permit, resource, item).await?]);
        }
        let parallel = self.worker.shared.settings.batch_parallel.max(1);
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
                let judged: Judged = adapter.compare(permit, &ask).await?.into();
                if judged.found && judged.verdicts.len() != item.claims.len() {
                    return Err(BadAnswer::ItemMissing.into());
                }
                Ok(judged)
            }
            Comparison::ByExchange => {
                let limit = self.worker.shared.settings.rows_max;
                let fetched = adapter.fetch(permit, &Ask { limit, ..ask }).await?;
                Ok(disclose::judge(resource, item, &fetched)?)
            }
        }
    }

    fn page(&self, permit: &Permit, resource: &Resource, ask: &QueryAsk) -> Result<Page, Refusal> {
        let rows_max = self.worker.shared.settings.rows_max;
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

    fn answered(&self, mut run: Run, (opened, body): (Opened, Body), as_of: &str, masked: Option<&str>) -> Response<Reply> {
        let (status, mut headers) = respond::begin_json(StatusCode::OK, &self.request_id);
        respond::insert(&mut headers, respond::AS_OF, as_of);
        if let Some(masked) = masked.filter(|masked| !masked.is_empty()) {
            respond::insert(&mut headers, respond::MASKED, masked);
        }
        respond::limits(&mut headers, &run.standing);
        run.on_end.status = status.as_u16();
        run.on_end.bytes = body.len() as u64;
        let disclosed = disclose::disclose(opened, body);
        respond::receipt(&mut headers, self.worker.shared.ledger.origin(), disclosed.opened.durable());
        respond::finish((status, headers), Reply::new(disclosed.body, Some(run.on_end)))
    }

    fn failed(&self, resource: &Resource, fault: ProviderFault, opened: Opened, run: Run) -> Failure {
        let policy = &self.view.snapshot.policy;
        tracing::warn!(request_id = %self.request_id, resource = %resource.code, %fault, "a provider gave no usable answer");
        let provider = policy.party(resource.provider).map(|party| party.name.clone()).unwrap_or_default();
        let refusal = match fault {
            ProviderFault::Unreachable => Refusal::new(Code::ProviderUnreachable),
            ProviderFault::Timeout => Refusal::new(Code::ProviderTimeout),
            ProviderFault::BadAnswer(_) => Refusal::new(Code::ProviderBadAnswer),
            ProviderFault::CircuitOpen { retry_after_s } => Refusal::new(Code::ProviderCircuitOpen).with(Fact::RetryAfterS(retry_after_s)),
            ProviderFault::Busy { retry_after_s } => Refusal::new(Code::ExchangeOverloaded).with(Fact::RetryAfterS(retry_after_s)),
        };
        Failure::Provider { refusal: refusal.with(Fact::Provider(provider)), opened, run }
    }

    /// When the data of an answer was true: what the provider says, else the catalogue, else now.
    fn as_of(&self, resource: &Resource, provider: Option<&str>) -> String {
        let today = self.today();
        match provider.or(resource.as_of.as_deref()) {
            Some(date) if date.len() == 10 => format!("{date}T00:00:00+08:00"),
            Some(moment) => moment.to_owned(),
            None => {
                let seconds = self.now_s - today.start_unix_s();
                format!("{today}T{:02}:{:02}:{:02}+08:00", seconds / 3600, seconds / 60 % 60, seconds % 60)
            }
        }
    }
}

fn borrowed(values: &Values) -> Vec<(usize, &str)> {
    values.iter().map(|(at, value)| (*at, value.as_str())).collect()
}

fn is_json(content_type: &str) -> bool {
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let is_utf8 = parameters.trim().is_empty()
        || parameters.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("charset") && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        });
    essence.trim().eq_ignore_ascii_case("application/json") && is_utf8
}
