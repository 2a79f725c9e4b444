//! May this call be made? The order of the checks is the order of the interface contract.
//!
//! Two steps, because rights are checked before a body is read: [`admit`] decides from the headers
//! and the route, [`authorize`] from the items that the body asks for. Only [`authorize`] makes a
//! [`Permit`], and an adapter cannot be called without one (law 2).

use crate::catalogue::{Mode, Resource, Semantic, ShareType};
use crate::day::Day;
use crate::grant::{Grant, GrantState, Limits};
use crate::items::ItemSet;
use crate::operation::OperationIx;
use crate::party::{HandlerState, PartyState};
use crate::policy::{GrantIx, PartyIx, Policy, PurposeIx, ResourceIx, SystemIx};
use crate::refusal::{Code, Fact, Fault, Refusal};

/// A registered system whose certificate and token were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The system.
    pub system: SystemIx,
    /// Its party.
    pub party: PartyIx,
}

/// What headers and route say about a call.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// Who calls.
    pub caller: Caller,
    /// Why the snapshot may not be relied on now, such as an outdated revocation list.
    pub stale: bool,
    /// `Exchange-Purpose`.
    pub purpose: Option<&'q str>,
    /// `Exchange-Handler`.
    pub handler: Option<&'q str>,
    /// Whether a valid `Exchange-Matter` is there; `Err` when there is an invalid one.
    pub matter: Result<bool, Fault>,
    /// Catalogue code from the path.
    pub resource: &'q str,
    /// Mode from the path.
    pub mode: Mode,
    /// For the mode `call`: the declared operation that method and path name.
    pub operation: Option<OperationIx>,
    /// Today in Asia/Shanghai.
    pub today: Day,
}

/// A call that may be made as far as headers and route can tell; its body is still to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Admission {
    caller: Caller,
    resource: ResourceIx,
    mode: Mode,
    operation: Option<OperationIx>,
    purpose: PurposeIx,
    today: Day,
}

/// What the body asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Items by which subjects or records are named.
    pub key: ItemSet,
    /// Items claimed or wanted; `None` asks for all that is granted.
    pub fields: Option<ItemSet>,
}

/// The right to make one call: who, what, which items, and which of them in clear.
///
/// Only [`authorize`] makes it; an adapter takes it by reference.
#[derive(Debug, Clone)]
pub struct Permit {
    caller: Caller,
    resource: ResourceIx,
    mode: Mode,
    operation: Option<OperationIx>,
    purpose: PurposeIx,
    grant: Option<GrantIx>,
    key: ItemSet,
    fields: ItemSet,
    clear: ItemSet,
    limits: Limits,
}

impl Permit {
    /// Who calls.
    pub fn caller(&self) -> Caller {
        self.caller
    }
    /// The resource.
    pub fn resource(&self) -> ResourceIx {
        self.resource
    }
    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }
    /// The operation, for the mode `call`.
    pub fn operation(&self) -> Option<OperationIx> {
        self.operation
    }
    /// The purpose.
    pub fn purpose(&self) -> PurposeIx {
        self.purpose
    }
    /// The grant used; `None` on an unconditional resource.
    pub fn grant(&self) -> Option<GrantIx> {
        self.grant
    }
    /// Items by which the call names its subject or records.
    pub fn key(&self) -> &ItemSet {
        &self.key
    }
    /// Items that may be claimed or given out: granted and asked for.
    pub fn fields(&self) -> &ItemSet {
        &self.fields
    }
    /// Items of `fields` shown in clear; the others are masked.
    pub fn clear(&self) -> &ItemSet {
        &self.clear
    }
    /// Limits of the grant, completed by the exchange's own.
    pub fn limits(&self) -> Limits {
        self.limits
    }
}

impl Admission {
    /// The resource.
    pub fn resource(&self) -> ResourceIx {
        self.resource
    }
    /// The purpose.
    pub fn purpose(&self) -> PurposeIx {
        self.purpose
    }
}

/// Decides from headers and route.
///
/// # Errors
/// The first failing check, in the order of the interface contract.
pub fn admit(policy: &Policy, question: &Question<'_>) -> Result<Admission, Refusal> {
    let caller = question.caller;
    let party = policy.party(caller.party).ok_or(Code::IdentityUnknownSystem)?;
    if party.state == PartyState::Suspended {
        return Err(Code::PartySuspended.into());
    }
    if question.stale {
        return Err(Refusal::new(Code::PolicyStale));
    }
    let purpose = purpose_of(policy, question.purpose)?;
    check_handler(policy, caller.party, question.handler)?;
    let resource_ix = policy.resource_by_code(question.resource).ok_or(Code::ResourceNotFound)?;
    let resource = policy.resource(resource_ix).ok_or(Code::ResourceNotFound)?;
    check_offer(policy, resource, question)?;
    let admission = Admission {
        caller,
        resource: resource_ix,
        mode: question.mode,
        operation: question.operation,
        purpose,
        today: question.today,
    };
    if resource.share_type == ShareType::Conditional {
        let wanted = Wanted { admission: &admission, asked: None };
        pick_grant(policy, resource, &wanted)?;
    }
    Ok(admission)
}

