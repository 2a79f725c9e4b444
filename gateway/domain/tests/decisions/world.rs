//! A small exchange as plain data, from which both the policy and the oracle are made.

use sluice_domain::decision::{Admission, Caller, Question, admit, authorize};
use sluice_domain::grant::{GrantState, Limits};
use sluice_domain::operation::{CallBounds, Method, PathTemplate, RequestPlace, SubjectAt};
use sluice_domain::party::{Handler, HandlerState, Party, PartyState, System};
use sluice_domain::policy::{GrantTerms, PartyIx, Policy, PolicyParts, Purpose, PurposeIx, ResourceIx, SystemIx};
use sluice_domain::{
    Asked, Day, Fault, GrantId, HandlerId, Item, ItemCode, ItemSet, ItemType, Level, Mode, Operation, OperationId,
    OperationIx, PartyKey, Permit, ProvisionMode, PurposeCode, Refusal, Resource, ResourceCode, Semantic,
    ShareCondition, ShareType, SystemId, identifiers,
};

pub(crate) const PURPOSES: u32 = 3;
pub(crate) const ACTIVE_HANDLER: &str = "u-1";
pub(crate) const DISABLED_HANDLER: &str = "u-2";

#[derive(Debug, Clone)]
pub(crate) struct World {
    /// Whether each party is suspended.
    pub(crate) parties: Vec<bool>,
    pub(crate) resources: Vec<ResourceSpec>,
    pub(crate) grants: Vec<GrantSpec>,
    pub(crate) defaults: Limits,
}

#[derive(Debug, Clone)]
pub(crate) struct ResourceSpec {
    pub(crate) share: ShareType,
    pub(crate) modes: Vec<Mode>,
    /// Level of each item, and whether it is a citizen id. All are keys.
    pub(crate) items: Vec<(Level, bool)>,
    pub(crate) matter_required: bool,
    pub(crate) purposes: Option<Vec<u32>>,
    pub(crate) departments: Option<Vec<u32>>,
    pub(crate) verify_only: bool,
    pub(crate) by_subject: bool,
    pub(crate) limits: Limits,
    /// Items that each operation gives out.
    pub(crate) operations: Vec<Vec<usize>>,
}

#[derive(Debug, Clone)]
pub(crate) struct GrantSpec {
    pub(crate) id: String,
    pub(crate) party: u32,
    pub(crate) resource: u32,
    pub(crate) modes: Vec<Mode>,
    pub(crate) operations: Vec<u8>,
    pub(crate) fields: Vec<usize>,
    pub(crate) clear_level: Level,
    pub(crate) clear_fields: Vec<usize>,
    pub(crate) purposes: Vec<u32>,
    pub(crate) state: GrantState,
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) limits: Limits,
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) party: u32,
    pub(crate) stale: bool,
    pub(crate) purpose: Option<String>,
    pub(crate) handler: Option<String>,
    pub(crate) matter: Result<bool, Fault>,
    pub(crate) resource: String,
    pub(crate) mode: Mode,
    pub(crate) operation: Option<u8>,
    pub(crate) today: i64,
    pub(crate) key: Vec<usize>,
    pub(crate) fields: Option<Vec<usize>>,
}

pub(crate) fn day(number: i64) -> Day {
    Day::at(number * 86_400)
}

pub(crate) fn code_of_resource(at: usize) -> String {
    format!("10100100{at}/00000{at}")
}

pub(crate) fn code_of_purpose(at: u32) -> String {
    format!("P{at}")
}

/// A 统一社会信用代码 that differs by party.
fn uscc(at: usize) -> String {
    let body = format!("11430689T0000{at:04}");
    let checks = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars();
    checks.map(|check| format!("{body}{check}")).find(|code| identifiers::is_uscc(code)).unwrap()
}

fn party(at: usize, suspended: bool) -> Party {
    let handler =
        |id: &str, state| Handler { id: HandlerId::new(id).unwrap(), name: String::new(), post: String::new(), state };
    Party {
        key: PartyKey::new(&format!("party-{at}")).unwrap(),
        uscc: uscc(at),
        name: format!("部门{at}"),
        kind: String::from("行政机关"),
        state: if suspended { PartyState::Suspended } else { PartyState::Active },
        handlers: vec![
            handler(ACTIVE_HANDLER, HandlerState::Active),
            handler(DISABLED_HANDLER, HandlerState::Disabled),
            handler(&format!("only-{at}"), HandlerState::Active),
        ],
    }
}

fn system(at: u32) -> System {
    System {
        id: SystemId::new(&format!("party-{at}.main")).unwrap(),
        party: PartyIx(at),
        fingerprints: vec![[u8::try_from(at).unwrap(); 32]],
    }
}

