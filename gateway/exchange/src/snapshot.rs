//! The snapshot a request reads once (law 3), and a worker's own view of it.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::RandomState;
use sluice_contract::{Adapter, Binding};
use sluice_domain::{PartyIx, Permit, Policy, ResourceIx, SystemIx};
use sluice_transport::Revocations;

use crate::limit::{Counter, LimitKey, Limiters, RefusalQuota};
use crate::settings::Settings;
use crate::shared::{RefusalQuotas, Selecting, Selections};
use crate::token::TokenRules;

/// Everything that decides and routes a request; replaced as a whole, never changed. A clone shares its parts.
#[derive(Clone)]
pub struct Snapshot {
    /// Parties, catalogue, grants.
    pub policy: Arc<Policy>,
    /// Bindings to departmental systems, by position of the resource.
    pub bindings: Vec<Option<Arc<dyn Binding>>>,
    /// Keys and rules of tokens.
    pub tokens: Arc<TokenRules>,
    /// Revoked certificates, with the time until which the lists may be relied on.
    pub revocations: Arc<Revocations>,
    /// Numbers from configuration.
    pub settings: Settings,
}

impl Snapshot {
    /// Whether the revocation lists are too old to tell who is revoked: nothing is served then
    /// (`policy.stale`), since an outdated list would let a revoked system in.
    pub(crate) fn is_stale(&self, now_s: i64) -> bool {
        self.revocations.next_update_s().is_some_and(|until| now_s > until)
    }
}

/// One worker's view: the snapshot with its own ends of the bindings and the counters it has met.
pub(crate) struct View {
    pub(crate) snapshot: Arc<Snapshot>,
    adapters: Vec<Option<Rc<dyn Adapter>>>,
    counters: RefCell<HashMap<CounterKey, Arc<Counter>, RandomState>>,
    quotas: RefCell<HashMap<SystemIx, Arc<RefusalQuota>, RandomState>>,
    selected: RefCell<HashSet<(PartyIx, ResourceIx), RandomState>>,
}

#[derive(PartialEq, Eq, Hash)]
enum CounterKey {
    Grant(u32),
    Open(PartyIx, ResourceIx),
}

impl View {
    /// Attaches to a snapshot, keeping the ends of bindings that did not change.
    pub(crate) fn attach(snapshot: Arc<Snapshot>, before: Option<&Self>) -> Self {
        let attach = |binding: &Option<Arc<dyn Binding>>| {
            let binding = binding.as_ref()?;
            let kept = before.and_then(|before| before.adapter_of(binding));
            Some(kept.unwrap_or_else(|| binding.clone().attach()))
        };
        let adapters = snapshot.bindings.iter().map(attach).collect();
        Self {
            snapshot,
            adapters,
            counters: RefCell::default(),
            quotas: RefCell::default(),
            selected: RefCell::default(),
        }
    }

    fn adapter_of(&self, binding: &Arc<dyn Binding>) -> Option<Rc<dyn Adapter>> {
        let same =
            |(ours, _): &(&Option<Arc<dyn Binding>>, _)| ours.as_ref().is_some_and(|ours| Arc::ptr_eq(ours, binding));
        self.snapshot.bindings.iter().zip(&self.adapters).find(same)?.1.clone()
    }

    /// A party's key, or empty.
    pub(crate) fn party_key(&self, party: Option<PartyIx>) -> &str {
        party.and_then(|party| self.snapshot.policy.party(party)).map_or("", |party| party.key.as_str())
    }

    /// This worker's end of a resource's binding, and the binding.
    pub(crate) fn adapter(&self, resource: ResourceIx) -> Option<(&dyn Adapter, &dyn Binding)> {
        let adapter = self.adapters.get(resource.at())?.as_deref()?;
        let binding = self.snapshot.bindings.get(resource.at())?.as_deref()?;
        Some((adapter, binding))
    }

    /// The counter that a permit's calls are taken from.
    pub(crate) fn counter(&self, permit: &Permit, limiters: &Limiters) -> Arc<Counter> {
        let (party, resource) = (permit.caller().party, permit.resource());
        let key = permit.grant().map_or(CounterKey::Open(party, resource), |grant| CounterKey::Grant(grant.0));
        let mut counters = self.counters.borrow_mut();
        let per_second = permit.limits().per_second;
        counters.entry(key).or_insert_with(|| limiters.counter(self.limit_key(permit), per_second)).clone()
    }

    fn limit_key(&self, permit: &Permit) -> LimitKey {
        let policy = &self.snapshot.policy;
        match permit.grant().and_then(|grant| policy.grant(grant)) {
            Some(grant) => LimitKey::Grant(grant.id.to_string()),
            None => LimitKey::Open(
                policy.party(permit.caller().party).map(|party| party.key.to_string()).unwrap_or_default(),
                policy.resource(permit.resource()).map(|resource| resource.code.to_string()).unwrap_or_default(),
            ),
        }
    }

    /// A system's quota of individually recorded refusals.
    pub(crate) fn refusal_quota(&self, system: SystemIx, quotas: &RefusalQuotas) -> Arc<RefusalQuota> {
        let id = || self.snapshot.policy.system(system).map(|system| system.id.to_string()).unwrap_or_default();
        let per_second = self.snapshot.settings.refusals_per_second;
        self.quotas.borrow_mut().entry(system).or_insert_with(|| quotas.of(id(), per_second)).clone()
    }

    /// The selection of an unconditional resource, if this use of it by the party is the first.
    pub(crate) fn selecting(
        &self,
        party: PartyIx,
        resource: ResourceIx,
        selections: &Arc<Selections>,
    ) -> Option<Selecting> {
        if self.selected.borrow().contains(&(party, resource)) {
            return None;
        }
        let policy = &self.snapshot.policy;
        let (named, listed) = (policy.party(party)?, policy.resource(resource)?);
        let begun = selections.begin(named.key.as_str(), listed.code.as_str());
        if begun.is_none() && selections.is_made(named.key.as_str(), listed.code.as_str()) {
            // Remembered only once it is durable: until then it may still fail.
            self.selected.borrow_mut().insert((party, resource));
        }
        begun
    }
}