/// Decides from the items that the body asks for.
///
/// # Errors
/// `grant.field_not_granted` or `grant.row_scope` of the grant that got furthest.
pub fn authorize(policy: &Policy, admission: &Admission, asked: &Asked) -> Result<Permit, Refusal> {
    let resource = policy.resource(admission.resource).ok_or(Code::ResourceNotFound)?;
    let (grant, granted, clear, limits) = match resource.share_type {
        ShareType::NotShared => return Err(not_shared(resource)),
        // An operation's answer is not projected, so it is never given without a grant that names it.
        ShareType::Unconditional if admission.mode == Mode::Call => return Err(grant_required(policy, resource)),
        ShareType::Unconditional => (
            None,
            ItemSet::first(resource.items.len()),
            policy.open_clear(admission.resource),
            resource.condition.limits,
        ),
        ShareType::Conditional => {
            let wanted = Wanted { admission, asked: Some(asked) };
            let (ix, grant) = pick_grant(policy, resource, &wanted)?;
            (Some(ix), grant.fields, grant.clear, grant.limits)
        }
    };
    let fields = asked.fields.map_or(granted, |asked| asked.intersection(&granted));
    Ok(Permit {
        caller: admission.caller,
        resource: admission.resource,
        mode: admission.mode,
        operation: admission.operation,
        purpose: admission.purpose,
        grant,
        key: asked.key,
        fields,
        clear: clear.intersection(&fields),
        limits: completed(limits, policy.default_limits()),
    })
}

fn completed(limits: Limits, defaults: Limits) -> Limits {
    Limits {
        per_second: limits.per_second.or(defaults.per_second),
        per_day: limits.per_day.or(defaults.per_day),
        rows_per_call: limits.rows_per_call.or(defaults.rows_per_call),
    }
}

fn purpose_of(policy: &Policy, purpose: Option<&str>) -> Result<PurposeIx, Refusal> {
    let choices =
        || Fact::Choices(policy.purposes().iter().map(|purpose| purpose.code.as_str()).collect::<Vec<_>>().join(", "));
    match purpose {
        None => Err(Refusal::new(Code::PurposeMissing).with(choices())),
        Some(code) => policy.purpose_by_code(code).ok_or_else(|| Refusal::new(Code::PurposeUnknown).with(choices())),
    }
}

fn check_handler(policy: &Policy, party: PartyIx, handler: Option<&str>) -> Result<(), Refusal> {
    let handler = handler.ok_or(Code::HandlerMissing)?;
    match policy.handler_state(party, handler) {
        Some(HandlerState::Active) => Ok(()),
        Some(HandlerState::Disabled) => Err(Code::HandlerDisabled.into()),
        None => Err(Code::HandlerUnknown.into()),
    }
}

fn not_shared(resource: &Resource) -> Refusal {
    Refusal::new(Code::ShareNotShared).with(Fact::LegalBasis(resource.legal_basis.clone().unwrap_or_default()))
}

fn check_offer(policy: &Policy, resource: &Resource, question: &Question<'_>) -> Result<(), Refusal> {
    if resource.share_type == ShareType::NotShared {
        return Err(not_shared(resource));
    }
    if !resource.modes.contains(question.mode) {
        let offered = resource.modes.iter().map(Mode::as_str).collect::<Vec<_>>().join(", ");
        return Err(Refusal::new(Code::ModeNotOffered).with(Fact::Choices(offered)));
    }
    match question.matter {
        Err(fault) => Err(Refusal::fault(Code::MatterMissing, fault)),
        Ok(false) if resource.matter_required => {
            let provider = policy.party(resource.provider).map(|party| party.name.clone()).unwrap_or_default();
            Err(Refusal::new(Code::MatterMissing).with(Fact::Provider(provider)))
        }
        Ok(_) => Ok(()),
    }
}

/// What a grant has to cover.
struct Wanted<'w> {
    admission: &'w Admission,
    /// `None` while only headers and route are known.
    asked: Option<&'w Asked>,
}

/// How far a grant got: the later the check that failed, the more useful its refusal.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Reached {
    Standing(Code),
    Mode,
    Purpose,
    Fields,
    RowScope,
}

