//! Everything beside calls on resources: tokens, the catalogue, receipts.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use sluice_domain::{Caller, Code, Fact, Fault, Refusal, ResourceIx};
use sluice_ledger::{Leaf, Record};
use sluice_transport::clock;

use crate::catalogue::{self, Reading};
use crate::respond::{self, Reply};
use crate::token;
use crate::visit::Visit;

/// How long a receipt waits for a checkpoint that covers its record (interface.md).
const COVER_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(2);

/// Bytes of an answer's SHA-256 that tell its states apart.
const TAG_BYTES: usize = 16;

impl Visit<'_> {
    /// `POST /v1/token`.
    pub(crate) async fn token(&self, template: &'static str, body: Incoming) -> Response<Reply> {
        let content_type =
            self.head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_form = content_type
            .split(';')
            .next()
            .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
        let snapshot = &self.view.snapshot;
        let is_valid = !snapshot.revocations.is_revoked(self.peer) && self.peer.is_current(self.now_s);
        let system = self.system.filter(|_| is_valid).and_then(|system| snapshot.policy.system(system));
        // Nobody's body is not waited for longer than a refused one's.
        let read = if system.is_some() {
            self.read(body).await
        } else {
            self.pass_over(Some(body)).await;
            Ok(Bytes::new())
        };
        let form = match read {
            Ok(form) => form,
            Err(refusal) => return self.refuse(template, None, refusal).await,
        };
        let (status, json) = token::answer(
            &snapshot.tokens,
            system.map(|system| system.id.as_str()),
            &self.peer.fingerprint,
            is_form.then_some(&form),
            self.now_s,
        );
        let (status, mut headers) = respond::begin_json(status, &self.request_id);
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        self.send(template, (status, headers), Bytes::from(json))
    }

    /// `GET /.well-known/oauth-authorization-server`.
    pub(crate) fn metadata(&self, template: &'static str) -> Response<Reply> {
        self.plain(template, StatusCode::OK, token::metadata(&self.view.snapshot.tokens))
    }

    /// `GET /v1/resources`.
    pub(crate) async fn catalogue(&self, template: &'static str) -> Response<Reply> {
        let listed = self.reader().and_then(|caller| {
            let filter = catalogue::Filter::parse(self.head.uri.query().unwrap_or_default())?;
            Ok(catalogue::list(&self.reading(caller), &filter))
        });
        self.catalogue_answer(template, listed).await
    }

    /// `GET /v1/resources/{code}`.
    pub(crate) async fn entry(&self, template: &'static str, code: &str) -> Response<Reply> {
        let entry = self.read_resource(code, catalogue::entry);
        self.catalogue_answer(template, entry).await
    }

    /// `GET /v1/resources/{code}/openapi.json`.
    pub(crate) async fn interface(&self, template: &'static str, code: &str) -> Response<Reply> {
        let public_url = &self.view.snapshot.tokens.public_url;
        let document = self.read_resource(code, |reading, resource| catalogue::document(reading, resource, public_url));
        self.catalogue_answer(template, document).await
    }

    fn read_resource(
        &self,
        code: &str,
        read: impl FnOnce(&Reading<'_>, ResourceIx) -> Option<serde_json::Value>,
    ) -> Result<serde_json::Value, Refusal> {
        let caller = self.reader()?;
        let resource = self.view.snapshot.policy.resource_by_code(code).ok_or(Code::ResourceNotFound)?;
        read(&self.reading(caller), resource).ok_or_else(|| Code::ResourceNotFound.into())
    }

    fn reading(&self, caller: Caller) -> Reading<'_> {
        Reading {
            policy: &self.view.snapshot.policy,
            caller,
            today: self.today(),
            lang: self.lang(),
            limiters: &self.worker.shared.limiters,
        }
    }

    /// `GET /v1/receipts/{index}`.
    pub(crate) async fn receipt(&self, template: &'static str, index: &str) -> Response<Reply> {
        let receipt = match self.reader() {
            Ok(_) => self.receipt_of(index).await,
            Err(refusal) => Err(refusal),
        };
        self.read_answer(template, receipt).await
    }

    /// A reader of the catalogue or of receipts: identified, and of a party that takes part.
    fn reader(&self) -> Result<Caller, Refusal> {
        let caller = self.identify()?;
        let party = self.view.snapshot.policy.party(caller.party).ok_or(Code::IdentityUnknownSystem)?;
        if party.state == sluice_domain::PartyState::Suspended {
            return Err(Code::PartySuspended.into());
        }
        if self.view.snapshot.is_stale(self.now_s) {
            return Err(Code::PolicyStale.into());
        }
        Ok(caller)
    }

    /// An answer that a caller may keep and ask about again (RFC 9110 §8.8.3, §13.1.2): it is for this
    /// caller in this language, and every use asks whether it still holds.
    async fn catalogue_answer(
        &self,
        template: &'static str,
        answer: Result<serde_json::Value, Refusal>,
    ) -> Response<Reply> {
        let json = match answer {
            Ok(json) => json.to_string(),
            Err(refusal) => return self.refuse(template, None, refusal).await,
        };
        let hash = digest(&SHA256, json.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(hash.as_ref().get(..TAG_BYTES).unwrap_or_default());
        let tag = format!("\"{tag}\"");
        let is_known = self.header(&header::IF_NONE_MATCH).is_some_and(|held| held.is_ok_and(|held| names(held, &tag)));
        let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let (status, mut headers) = respond::begin_json(status, &self.request_id);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Language, Authorization"));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(self.lang().tag()));
        respond::insert(&mut headers, header::ETAG, &tag);
        self.send(template, (status, headers), if is_known { Bytes::new() } else { json.into() })
    }

    async fn read_answer(&self, template: &'static str, answer: Result<serde_json::Value, Refusal>) -> Response<Reply> {
        match answer {
            Ok(json) => self.plain(template, StatusCode::OK, json.to_string()),
            Err(refusal) => self.refuse(template, None, refusal).await,
        }
    }

    async fn receipt_of(&self, index: &str) -> Result<serde_json::Value, Refusal> {
        // One record has one address: no signs, no leading zeros.
        let is_decimal = index.bytes().all(|byte| byte.is_ascii_digit()) && (index == "0" || !index.starts_with('0'));
        let index: u64 = index.parse().ok().filter(|_| is_decimal).ok_or(Code::RequestNotFound)?;
        let ledger = self.worker.shared.ledger.clone();
        let party = self.party_key().to_owned();
        // Reading the ledger reads the disk, so it happens off the worker.
        let own = tokio::task::spawn_blocking({
            let ledger = ledger.clone();
            move || ledger.leaf(index).is_ok_and(|leaf| is_access_of(&leaf, &party))
        });
        if !own.await.unwrap_or(false) {
            return Err(Code::RequestNotFound.into());
        }
        let unavailable = || Refusal::new(Code::LedgerUnavailable).with(Fact::RetryAfterS(1));
        let deadline = tokio::time::Instant::from_std(clock::now() + COVER_WAIT_MAX);
        tokio::time::timeout_at(deadline, ledger.covered(index)).await.map_err(|_| unavailable())?;
        let receipt = tokio::task::spawn_blocking(move || ledger.receipt(index)).await;
        let receipt = receipt.map_err(|_| unavailable())?.map_err(|_| unavailable())?;
        serde_json::to_value(&receipt).map_err(|_| Code::ExchangeInternal.into())
    }
}

/// Whether `If-None-Match` names this tag; a weak one of the same value counts.
fn names(held: &str, tag: &str) -> bool {
    held.split(',').map(str::trim).any(|each| each == "*" || each.strip_prefix("W/").unwrap_or(each) == tag)
}

fn is_access_of(leaf: &Leaf, party: &str) -> bool {
    matches!(leaf.record(), Ok(Record::Access(access)) if !party.is_empty() && access.consumer_party == party)
}

/// A fault of the query string.
pub(crate) fn bad_parameter(name: &'static str) -> Refusal {
    Refusal::fault(Code::RequestSchema, Fault::QueryParameter).with(Fact::Member(name))
}
