//! 调用: a declared operation of a docked system, or one of its sealed files.
//!
//! Bodies are passed on piece by piece, unless people stand in them: then they are read whole, within bounds, so that
//! those people are recorded before anything goes on.

mod headers;
mod people;
mod pointed;
mod target;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Version, header};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use sluice_contract::{BadAnswer, Download, Forward, Forwarded, ProviderFault};
use sluice_domain::decision::authorize;
use sluice_domain::{Asked, Code, Fact, Fault, Mode, Operation, OperationIx, Permit, Refusal, Resource, ResourceIx};
use sluice_ledger::RequestKey;
use sluice_transport::{BodyLimits, StreamBounds, Upload, UploadFault, body, clock};

use crate::ask::set_of;
use crate::disclose::{Body, Opened, Unprojected};
use crate::failure::{Failure, Run};
use crate::record::Gated;
use crate::respond::{self, Reply};
use crate::route::{self, Route};
use crate::service::Admitted;
use crate::spool::SpoolFault;
use crate::subjects::Tag;
use crate::visit::Visit;

/// A call that may be made.
struct Permitted<'c> {
    permit: Permit,
    resource: &'c Resource,
    operation: &'c Operation,
    /// People whom the request names.
    named: Vec<Tag>,
}

impl Permitted<'_> {
    fn ix(&self) -> Option<OperationIx> {
        self.permit.operation()
    }
}

/// A caller's body, ready to be sent.
type Sending = (sluice_contract::Upload, UploadFault);

