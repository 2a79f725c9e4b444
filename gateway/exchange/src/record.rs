//! Recording an access before it is answered, and its outcome after.
//!
//! What is recorded of a request is what the exchange has *verified*: a handler's id only if that
//! handler is registered, a purpose only if it is listed, a path only as its template, a case number
//! and every identity only as keyed tags. So whatever a caller writes where, no identity of a
//! citizen enters the ledger in clear.

use std::rc::Rc;
use std::time::{Duration, Instant};

use http::Method;
use sluice_domain::{Code, Gate, Permit, ResourceIx, ShareType, SystemIx};
use sluice_ledger::record::{
    Access, Decision, Method as RecordedMethod, Outcome, SUBJECTS_INLINE_MAX, SUBJECTS_PER_RECORD_MAX, SubjectTags,
    Subjects, TagList,
};
use sluice_ledger::{Appender, Closed, Drive, Durable, Ledger, Pending, RequestKey};
use sluice_transport::{Peer, clock};
use uuid::Uuid;

use crate::decimal::{decimal, decimal_buffer};
use crate::disclose::Opened;
use crate::shared::Selecting;
use crate::snapshot::View;
use crate::subjects::Tag;

/// The listener's name in records.
const LISTENER: &str = "data";
/// First call of a party on an unconditional resource (D21-1).
const FLAG_SELECTION: u16 = 1;

/// What is known of a call when it is recorded; fields stay empty where a check failed before them.
pub(crate) struct Entry<'e> {
    pub(crate) view: &'e View,
    pub(crate) peer: &'e Peer,
    pub(crate) system: SystemIx,
    pub(crate) request_id: Uuid,
    pub(crate) method: &'e Method,
    pub(crate) template: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) resource: Option<ResourceIx>,
    /// Id of the operation called, else empty.
    pub(crate) operation: &'e str,
    /// Tag of the sealed file asked for.
    pub(crate) file: Option<[u8; 16]>,
    /// Registered handler, else empty.
    pub(crate) handler: &'e str,
    /// Listed purpose, else empty.
    pub(crate) purpose: &'e str,
    pub(crate) matter: Option<[u8; 16]>,
    /// Keyed digest of the body, where it was read whole.
    pub(crate) digest: Option<[u8; 32]>,
    pub(crate) units: u32,
    /// W3C trace id, if the caller's is one.
    pub(crate) trace: Option<[u8; 16]>,
}

/// The decision to record.
pub(crate) enum Verdict<'v> {
    /// Permitted; the people it concerns.
    Permit { permit: &'v Permit, subjects: &'v [Tag], is_selection: bool },
    /// Refused; the people it names, where the body was read.
    Deny { code: Code, subjects: &'v [Tag] },
}

/// Appends records for one worker; clones share its queue.
#[derive(Clone)]
pub(crate) struct Recorder {
    /// `None` if the ledger had been stopped when the worker began: then nothing is recorded or served.
    appender: Option<Rc<Appender>>,
    ledger: Ledger,
    witness_wait: Duration,
}

/// A record on its way to the disk, with those that continue it.
pub(crate) struct Opening {
    access: Pending,
    rest: Vec<Pending>,
    gate: Gated,
    /// The selection that this access is, until its record is durable.
    pub(crate) selecting: Option<Selecting>,
}

/// What records have to reach beside the disk before the access may be answered.
#[derive(Clone)]
pub(crate) struct Gated {
    ledger: Ledger,
    gate: Gate,
    /// Longest wait for witnesses.
    wait: Duration,
}

impl Gated {
    /// Whether it can be passed at all, as far as is known: a provider is not asked for what could not be disclosed.
    fn check(&self) -> Result<(), Closed> {
        let is_vain = self.gate == Gate::Witness && !self.ledger.is_quorum_near();
        if is_vain { Err(Closed::Unwitnessed) } else { Ok(()) }
    }

    /// Waits until the records are durable, and witnessed where the resource wants that; gives the first.
    async fn passed(
        &self,
        first: Option<Pending>,
        rest: Vec<Pending>,
        deadline: Instant,
    ) -> Result<Option<Durable>, Closed> {
        let written = async {
            let mut durable = None;
            let mut last = None;
            if let Some(first) = first {
                durable = Some(first.await?);
                last = durable;
            }
            for pending in rest {
                last = Some(pending.await?);
            }
            Ok((durable, last))
        };
        let written = tokio::time::timeout_at(deadline.into(), written).await;
        let (durable, last) = written.unwrap_or(Err(Closed::Backlog))?;
        if let (Gate::Witness, Some(last)) = (self.gate, last) {
            let deadline = deadline.min(clock::now() + self.wait);
            let witnessed = self.ledger.witnessed(last.index());
            tokio::time::timeout_at(deadline.into(), witnessed).await.map_err(|_| Closed::Unwitnessed)?;
        }
        Ok(durable)
    }
}

