//! The life of a call on a resource, in order:
//! identify → admit → read → authorize → limit → record → call → disclose → respond.
//!
//! Each stage takes what the one before it made. A failing stage ends the call with a refusal that
//! is recorded like an answer.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use hyper::body::Incoming;
use sluice_contract::Ask;
use sluice_domain::decision::admit;
use sluice_domain::moment;
use sluice_domain::subject::SubjectType;
use sluice_domain::{Admission, Caller, Code, Fault, ItemSet, Mode, Permit, Question, Refusal, Resource};
use sluice_transport::{body, clock};

use crate::disclose::{self, Body, Opened};
use crate::facts::Facts;
use crate::failure::{Failure, Run, Unanswered};
use crate::limit::Standing;
use crate::record::{Opening, Verdict};
use crate::respond::{self, Reply};
use crate::subjects::Tag;
use crate::visit::{Beside, Visit};

/// What identification and admission found, with the body that was read then.
pub(crate) struct Admitted<'a> {
    pub(crate) caller: Caller,
    pub(crate) facts: Facts<'a>,
    pub(crate) admission: Admission,
    pub(crate) resource: &'a Resource,
    pub(crate) body: Bytes,
    /// Path template and mode.
    pub(crate) call: (&'static str, Mode),
}

impl Visit<'_> {
    /// Answers a verify or query call, or a call of the operation that `named` (a path or a file's id) belongs to.
    pub(crate) async fn service(
        &self,
        code: &str,
        call: (&'static str, Mode),
        named: &str,
        body: Incoming,
    ) -> Response<Reply> {
        let mut body = Some(body);
        let failure = match self.exchange(code, call, named, &mut body).await {
            Ok(response) => return response,
            Err(failure) => failure,
        };
        self.pass_over(body).await;
        match failure {
            Failure::Refused(refusal, standing) => {
                let Some(system) = self.system else { return self.refuse(call.0, None, refusal).await };
                let resource = self.view.snapshot.policy.resource_by_code(code);
                let entry = self.entry_of(system, call, resource, 1);
                self.refuse_recorded(&entry, refusal, standing).await
            }
            // The record says "permitted", the outcome what went wrong after that.
            Failure::Provider(unanswered) => {
                let Unanswered { refusal, opened, run } = *unanswered;
                let beside = Beside { durable: Some(*opened.durable()), standing: Some(run.standing) };
                self.problem(&refusal, &beside, run.on_end)
            }
            Failure::Ledger(on_end) => {
                let on_end = on_end.map_or_else(|| self.on_end(call.0, None), |on_end| *on_end);
                self.problem(&Code::LedgerUnavailable.into(), &Beside::default(), on_end)
            }
        }
    }

    async fn exchange(
        &self,
        code: &str,
        call: (&'static str, Mode),
        named: &str,
        body: &mut Option<Incoming>,
    ) -> Result<Response<Reply>, Failure> {
        let policy = &self.view.snapshot.policy;
        let caller = self.identify()?;
        let facts = self.facts();
        let question = Question {
            caller,
            // Without a key people could not be recorded, so nothing about them may be given out.
            stale: self.view.snapshot.is_stale(self.now_s) || !self.worker.tagger(self.today()).has_key(),
            purpose: facts.purpose,
            handler: facts.handler,
            matter: facts.matter.as_ref().map(Option::is_some).map_err(|fault| *fault),
            resource: code,
            mode: call.1,
            operation: self.operation.get(),
            today: self.today(),
        };
        let admission = admit(policy, &question)?;
        let resource = policy.resource(admission.resource()).ok_or(Code::ResourceNotFound)?;
        let mut admitted = Admitted { caller, facts, admission, resource, body: Bytes::new(), call };
        if call.1 == Mode::Call {
            // Boxed: the future of the other modes would be as large as this one.
            return Box::pin(self.call(&admitted, named, body)).await;
        }
        admitted.body = self.read_json(body).await?;
        self.begun.set(clock::now());
        match call.1 {
            Mode::Verify => self.verify(&admitted).await,
            _ => self.query(&admitted).await,
        }
    }

    /// The body, if it is JSON and not too long.
    async fn read_json(&self, body: &mut Option<Incoming>) -> Result<Bytes, Refusal> {
        let content_type = self.head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(is_json) {
            return Err(Code::RequestMediaType.into());
        }
        if self.head.headers.contains_key(header::CONTENT_ENCODING) {
            return Err(Refusal::fault(Code::RequestMediaType, Fault::BodyEncoding));
        }
        let body = self.read(body.take().ok_or(Code::ExchangeInternal)?).await?;
        self.note_body(&body);
        Ok(body)
    }

    /// Remembers for the record what was asked, so that caller and exchange can settle later what it was.
    pub(crate) fn note_body(&self, body: &[u8]) {
        self.digest.set(Some(self.worker.tagger(self.today()).request(body)));
    }

    /// The body, within its bounds.
    pub(crate) async fn read(&self, incoming: Incoming) -> Result<Bytes, Refusal> {
        let limits = &self.settings().body;
        Ok(body::read(incoming, limits).await?)
    }

    pub(crate) fn limit(&self, permit: &Permit, units: u32) -> Result<Standing, Failure> {
        let counter = self.view.counter(permit, &self.worker.shared.limiters);
        Ok(counter.take(&permit.limits(), units, self.now_s)?)
    }

    /// Tags of the people that a request or an answer names: each once, in their order as tags.
    pub(crate) fn subjects<'v>(
        &self,
        resource: &Resource,
        values: impl Iterator<Item = &'v (usize, String)>,
    ) -> Vec<Tag> {
        let mut tagger = self.worker.tagger(self.today());
        let mut tags: Vec<Tag> = Vec::new();
        for (at, value) in values {
            let kind = resource.items.get(*at).and_then(|item| SubjectType::of(item.semantic));
            if let Some(kind) = kind {
                tags.push(tagger.subject(kind, value));
            }
        }
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    /// Appends the access record; from here on the call has an outcome, whatever happens.
    pub(crate) fn record(
        &self,
        admitted: &Admitted<'_>,
        permit: &Permit,
        (standing, units): (Standing, u32),
        subjects: &[Tag],
    ) -> Result<(Opening, Run), Failure> {
        let entry = self.entry_for(admitted, permit.resource(), units);
        let (party, on) = (permit.caller().party, permit.resource());
        let is_open = permit.grant().is_none();
        let selecting = is_open.then(|| self.view.selecting(party, on, &self.worker.shared.selections)).flatten();
        let verdict = Verdict::Permit { permit, subjects, is_selection: selecting.is_some() };
        let epoch = self.worker.tagger(self.today()).epoch();
        let mut opening = self.worker.recorder().open(&entry, &verdict, epoch).map_err(|_| {
            // Nothing was served, so nothing was used: an outage must not lock a department out for the day.
            self.view.counter(permit, &self.worker.shared.limiters).give_back(units, self.now_s);
            Failure::Ledger(None)
        })?;
        opening.selecting = selecting;
        let on_end = self.on_end(admitted.call.0, Some(opening.key()));
        Ok((opening, Run { standing, on_end }))
    }

    pub(crate) fn ask<'a>(
        &'a self,
        resource: &'a Resource,
        key: &'a [(usize, &'a str)],
        request_id: &'a str,
    ) -> Ask<'a> {
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

    pub(crate) fn answered(
        &self,
        run: Run,
        (opened, body): (Opened, Body),
        as_of: &str,
        masked: Option<&str>,
    ) -> Response<Reply> {
        let (status, mut headers) = respond::begin_json(StatusCode::OK, &self.request_id);
        respond::insert(&mut headers, respond::AS_OF, as_of);
        if let Some(masked) = masked.filter(|masked| !masked.is_empty()) {
            respond::insert(&mut headers, respond::MASKED, masked);
        }
        self.give(run, (opened, body), (status, headers))
    }

    /// Completes an answer: the record is spent on its body, the receipt tells where it stands.
    pub(crate) fn give(
        &self,
        mut run: Run,
        (opened, body): (Opened, Body),
        (status, mut headers): (StatusCode, HeaderMap),
    ) -> Response<Reply> {
        respond::limits(&mut headers, &run.standing);
        run.on_end.status = status.as_u16();
        let (opened, body) = disclose::disclose(opened, body);
        respond::receipt(&mut headers, self.worker.shared.ledger.origin(), opened.durable());
        respond::finish((status, headers), Reply::disclosed(body, run.on_end))
    }

    /// When the data of an answer was true: what the provider says, else the catalogue, else now.
    pub(crate) fn as_of(&self, resource: &Resource, provider: Option<&str>) -> String {
        let today = self.today();
        let told = provider.map(str::to_owned).or_else(|| moment::rfc3339(resource.as_of.as_deref()?));
        told.unwrap_or_else(|| {
            let seconds = self.now_s - today.start_unix_s();
            format!("{today}T{:02}:{:02}:{:02}+08:00", seconds / 3600, seconds / 60 % 60, seconds % 60)
        })
    }
}

fn is_json(content_type: &str) -> bool {
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let is_utf8 = parameters.trim().is_empty()
        || parameters.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("charset") && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        });
    essence.trim().eq_ignore_ascii_case("application/json") && is_utf8
}