impl Visit<'_> {
    /// Finds the operation that method and path of a call name, before anyone is identified.
    ///
    /// A resource that does not offer the mode, or declares nothing to call, is refused later, in the order of rights.
    ///
    /// # Errors
    /// `request.not_found` for an undeclared path, `request.method` for another method of a declared one.
    pub(crate) fn name_operation(&self, route: Option<Route<'_>>) -> Result<(), Refusal> {
        let (Some(Route::Call { code, .. } | Route::File { code, .. }), policy) = (route, &self.view.snapshot.policy)
        else {
            return Ok(());
        };
        let resource = policy.resource_by_code(code).and_then(|ix| policy.resource(ix));
        let Some(resource) = resource.filter(|resource| resource.modes.contains(Mode::Call)) else { return Ok(()) };
        if resource.operations.is_empty() {
            return Ok(());
        }
        let found = match route {
            Some(Route::File { id, .. }) => {
                self.file.set(Some(self.worker.tagger(self.today()).file(code, id)));
                resource.operation_by_id(sluice_domain::operation::FILES)
            }
            Some(Route::Call { path, .. }) => {
                let declared = resource.operations_at(path);
                let method = self.head.method.as_str();
                let fitting = declared.iter().find(|(_, operation)| operation.method.as_str() == method);
                if fitting.is_none() && !declared.is_empty() {
                    let methods: Vec<&str> = declared.iter().map(|(_, operation)| operation.method.as_str()).collect();
                    return Err(route::not_allowed(&methods.join(", ")));
                }
                fitting.map(|(ix, _)| *ix)
            }
            _ => None,
        };
        self.operation.set(Some(found.ok_or(Code::RequestNotFound)?));
        Ok(())
    }

    /// Id of the operation called, for the record; empty where none is.
    pub(crate) fn operation_id(&self, resource: Option<ResourceIx>) -> &str {
        let resource = resource.and_then(|ix| self.view.snapshot.policy.resource(ix));
        let operation = resource.zip(self.operation.get()).and_then(|(resource, ix)| resource.operation(ix));
        operation.map_or("", |operation| operation.id.as_str())
    }

    /// Makes the call; `named` is the path below `call`, or the id of a file.
    pub(crate) async fn call(
        &self,
        admitted: &Admitted<'_>,
        named: &str,
        body: &mut Option<Incoming>,
    ) -> Result<Response<Reply>, Failure> {
        let Admitted { admission, resource, .. } = admitted;
        let operation = self.operation.get().and_then(|ix| resource.operation(ix)).ok_or(Code::RequestNotFound)?;
        let ends_at = self.started + millis(operation.bounds.total_ms);
        self.check_head(operation, body.as_ref())?;
        let target = target::of(operation, named, self.head.uri.query())?;
        let whole = if operation.reads_request() { Some(self.read_request(operation, body).await?) } else { None };
        let people = people::named(resource, operation, &target, whole.as_deref())?;
        let named = self.subjects(resource, people.iter());
        self.named.replace(named.clone());
        let asked = Asked { key: set_of(&people), fields: Some(operation.items) };
        let permit = authorize(&self.view.snapshot.policy, admission, &asked)?;
        let standing = self.limit(&permit, 1)?;
        let (opening, mut run) = self.record(admitted, &permit, (standing, 1), &named)?;
        let recorded = (opening.key(), opening.gate());
        let call = Permitted { permit, resource, operation, named };
        let sending = self.sending(operation, whole, body.take(), ends_at)?;
        let interruption = sending.as_ref().map(|(_, fault)| fault.clone());
        let forwarding = async {
            let called = clock::now();
            let forwarded = self.forward(&call, &target.sent, sending.map(|(upload, _)| upload), ends_at).await;
            (forwarded, clock::now().saturating_duration_since(called))
        };
        let opening = opening.durable(self.record_deadline());
        // What may change something waits until it is on record; what does not, works while the disk does.
        let (opened, forwarded) = if operation.safe {
            let (opened, forwarded) = tokio::join!(opening, forwarding);
            (opened, Some(forwarded))
        } else {
            match opening.await {
                Ok(opened) => (Ok(opened), Some(forwarding.await)),
                Err(closed) => (Err(closed), None),
            }
        };
        let (Ok(opened), Some((forwarded, upstream))) = (opened, forwarded) else {
            return Err(Failure::Ledger(Some(Box::new(run.on_end))));
        };
        run.on_end.upstream = upstream;
        let forwarded = match forwarded {
            Ok(forwarded) => forwarded,
            Err(fault) => return Err(self.interrupted(resource, (fault, interruption), opened, run)),
        };
        self.answer_call(&call, forwarded, recorded, (opened, run)).await
    }

    /// What can be told from the head alone, before a body is read.
    fn check_head(&self, operation: &Operation, body: Option<&Incoming>) -> Result<(), Refusal> {
        // An HTTP/1.0 caller could not tell a cut answer from a whole one.
        if self.head.version < Version::HTTP_11 {
            return Err(Refusal::fault(Code::RequestMalformed, Fault::BadRequestLine));
        }
        // A part of a sealed file is not the sealed file.
        if operation.sealed.is_some() && self.head.headers.contains_key(header::RANGE) {
            return Err(Refusal::new(Code::RequestSchema).with(Fact::Member("Range")));
        }
        let Some(body) = body.filter(|body| !body.is_end_stream()) else { return Ok(()) };
        let declared = &operation.request_types;
        let is_declared = headers::media_type(&self.head.headers, declared).is_some();
        if !is_declared || self.head.headers.contains_key(header::CONTENT_ENCODING) {
            return Err(Refusal::new(Code::RequestMediaType).with(Fact::Choices(declared.join(", "))));
        }
        if body.size_hint().lower() > operation.bounds.request_bytes_max {
            return Err(Refusal::new(Code::RequestTooLarge).with(Fact::Limit(operation.bounds.request_bytes_max)));
        }
        Ok(())
    }

    /// A body with people in it, whole.
    async fn read_request(&self, operation: &Operation, body: &mut Option<Incoming>) -> Result<Bytes, Refusal> {
        let settings = self.settings();
        let declared = usize::try_from(operation.bounds.request_bytes_max).unwrap_or(usize::MAX);
        let limits = BodyLimits { bytes_max: settings.body.bytes_max.min(declared), ..settings.body.clone() };
        let body = body::read(body.take().ok_or(Code::ExchangeInternal)?, &limits).await?;
        self.note_body(&body);
        Ok(body)
    }

    /// The body as it will be sent; nothing of a streamed one is read yet.
    fn sending(
        &self,
        operation: &Operation,
        whole: Option<Bytes>,
        body: Option<Incoming>,
        ends_at: Instant,
    ) -> Result<Option<Sending>, Refusal> {
        if let Some(whole) = whole {
            let upload = Full::new(whole).map_err(|never| match never {});
            return Ok(Some((Box::pin(upload), UploadFault::default())));
        }
        let Some(body) = body.filter(|body| !body.is_end_stream()) else { return Ok(None) };
        let bounds = StreamBounds {
            bytes_max: operation.bounds.request_bytes_max,
            idle: millis(operation.bounds.idle_ms).min(self.settings().body.idle),
            ends_at,
        };
        let (upload, fault) = Upload::new(body, bounds)?;
        Ok(Some((Box::pin(upload), fault)))
    }

    async fn forward(
        &self,
        call: &Permitted<'_>,
        target: &str,
        body: Option<sluice_contract::Upload>,
        ends_at: Instant,
    ) -> Result<Forwarded, ProviderFault> {
        let (adapter, _) = self.view.adapter(call.permit.resource()).ok_or(ProviderFault::Unreachable)?;
        let request_id = self.request_id.to_string();
        let forward = Forward {
            resource: call.resource,
            operation: call.ix().ok_or(BadAnswer::NotAskable)?,
            target,
            headers: headers::towards_provider(&self.head.headers, call.operation, body.is_some()),
            body,
            ends_at,
            request_id: &request_id,
            caller: self.party_key(),
        };
        adapter.forward(&call.permit, forward).await
    }

    /// A call whose provider gave no answer, or whose caller's body broke off before it could.
    fn interrupted(
        &self,
        resource: &Resource,
        (fault, interruption): (ProviderFault, Option<UploadFault>),
        opened: Opened,
        run: Run,
    ) -> Failure {
        match interruption.and_then(|fault| fault.found()) {
            Some(found) => Failure::ended(found.into(), opened, run),
            None => self.unanswered(resource, fault, opened, run),
        }
    }

    /// Checks the head, records the people whom the answer names, and lets it go.
    async fn answer_call(
        &self,
        call: &Permitted<'_>,
        forwarded: Forwarded,
        (access, gate): (RequestKey, Gated),
        (opened, mut run): (Opened, Run),
    ) -> Result<Response<Reply>, Failure> {
        let prepared = match self.prepare(call, forwarded, &mut run).await {
            Ok(prepared) => prepared,
            Err(Unprepared::Provider(fault)) => return Err(self.unanswered(call.resource, fault, opened, run)),
            Err(Unprepared::Spool(SpoolFault::Provider(fault))) => {
                return Err(self.unanswered(call.resource, fault, opened, run));
            }
            Err(Unprepared::Spool(fault)) => {
                tracing::error!(request_id = %self.request_id, %fault, "a sealed file cannot be spooled");
                let refusal = Refusal::new(Code::ExchangeOverloaded).with(Fact::RetryAfterS(1));
                return Err(Failure::ended(refusal, opened, run));
            }
        };
        if self.record_found((access, &gate), &call.named, &prepared.found).await.is_err() {
            return Err(Failure::Ledger(Some(Box::new(run.on_end))));
        }
        let (status, mut headers) = respond::begin(prepared.status, &self.request_id);
        headers.extend(prepared.headers);
        respond::insert(&mut headers, respond::AS_OF, &self.as_of(call.resource, None));
        Ok(self.give(run, (opened, prepared.body), (status, headers)))
    }

    async fn prepare(&self, call: &Permitted<'_>, forwarded: Forwarded, run: &mut Run) -> Result<Prepared, Unprepared> {
        let Forwarded { status, headers: given, body } = forwarded;
        let unprojected = Unprojected::of(&call.permit, call.operation).ok_or(BadAnswer::NotAskable)?;
        if !status.is_success() {
            // The status is declared; the provider's words about it go no further.
            return Ok(Prepared::of(status, HeaderMap::new(), unprojected.whole(Bytes::new())));
        }
        let mut headers = headers::towards_caller(&given, call.operation, !body.is_end_stream())?;
        let misplaced = |misplaced: people::Misplaced| {
            self.blamed.replace(misplaced.place);
            misplaced.bad
        };
        let mut found = people::in_headers(call.resource, call.operation, &given).map_err(misplaced)?;
        let body = if let Some(sealed) = &call.operation.sealed {
            let spooled = self.worker.shared.spool.clone().take(body).await?;
            let told_in = || sealed.digest.as_ref().map(|digest| format!("header:{}", digest.header));
            spooled.check(sealed, &given).inspect_err(|_| drop(self.blamed.replace(told_in())))?;
            spooled.describe(&mut headers);
            run.on_end.digest = Some(spooled.sha256());
            unprojected.sealed(spooled)
        } else if call.operation.reads_response() {
            let whole = self.read_answer_whole(call.operation, body).await?;
            found.extend(people::in_answer(call.operation, &whole).map_err(misplaced)?);
            run.on_end.digest = Some(sha256(&whole));
            unprojected.whole(whole)
        } else {
            unprojected.passed(body)
        };
        let found = self.subjects(call.resource, found.iter());
        Ok(Prepared { status, headers, found, body })
    }

    /// An answer with people in it, whole; one that is longer than we hold is refused.
    async fn read_answer_whole(&self, operation: &Operation, mut body: Download) -> Result<Bytes, ProviderFault> {
        let declared = usize::try_from(operation.bounds.response_bytes_max).unwrap_or(usize::MAX);
        let most = declared.min(self.settings().answer_bytes_max);
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        let mut whole = Vec::with_capacity(announced.min(most));
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame?.into_data() else { continue };
            if piece.len() > most.saturating_sub(whole.len()) {
                return Err(BadAnswer::TooLarge.into());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }
}

/// An answer that may leave once the people in it are recorded.
struct Prepared {
    status: StatusCode,
    headers: HeaderMap,
    found: Vec<Tag>,
    body: Body,
}

impl Prepared {
    fn of(status: StatusCode, headers: HeaderMap, body: Body) -> Self {
        Self { status, headers, found: Vec::new(), body }
    }
}

/// Why an answer cannot leave.
enum Unprepared {
    Provider(ProviderFault),
    Spool(SpoolFault),
}

impl From<ProviderFault> for Unprepared {
    fn from(fault: ProviderFault) -> Self {
        Self::Provider(fault)
    }
}

impl From<BadAnswer> for Unprepared {
    fn from(bad: BadAnswer) -> Self {
        Self::Provider(bad.into())
    }
}

impl From<SpoolFault> for Unprepared {
    fn from(fault: SpoolFault) -> Self {
        Self::Spool(fault)
    }
}

fn millis(number: u32) -> Duration {
    Duration::from_millis(number.into())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let whole = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    whole.as_ref().first_chunk().copied().unwrap_or_default()
}