impl Opening {
    /// The access record's counter, for later records that refer to it.
    pub(crate) fn key(&self) -> RequestKey {
        self.access.key()
    }

    /// Waits until the record and its continuations are durable, until `deadline` at the latest.
    /// Cancel safe: the records are committed either way.
    ///
    /// # Errors
    /// When the ledger did not take them, or a stalled disk kept them waiting too long; nothing may
    /// be disclosed then.
    pub(crate) async fn durable(self, deadline: Instant) -> Result<Opened, Closed> {
        let durable = self.gate.passed(Some(self.access), self.rest, deadline).await?;
        self.selecting.into_iter().for_each(Selecting::made);
        durable.map(Opened::new).ok_or(Closed::Stopped)
    }

    /// What the records that follow have to reach as well.
    pub(crate) fn gate(&self) -> Gated {
        self.gate.clone()
    }
}

/// What became of a permitted call.
pub(crate) struct Ending {
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) took_us: u64,
    pub(crate) upstream_us: u64,
    pub(crate) rows: u32,
    pub(crate) code: &'static str,
    pub(crate) aborted: bool,
    /// SHA-256 of the body, where it was computed.
    pub(crate) digest: Option<[u8; 32]>,
}

impl Recorder {
    /// The recorder of one worker.
    pub(crate) fn new(ledger: &Ledger, worker: u16, witness_wait: Duration) -> Self {
        Self { appender: ledger.appender(worker).map(Rc::new), ledger: ledger.clone(), witness_wait }
    }

    /// Tells the ledger how many callers this worker is serving.
    pub(crate) fn set_callers(&self, callers: u32) {
        if let Some(appender) = &self.appender {
            appender.set_callers(callers);
        }
    }

    /// The task that hears of finished commits; without it nothing becomes durable for this worker.
    pub(crate) fn drive(&self) -> Option<Drive> {
        Some(self.appender.as_ref()?.drive())
    }

    fn append(&self, write: impl FnOnce(RequestKey, &mut Vec<u8>)) -> Result<Pending, Closed> {
        self.appender.as_ref().ok_or(Closed::Stopped)?.append(write)
    }

    /// Appends a record that nobody waits for. A ledger that no longer takes records leaves an access
    /// without its outcome, which the verifier reports.
    pub(crate) fn append_trailing(&self, write: impl FnOnce(RequestKey, &mut Vec<u8>)) {
        if let Some(appender) = &self.appender {
            drop(appender.append_trailing(write));
        }
    }

    /// Appends the access record, and continuations where it concerns more people than fit.
    ///
    /// # Errors
    /// When the ledger takes no records: the call is refused before any provider hears of it.
    pub(crate) fn open(&self, entry: &Entry<'_>, verdict: &Verdict<'_>, epoch: u16) -> Result<Opening, Closed> {
        let (Verdict::Permit { subjects: tags, .. } | Verdict::Deny { subjects: tags, .. }) = *verdict;
        let gate = self.gate_of(entry, verdict);
        gate.check()?;
        let (inline, further) = tags.split_at(tags.len().min(SUBJECTS_INLINE_MAX));
        let total = u32::try_from(tags.len()).unwrap_or(u32::MAX);
        let inline = SubjectTags { key_epoch: epoch, total, part: 0, tags: TagList::Given(inline) };
        let access = self.append(|key, out| self.encode_access(entry, verdict, (key, inline), out))?;
        let rest = self.continue_with(access.key(), further, (epoch, total))?;
        Ok(Opening { access, rest, gate, selecting: None })
    }

    /// A refusal discloses nothing, so it waits for the disk only.
    fn gate_of(&self, entry: &Entry<'_>, verdict: &Verdict<'_>) -> Gated {
        let resource = entry.resource.and_then(|ix| entry.view.snapshot.policy.resource(ix));
        let gate = match (verdict, resource) {
            (Verdict::Permit { .. }, Some(resource)) => resource.gate,
            _ => Gate::Local,
        };
        Gated { ledger: self.ledger.clone(), gate, wait: self.witness_wait }
    }

    fn continue_with(
        &self,
        access: RequestKey,
        tags: &[Tag],
        (key_epoch, total): (u16, u32),
    ) -> Result<Vec<Pending>, Closed> {
        let append = |(part, tags): (u32, &[Tag])| {
            self.append(|key, out| {
                let subjects = SubjectTags { key_epoch, total, part, tags: TagList::Given(tags) };
                Subjects { head: self.ledger.head_of(key), ref_ctr: access.ctr, subjects }.encode_into(out);
            })
        };
        (1..).zip(tags.chunks(SUBJECTS_PER_RECORD_MAX)).map(append).collect()
    }

