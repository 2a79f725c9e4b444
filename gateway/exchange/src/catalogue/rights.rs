//! What a party may do with a resource, mode by mode: asked of the decision itself, with every purpose
//! and key set that a call could name, so that the catalogue never promises what a call is refused.

use sluice_domain::decision::{admit, authorize};
use sluice_domain::{
    Asked, Code, Fact, HandlerState, ItemSet, Mode, Operation, OperationIx, Permit, PurposeIx, Question, Refusal,
    Resource, ResourceIx, ShareType,
};

use super::Reading;

/// Modes that this exchange serves.
const SERVED: [Mode; 3] = [Mode::Verify, Mode::Query, Mode::Call];

/// The party's rights in one mode.
pub(super) struct ModeRights {
    pub(super) mode: Mode,
    /// Every way in which a call would be permitted; by purpose, then by key set.
    pub(super) ways: Vec<Permit>,
    /// Why there is none: of all refusals the one of the last check.
    pub(super) refusal: Option<Refusal>,
}

/// The party's rights to one operation, or to the sealed files.
pub(super) struct OperationRights<'r> {
    pub(super) operation: &'r Operation,
    /// Every way in which a call would be permitted, by purpose.
    pub(super) ways: Vec<Permit>,
    /// Why there is none.
    pub(super) refusal: Option<Refusal>,
}

impl OperationRights<'_> {
    /// Purposes for which a call is permitted.
    pub(super) fn purposes(&self) -> Vec<PurposeIx> {
        self.ways.iter().map(Permit::purpose).collect()
    }
}

impl ModeRights {
    /// What may be given out or compared at all, and what of it is in clear in every way, or in none.
    pub(super) fn fields(&self) -> (ItemSet, ItemSet, ItemSet) {
        let all = self.ways.iter().fold(ItemSet::EMPTY, |all, way| all.union(way.fields()));
        let clear = self.ways.iter().fold(ItemSet::EMPTY, |clear, way| clear.union(way.clear()));
        let masked =
            self.ways.iter().fold(ItemSet::EMPTY, |masked, way| masked.union(&way.fields().difference(way.clear())));
        (all, clear, masked)
    }

    /// Purposes for which a call is permitted.
    pub(super) fn purposes(&self) -> Vec<PurposeIx> {
        let mut purposes: Vec<PurposeIx> = self.ways.iter().map(Permit::purpose).collect();
        purposes.dedup();
        purposes
    }

    /// Key sets by which a call is permitted for some purpose, in the order of the catalogue.
    pub(super) fn key_sets(&self, declared: &[ItemSet]) -> Vec<ItemSet> {
        declared.iter().filter(|set| self.ways.iter().any(|way| way.key() == *set)).copied().collect()
    }
}

/// The party's rights in every mode there is.
pub(super) fn of(reading: &Reading<'_>, ix: ResourceIx) -> Vec<ModeRights> {
    Mode::ALL.into_iter().map(|mode| in_mode(reading, ix, mode)).collect()
}

/// The party's rights to each declared operation.
pub(super) fn of_operations<'r>(reading: &Reading<'r>, resource: &'r Resource) -> Vec<OperationRights<'r>> {
    let rights = |(ix, operation): (OperationIx, &'r Operation)| {
        let (ways, refusal) = ask(reading, resource, Mode::Call, &[(Some(ix), asked(operation))]);
        OperationRights { operation, ways, refusal }
    };
    (0..).map(OperationIx).zip(&resource.operations).map(rights).collect()
}

fn in_mode(reading: &Reading<'_>, ix: ResourceIx, mode: Mode) -> ModeRights {
    let refused = |refusal| ModeRights { mode, ways: Vec::new(), refusal: Some(refusal) };
    let Some(resource) = reading.policy.resource(ix) else { return refused(Code::ResourceNotFound.into()) };
    // Nothing that a caller could mend comes before this.
    if resource.share_type == ShareType::NotShared {
        let law = Fact::LegalBasis(resource.legal_basis.clone().unwrap_or_default());
        return refused(Refusal::new(Code::ShareNotShared).with(law));
    }
    let (ways, refusal) = ask(reading, resource, mode, &named(resource, mode));
    if !SERVED.contains(&mode) && !ways.is_empty() {
        return refused(Code::RequestNotFound.into());
    }
    ModeRights { mode, ways, refusal }
}

/// Asks the decision for every purpose and everything that a call may name: the ways there are, or why there is none.
fn ask(
    reading: &Reading<'_>,
    resource: &Resource,
    mode: Mode,
    named: &[(Option<OperationIx>, Asked)],
) -> (Vec<Permit>, Option<Refusal>) {
    let handler = handler(reading);
    let mut ways = Vec::new();
    let mut furthest: Option<Refusal> = None;
    for (purpose, (operation, asked)) in
        reading.policy.purposes().iter().flat_map(|purpose| named.iter().map(move |named| (purpose, named)))
    {
        let question = Question {
            caller: reading.caller,
            stale: false,
            purpose: Some(purpose.code.as_str()),
            handler,
            matter: Ok(true),
            resource: resource.code.as_str(),
            mode,
            operation: *operation,
            today: reading.today,
        };
        match admit(reading.policy, &question).and_then(|admission| authorize(reading.policy, &admission, asked)) {
            Ok(permit) => ways.push(permit),
            Err(refusal) => keep_furthest(&mut furthest, refusal),
        }
    }
    let refusal = ways.is_empty().then(|| furthest.unwrap_or_else(|| Code::PurposeUnknown.into()));
    (ways, refusal)
}

/// What a call in a mode may name: a key set, or an operation with the items that it gives out.
fn named(resource: &Resource, mode: Mode) -> Vec<(Option<OperationIx>, Asked)> {
    if mode != Mode::Call {
        return resource.key_sets.iter().map(|key| (None, Asked { key: *key, fields: None })).collect();
    }
    let declared = (0..).map(OperationIx).zip(&resource.operations).map(|(ix, operation)| (Some(ix), asked(operation)));
    // A resource that declares nothing to call is refused like an operation that nobody was granted.
    let nothing = resource.operations.is_empty().then_some((None, Asked { key: ItemSet::EMPTY, fields: None }));
    declared.chain(nothing).collect()
}

/// What a call of an operation asks for.
fn asked(operation: &Operation) -> Asked {
    Asked { key: operation.key(), fields: Some(operation.items) }
}

/// Codes are ordered as they are checked.
fn keep_furthest(furthest: &mut Option<Refusal>, refusal: Refusal) {
    if furthest.as_ref().is_none_or(|before| before.code < refusal.code) {
        *furthest = Some(refusal);
    }
}

/// Somebody whom the party's calls may name; a party that registered nobody is refused for that.
pub(super) fn handler<'r>(reading: &Reading<'r>) -> Option<&'r str> {
    let party = reading.policy.party(reading.caller.party)?;
    let active = party.handlers.iter().find(|handler| handler.state == HandlerState::Active);
    active.map(|handler| handler.id.as_str())
}