fn resource(at: usize, spec: &ResourceSpec) -> Resource {
    let items = spec.items.iter().enumerate().map(|(item, (level, citizen))| Item {
        code: ItemCode::new(&format!("I{item}")).unwrap(),
        name: String::new(),
        kind: ItemType::C,
        length: 0,
        level: *level,
        semantic: citizen.then_some(Semantic::CnId18),
        key: true,
        out: false,
    });
    Resource {
        code: ResourceCode::new(&code_of_resource(at)).unwrap(),
        version: 1,
        name: String::new(),
        r#abstract: String::new(),
        provider: PartyIx(0),
        share_type: spec.share,
        provision: ProvisionMode::Docking,
        modes: spec.modes.iter().copied().collect(),
        update_cycle: String::new(),
        items: items.collect(),
        key_sets: (0..spec.items.len()).map(|item| [item].into_iter().collect()).collect(),
        matter_required: spec.matter_required,
        condition: ShareCondition {
            purposes: spec.purposes.as_ref().map(|allowed| allowed.iter().copied().map(PurposeIx).collect()),
            departments: spec.departments.as_ref().map(|allowed| allowed.iter().copied().map(PartyIx).collect()),
            verify_only: spec.verify_only,
            by_subject: spec.by_subject,
            limits: spec.limits,
        },
        legal_basis: Some(String::from("《样例法》第一条")),
        use_requirements: String::new(),
        business_notes: String::new(),
        gate: sluice_domain::Gate::Local,
        note: None,
        as_of: None,
        operations: spec.operations.iter().enumerate().map(|(nth, items)| operation(nth, items)).collect(),
    }
}

/// An operation of its own path that gives out the items and names a person in its path by item 0.
fn operation(nth: usize, items: &[usize]) -> Operation {
    Operation {
        id: OperationId::new(&format!("op-{nth}")).unwrap(),
        method: Method::Get,
        path: PathTemplate::parse(&format!("/op-{nth}/{{id}}")).unwrap(),
        query: Vec::new(),
        request_types: Vec::new(),
        response_types: vec!["application/json".into()],
        items: items.iter().copied().collect(),
        request_subjects: vec![SubjectAt { at: RequestPlace::Path("id".into()), item: 0 }],
        response_subjects: Vec::new(),
        safe: true,
        statuses: Vec::new(),
        bounds: CallBounds { request_bytes_max: 0, response_bytes_max: 1, first_byte_ms: 1, idle_ms: 1, total_ms: 1 },
        sealed: None,
    }
}

fn terms(spec: &GrantSpec) -> GrantTerms {
    GrantTerms {
        id: GrantId::new(&spec.id).unwrap(),
        party: PartyIx(spec.party),
        resource: ResourceIx(spec.resource),
        modes: spec.modes.iter().copied().collect(),
        operations: spec.operations.iter().copied().map(OperationIx).collect(),
        fields: spec.fields.iter().copied().collect(),
        clear_level: spec.clear_level,
        clear_fields: spec.clear_fields.iter().copied().collect(),
        legal_basis: None,
        purposes: spec.purposes.iter().copied().map(PurposeIx).collect(),
        state: spec.state,
        valid_from: day(spec.from),
        valid_until: day(spec.until),
        limits: spec.limits,
        l4_approved: true,
    }
}

impl World {
    pub(crate) fn parts(&self) -> PolicyParts {
        PolicyParts {
            revision: String::from("r1"),
            parties: self.parties.iter().enumerate().map(|(at, suspended)| party(at, *suspended)).collect(),
            systems: (0..).take(self.parties.len()).map(system).collect(),
            purposes: (0..PURPOSES)
                .map(|at| Purpose { code: PurposeCode::new(&code_of_purpose(at)).unwrap(), name: String::new() })
                .collect(),
            resources: self.resources.iter().enumerate().map(|(at, spec)| resource(at, spec)).collect(),
            grants: self.grants.iter().map(terms).collect(),
            default_limits: self.defaults,
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::build(self.parts()).unwrap()
    }
}

impl Call {
    pub(crate) fn admit(&self, policy: &Policy) -> Result<Admission, Refusal> {
        let question = Question {
            caller: Caller { system: SystemIx(self.party), party: PartyIx(self.party) },
            stale: self.stale,
            purpose: self.purpose.as_deref(),
            handler: self.handler.as_deref(),
            matter: self.matter,
            resource: &self.resource,
            mode: self.mode,
            operation: self.operation.map(OperationIx),
            today: day(self.today),
        };
        admit(policy, &question)
    }

    pub(crate) fn asked(&self) -> Asked {
        let fields = self.fields.as_ref().map(|fields| fields.iter().copied().collect::<ItemSet>());
        Asked { key: self.key.iter().copied().collect(), fields }
    }

    pub(crate) fn decide(&self, policy: &Policy) -> Result<Permit, Refusal> {
        authorize(policy, &self.admit(policy)?, &self.asked())
    }
}