    /// Appends the people found in an answer who were not named in the request; the answer waits for them (X02).
    ///
    /// # Errors
    /// When the ledger takes no records: nothing is disclosed then.
    pub(crate) async fn found(
        &self,
        access: RequestKey,
        (subjects, epoch): (&[Tag], u16),
        gate: &Gated,
        deadline: Instant,
    ) -> Result<(), Closed> {
        let total = u32::try_from(subjects.len()).unwrap_or(u32::MAX);
        let pending = self.continue_with(access, subjects, (epoch, total))?;
        gate.passed(None, pending, deadline).await.map(drop)
    }

    /// Appends the outcome; nothing waits for it.
    pub(crate) fn close(&self, access: RequestKey, ending: &Ending) {
        self.append_trailing(|key, out| {
            Outcome {
                head: self.ledger.head_of(key),
                ref_ctr: access.ctr,
                subjects: SubjectTags::none(),
                response_digest: ending.digest,
                http_status: ending.status,
                response_bytes: ending.bytes,
                duration_us: ending.took_us,
                upstream_us: ending.upstream_us,
                origin_code: ending.code,
                aborted: ending.aborted,
                rows: ending.rows,
            }
            .encode_into(out);
        });
    }

    fn encode_access(
        &self,
        entry: &Entry<'_>,
        verdict: &Verdict<'_>,
        (key, subjects): (RequestKey, SubjectTags<'_>),
        out: &mut Vec<u8>,
    ) {
        let policy = &entry.view.snapshot.policy;
        let system = policy.system(entry.system);
        let resource = entry.resource.and_then(|ix| policy.resource(ix));
        let provider = resource.and_then(|resource| policy.party(resource.provider));
        let mut version = decimal_buffer();
        let resource_version = resource.map_or("", |resource| decimal(&mut version, resource.version.into()));
        let permit = match verdict {
            Verdict::Permit { permit, .. } => Some(*permit),
            Verdict::Deny { .. } => None,
        };
        let grant = permit.and_then(|permit| policy.grant(permit.grant()?));
        let own = grant.and_then(|grant| grant.legal_basis.as_deref());
        let basis = own.or_else(|| resource?.legal_basis.as_deref());
        let empty = sluice_domain::ItemSet::EMPTY;
        let fields = permit.map_or(&empty, |permit| permit.fields());
        let clear = permit.map_or(&empty, |permit| permit.clear());
        let (disclosed, disclosed_len) = fields.to_bytes();
        let (masked, masked_len) = fields.difference(clear).to_bytes();
        let is_selection = matches!(verdict, Verdict::Permit { is_selection: true, .. });
        Access {
            head: self.ledger.head_of(key),
            consumer_party: system.and_then(|system| policy.party(system.party)).map_or("", |party| party.key.as_str()),
            consumer_system: system.map_or("", |system| system.id.as_str()),
            handler: entry.handler,
            client_cert_fp: entry.peer.fingerprint.first_chunk().copied(),
            src_ip: entry.peer.addr.ip(),
            src_port: entry.peer.addr.port(),
            listener: LISTENER,
            provider_party: provider.map_or("", |party| party.key.as_str()),
            resource: resource.map_or("", |resource| resource.code.as_str()),
            resource_version,
            operation: entry.operation,
            method: RecordedMethod::from_name(entry.method.as_str()),
            path_template: entry.template,
            resource_id_tag: entry.file,
            level: resource
                .map_or(0, |resource| if fields.is_empty() { 0 } else { resource.highest_level(fields).grade() }),
            categories: 0,
            subjects,
            purpose: entry.purpose,
            legal_basis: basis.unwrap_or_default(),
            matter_tag: entry.matter,
            grant: grant.map_or("", |grant| grant.id.as_str()),
            policy_revision: policy.revision(),
            snapshot_revision: policy.revision(),
            decision: if permit.is_some() { Decision::Permit } else { Decision::Deny },
            code: if let Verdict::Deny { code, .. } = verdict { code.as_str() } else { "" },
            request_digest: entry.digest,
            disclosed: disclosed.get(..disclosed_len).unwrap_or_default(),
            masked: masked.get(..masked_len).unwrap_or_default(),
            risk_flags: 0,
            request_id: *entry.request_id.as_bytes(),
            mode: entry.mode,
            share_type: resource.map_or("", |resource| resource.share_type.as_str()),
            flags: if is_selection { FLAG_SELECTION } else { 0 },
            units: entry.units,
            trace_id: entry.trace,
        }
        .encode_into(out);
    }
}

/// Whether a recorded access is the selection of an unconditional resource.
pub(crate) fn is_selection(access: &Access<'_>) -> bool {
    access.flags & FLAG_SELECTION != 0 && access.share_type == ShareType::Unconditional.as_str()
}
