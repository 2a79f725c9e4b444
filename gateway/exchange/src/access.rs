//! Everything beside calls on resources: tokens, the catalogue, receipts.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use sluice_domain::{Caller, Code, Fact, Fault, Refusal};
use sluice_ledger::{Leaf, Record};
use sluice_transport::clock;

use crate::catalogue;
use crate::respond::{self, Reply};
use crate::token;
use crate::visit::Visit;

/// How long a receipt waits for a checkpoint that covers its record (interface.md).
const COVER_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(2);

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
            Ok(catalogue::list(&self.view.snapshot.policy, caller.party, self.today(), &filter))
        });
        self.read_answer(template, listed).await
    }

    /// `GET /v1/resources/{code}`.
    pub(crate) async fn entry(&self, template: &'static str, code: &str) -> Response<Reply> {
        let entry = self.reader().and_then(|caller| {
            let policy = &self.view.snapshot.policy;
            let resource = policy.resource_by_code(code).ok_or(Code::ResourceNotFound)?;
            catalogue::entry(policy, caller.party, resource, self.today(), self.lang())
                .ok_or_else(|| Code::ResourceNotFound.into())
        });
        self.read_answer(template, entry).await
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

    async fn read_answer(&self, template: &'static str, answer: Result<serde_json::Value, Refusal>) -> Response<Reply> {
        match answer {
            Ok(json) => self.plain(template, StatusCode::OK, json.to_string()),
            Err(refusal) => self.refuse(template, None, refusal).await,
        }
    }

    async fn receipt_of(&self, index: &str) -> Result<serde_json::Value, Refusal> {
        let is_decimal = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
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

fn is_access_of(leaf: &Leaf, party: &str) -> bool {
    matches!(leaf.record(), Ok(Record::Access(access)) if !party.is_empty() && access.consumer_party == party)
}

/// A fault of the query string.
pub(crate) fn bad_parameter(name: &'static str) -> Refusal {
    Refusal::fault(Code::RequestSchema, Fault::QueryParameter).with(Fact::Member(name))
}