/// The grant with the lowest id that covers the call; grants are never merged.
fn pick_grant<'p>(
    policy: &'p Policy,
    resource: &Resource,
    wanted: &Wanted<'_>,
) -> Result<(GrantIx, &'p Grant), Refusal> {
    let mut furthest: Option<(Reached, &Grant)> = None;
    for (ix, grant) in policy.grants_of(wanted.admission.caller.party, wanted.admission.resource) {
        match covers(resource, grant, wanted) {
            Ok(()) => return Ok((ix, grant)),
            Err(reached) if furthest.is_none_or(|(before, _)| reached > before) => furthest = Some((reached, grant)),
            Err(_) => {}
        }
    }
    Err(furthest.map_or_else(
        || grant_required(policy, resource),
        |(reached, grant)| explain(policy, resource, wanted, reached, grant),
    ))
}

fn covers(resource: &Resource, grant: &Grant, wanted: &Wanted<'_>) -> Result<(), Reached> {
    let call = wanted.admission;
    if !grant.party_allowed || call.today < grant.valid_from {
        return Err(Reached::Standing(Code::GrantRequired));
    }
    match grant.state {
        GrantState::Revoked => return Err(Reached::Standing(Code::GrantRevoked)),
        GrantState::Suspended => return Err(Reached::Standing(Code::GrantSuspended)),
        GrantState::Expired => return Err(Reached::Standing(Code::GrantExpired)),
        GrantState::Active if call.today > grant.valid_until => return Err(Reached::Standing(Code::GrantExpired)),
        GrantState::Active => {}
    }
    let names_operation = || call.operation.is_some_and(|operation| grant.operations.contains(operation));
    if !grant.modes.contains(call.mode) || (call.mode == Mode::Call && !names_operation()) {
        return Err(Reached::Mode);
    }
    if !grant.purposes.contains(&call.purpose) {
        return Err(Reached::Purpose);
    }
    let Some(asked) = wanted.asked else { return Ok(()) };
    if !lacking(call.mode, grant, asked).is_empty() {
        return Err(Reached::Fields);
    }
    if resource.condition.by_subject && !names_a_citizen(resource, &asked.key) {
        return Err(Reached::RowScope);
    }
    Ok(())
}

/// Items that are asked for and not granted. What an operation gives out cannot be masked, so it must be clear.
fn lacking(mode: Mode, grant: &Grant, asked: &Asked) -> ItemSet {
    let wanted = match mode {
        Mode::Call => asked.fields.unwrap_or(grant.fields).difference(&grant.clear),
        _ => asked.fields.unwrap_or_default().difference(&grant.fields),
    };
    wanted.union(&asked.key.difference(&grant.fields))
}

fn names_a_citizen(resource: &Resource, key: &ItemSet) -> bool {
    resource.items_of(key).any(|(_, item)| item.semantic == Some(Semantic::CnId18))
}

fn grant_required(policy: &Policy, resource: &Resource) -> Refusal {
    let provider = policy.party(resource.provider).map(|party| party.name.clone()).unwrap_or_default();
    Refusal::new(Code::GrantRequired).with(Fact::Provider(provider))
}

fn explain(policy: &Policy, resource: &Resource, wanted: &Wanted<'_>, reached: Reached, grant: &Grant) -> Refusal {
    let refuse = |code| Refusal::new(code).with(Fact::Grant(grant.id.clone()));
    match reached {
        Reached::Standing(Code::GrantRequired) => grant_required(policy, resource),
        // A grant that was ended before its last day has no day to tell.
        Reached::Standing(code @ Code::GrantExpired) if wanted.admission.today > grant.valid_until => {
            refuse(code).with(Fact::On(grant.valid_until))
        }
        Reached::Standing(code) => refuse(code),
        Reached::Mode => {
            let modes = grant.modes.iter().map(Mode::as_str).collect::<Vec<_>>().join(", ");
            refuse(Code::GrantModeNotGranted).with(Fact::Choices(modes))
        }
        Reached::Purpose => {
            let granted =
                grant.purposes.iter().filter_map(|ix| policy.purpose(*ix)).map(|purpose| purpose.code.as_str());
            refuse(Code::GrantPurposeMismatch).with(Fact::Choices(granted.collect::<Vec<_>>().join(", ")))
        }
        Reached::Fields => {
            let lacking = wanted.asked.map(|asked| lacking(wanted.admission.mode, grant, asked)).unwrap_or_default();
            refuse(Code::GrantFieldNotGranted).with(Fact::Items(resource.codes_of(&lacking)))
        }
        Reached::RowScope => refuse(Code::GrantRowScope),
    }
}
