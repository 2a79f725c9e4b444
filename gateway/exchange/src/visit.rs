//! One request from its head to its answer: what is known of it, which service it names, and how a
//! refusal leaves.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header, request};
use hyper::body::Incoming;
use sluice_domain::texts::Lang;
use sluice_domain::{Code, Day, Mode, OperationIx, PartyIx, Refusal, SystemIx};
use sluice_ledger::{Durable, RequestKey};
use sluice_transport::{Peer, body, clock, problem};
use uuid::Uuid;

use crate::limit::Standing;
use crate::outcome::OnEnd;
use crate::record::{Entry, Verdict};
use crate::respond::{self, Reply};
use crate::route::{self, Route};
use crate::settings::Settings;
use crate::snapshot::View;
use crate::subjects::{TAG_BYTES, Tag};
use crate::worker::Worker;

/// How long a record may take to reach the disk when nothing else is left to wait for.
const RECORD_WAIT: Duration = Duration::from_secs(2);

/// A request being answered.
pub(crate) struct Visit<'v> {
    pub(crate) worker: &'v Rc<Worker>,
    pub(crate) view: Rc<View>,
    pub(crate) head: &'v request::Parts,
    pub(crate) peer: &'v Peer,
    pub(crate) request_id: Uuid,
    pub(crate) started: Instant,
    /// When work on the request began: its body was there.
    pub(crate) begun: Cell<Instant>,
    /// People whom the request names, once that is known: a refusal is recorded with them.
    pub(crate) named: RefCell<Vec<Tag>>,
    /// For a call: the declared operation that method and path name, and the tag of a file that it names.
    pub(crate) operation: Cell<Option<OperationIx>>,
    pub(crate) file: Cell<Option<[u8; TAG_BYTES]>>,
    /// Where a provider's answer is not as declared, for the log.
    pub(crate) blamed: RefCell<Option<String>>,
    /// Keyed digest of the body, once it was read whole.
    pub(crate) digest: Cell<Option<[u8; 32]>>,
    /// Whether the connection cannot go on after this answer.
    closes: Cell<bool>,
    pub(crate) now_s: i64,
    /// The registered system that the certificate stands for.
    pub(crate) system: Option<SystemIx>,
}

/// What stands beside a refusal in the response.
#[derive(Default)]
pub(crate) struct Beside {
    /// The durable record, for the receipt.
    pub(crate) durable: Option<Durable>,
    /// Where the call stands against its limits.
    pub(crate) standing: Option<Standing>,
}

impl<'v> Visit<'v> {
    pub(crate) fn begin(worker: &'v Rc<Worker>, head: &'v request::Parts, peer: &'v Peer) -> Self {
        let view = worker.view();
        let system = view.snapshot.policy.system_by_fingerprint(&peer.fingerprint);
        let started = clock::now();
        Self {
            worker,
            view,
            head,
            peer,
            request_id: worker.next_request_id(),
            started,
            begun: Cell::new(started),
            named: RefCell::default(),
            operation: Cell::new(None),
            file: Cell::new(None),
            blamed: RefCell::default(),
            digest: Cell::new(None),
            closes: Cell::new(false),
            now_s: clock::now_unix_s(),
            system,
        }
    }

    pub(crate) fn today(&self) -> Day {
        Day::at(self.now_s)
    }

    /// The numbers of the request's snapshot.
    pub(crate) fn settings(&self) -> &Settings {
        &self.view.snapshot.settings
    }

    /// When the provider must have answered; the body has a bound of its own before that.
    pub(crate) fn deadline(&self) -> Instant {
        self.begun.get() + self.settings().request_max
    }

    /// When a record must be on disk. A provider that took all the time leaves the disk its own.
    pub(crate) fn record_deadline(&self) -> Instant {
        self.deadline().max(clock::now() + RECORD_WAIT)
    }

    /// Reads what is left of the body of a refused request, within bounds: a caller that sends it after the head
    /// would otherwise lose its connection, and the next request on it, without a word.
    pub(crate) async fn pass_over(&self, body: Option<Incoming>) {
        if let Some(body) = body {
            self.closes.set(body::pass_over(body).await.is_err());
        }
    }

    pub(crate) fn party(&self) -> Option<PartyIx> {
        Some(self.view.snapshot.policy.system(self.system?)?.party)
    }

    /// Key of the calling party, or empty.
    pub(crate) fn party_key(&self) -> &str {
        self.view.party_key(self.party())
    }

    /// A request header's text; `Err` if it is there and is no visible ASCII.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<Result<&str, ()>> {
        Some(self.head.headers.get(name)?.to_str().map_err(|_| ()))
    }

    pub(crate) fn lang(&self) -> Lang {
        Lang::from_accept_language(self.head.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()))
    }

    /// Answers a request that passed the edge.
    pub(crate) async fn answer(&self, body: Incoming) -> Response<Reply> {
        let matched = route::find(&self.head.method, self.head.uri.path());
        let template = matched.route.as_ref().map_or("", Route::template);
        if self.worker.shared.is_closing.load(Ordering::Relaxed) {
            self.pass_over(Some(body)).await;
            return self.refuse(template, matched.resource_call(), Code::ExchangeDraining.into()).await;
        }
        let refusal = matched.refusal.clone().or_else(|| self.name_operation(matched.route).err());
        if let Some(refusal) = refusal {
            self.pass_over(Some(body)).await;
            return self.refuse(template, matched.resource_call(), refusal).await;
        }
        match matched.route {
            None => self.refuse(template, None, Code::RequestNotFound.into()).await,
            Some(Route::Service { code, mode }) => self.service(code, (template, mode), "", body).await,
            Some(Route::Call { code, path: named } | Route::File { code, id: named }) => {
                self.service(code, (template, Mode::Call), named, body).await
            }
            Some(Route::Token) => self.token(template, body).await,
            Some(Route::Jwks) => self.plain(template, StatusCode::OK, self.view.snapshot.tokens.signing.jwks()),
            Some(Route::Metadata) => self.metadata(template),
            Some(Route::Catalogue) => self.catalogue(template).await,
            Some(Route::Entry { code }) => self.entry(template, code).await,
            Some(Route::Interface { code }) => self.interface(template, code).await,
            Some(Route::Receipt { index }) => self.receipt(template, index).await,
        }
    }

    /// A refusal of the edge: framing, size, overload. The connection ends after it.
    pub(crate) async fn refuse_at_edge(self, refusal: Refusal) -> Response<Reply> {
        let matched = route::find(&self.head.method, self.head.uri.path());
        let template = matched.route.as_ref().map_or("", Route::template);
        let call = if is_of_the_node(refusal.code) { matched.resource_call() } else { None };
        self.refuse(template, call, refusal).await
    }

    /// Refuses: recorded one by one where a registered system called a resource, counted otherwise.
    pub(crate) async fn refuse(
        &self,
        template: &'static str,
        call: Option<(&str, Mode)>,
        refusal: Refusal,
    ) -> Response<Reply> {
        let (Some(system), Some((code, mode))) = (self.system, call) else {
            self.worker.summaries.note(refusal.code, &self.peer.fingerprint);
            return self.refused(template, &refusal, &Beside::default());
        };
        let resource = self.view.snapshot.policy.resource_by_code(code);
        let entry = self.entry_of(system, (template, mode), resource, 1);
        self.refuse_recorded(&entry, refusal, None).await
    }

    /// Refuses a call of a registered system; the refusal leaves only when its record is durable.
    pub(crate) async fn refuse_recorded(
        &self,
        entry: &Entry<'_>,
        refusal: Refusal,
        standing: Option<Standing>,
    ) -> Response<Reply> {
        let template = entry.template;
        let quota = self.view.refusal_quota(entry.system, &self.worker.shared.refusals);
        if let Err(beyond) = quota.take() {
            self.worker.summaries.note(refusal.code, &self.peer.fingerprint);
            // Who was turned away because of others is told so, not that he is refused too often.
            let told = if is_of_the_node(refusal.code) { &refusal } else { &beyond };
            return self.refused(template, told, &Beside { durable: None, standing });
        }
        let epoch = self.worker.tagger(self.today()).epoch();
        let subjects = self.named.take();
        let verdict = Verdict::Deny { code: refusal.code, subjects: &subjects };
        let opening = self.worker.recorder().open(entry, &verdict, epoch);
        let opened = match opening {
            Ok(opening) => opening.durable(self.record_deadline()).await,
            Err(closed) => Err(closed),
        };
        match opened {
            Ok(opened) => self.refused(template, &refusal, &Beside { durable: Some(*opened.durable()), standing }),
            Err(_) => self.refused(template, &Code::LedgerUnavailable.into(), &Beside::default()),
        }
    }

    /// The problem document of a refusal.
    pub(crate) fn refused(&self, template: &'static str, refusal: &Refusal, beside: &Beside) -> Response<Reply> {
        let on_end = self.on_end(template, None);
        self.problem(refusal, beside, on_end)
    }

    /// The same for a request whose end is already being watched.
    pub(crate) fn problem(&self, refusal: &Refusal, beside: &Beside, mut on_end: OnEnd) -> Response<Reply> {
        let (status, mut headers) = respond::begin(problem::status(refusal), &self.request_id);
        let lang = self.lang();
        problem::set_headers(refusal, lang, &mut headers);
        if let Some(durable) = &beside.durable {
            respond::receipt(&mut headers, self.worker.shared.ledger.origin(), durable);
        }
        if let Some(standing) = &beside.standing {
            respond::limits(&mut headers, standing);
        }
        let document = problem::document(refusal, lang, &self.request_id);
        if self.closes.get() && self.head.version < Version::HTTP_2 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        on_end.status = status.as_u16();
        on_end.code = refusal.code.as_str();
        on_end.bytes = document.len() as u64;
        respond::finish((status, headers), Reply::new(document, on_end))
    }

    /// An answer that concerns no one: keys, metadata, catalogue.
    pub(crate) fn plain(&self, template: &'static str, status: StatusCode, json: impl Into<Bytes>) -> Response<Reply> {
        let (status, headers) = respond::begin_json(status, &self.request_id);
        self.send(template, (status, headers), json.into())
    }

    pub(crate) fn send(
        &self,
        template: &'static str,
        (status, headers): (StatusCode, HeaderMap),
        body: Bytes,
    ) -> Response<Reply> {
        let mut on_end = self.on_end(template, None);
        on_end.status = status.as_u16();
        on_end.bytes = body.len() as u64;
        respond::finish((status, headers), Reply::new(body, on_end))
    }

    /// Watches the end of this request's answer. Until an answer says otherwise, the caller went
    /// away (499, as other gateways count it).
    pub(crate) fn on_end(&self, route: &'static str, access: Option<RequestKey>) -> OnEnd {
        OnEnd {
            worker: self.worker.clone(),
            access,
            route,
            method: known_method(&self.head.method),
            status: 499,
            code: "",
            view: Rc::clone(&self.view),
            party: self.party(),
            started: self.started,
            upstream: Duration::ZERO,
            bytes: 0,
            rows: 0,
            is_aborted: true,
            digest: None,
        }
    }
}

/// Whether a refusal says nothing about the call: the node turned it away.
fn is_of_the_node(code: Code) -> bool {
    matches!(code, Code::ExchangeOverloaded | Code::ExchangeDraining)
}

/// A method as a metric label: what callers invent must not become labels.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}
