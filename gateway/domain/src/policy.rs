//! The policy snapshot: everything that decides a call, compiled once, never changed.
//!
//! A call reads one snapshot from its first check to its last (law 3). Building checks that the
//! parts fit together, so that decisions need no error path for a broken catalogue.

mod build;

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::RandomState;

use crate::catalogue::Resource;
use crate::grant::{Grant, Limits};
use crate::ids::PurposeCode;
use crate::items::ItemSet;
use crate::party::{HandlerState, Party, System};

pub use build::{GrantTerms, PolicyError, PolicyParts};

type Map<K, V> = HashMap<K, V, RandomState>;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// Position in its list.
            pub fn at(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// A party of one snapshot.
    PartyIx
);
index!(
    /// A system of one snapshot.
    SystemIx
);
index!(
    /// A resource of one snapshot.
    ResourceIx
);
index!(
    /// A purpose of one snapshot.
    PurposeIx
);
index!(
    /// A grant of one snapshot.
    GrantIx
);

/// A purpose of the exchange's list.
#[derive(Debug, Clone)]
pub struct Purpose {
    /// ASCII code, as `Exchange-Purpose` carries it.
    pub code: PurposeCode,
    /// Name.
    pub name: String,
}

/// The compiled snapshot. Immutable; shared by reference.
pub struct Policy {
    revision: String,
    parties: Vec<Party>,
    handlers: Vec<Map<Box<str>, HandlerState>>,
    systems: Vec<System>,
    by_fingerprint: Map<[u8; 32], SystemIx>,
    purposes: Vec<Purpose>,
    by_purpose: Map<Box<str>, PurposeIx>,
    resources: Vec<Resource>,
    by_code: Map<Box<str>, ResourceIx>,
    open_clear: Vec<ItemSet>,
    grants: Vec<Grant>,
    by_party_resource: Map<(PartyIx, ResourceIx), Vec<GrantIx>>,
    default_limits: Limits,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("revision", &self.revision)
            .field("parties", &self.parties.len())
            .field("resources", &self.resources.len())
            .field("grants", &self.grants.len())
            .finish_non_exhaustive()
    }
}

impl Policy {
    /// Names this state of the rules.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Registered parties.
    pub fn parties(&self) -> &[Party] {
        &self.parties
    }

    /// Registered systems.
    pub fn systems(&self) -> &[System] {
        &self.systems
    }

    /// The exchange's purposes.
    pub fn purposes(&self) -> &[Purpose] {
        &self.purposes
    }

    /// Catalogue entries, in the order of the catalogue.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// Grants in id order.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The system that a client certificate stands for.
    pub fn system_by_fingerprint(&self, fingerprint: &[u8; 32]) -> Option<SystemIx> {
        self.by_fingerprint.get(fingerprint).copied()
    }

    /// A resource by its catalogue code.
    pub fn resource_by_code(&self, code: &str) -> Option<ResourceIx> {
        self.by_code.get(code).copied()
    }

    /// A purpose by its code.
    pub fn purpose_by_code(&self, code: &str) -> Option<PurposeIx> {
        self.by_purpose.get(code).copied()
    }

    /// State of a party's handler.
    pub fn handler_state(&self, party: PartyIx, handler: &str) -> Option<HandlerState> {
        self.handlers.get(party.at())?.get(handler).copied()
    }

    /// Grants of a party on a resource, lowest id first.
    pub fn grants_of(&self, party: PartyIx, resource: ResourceIx) -> impl Iterator<Item = (GrantIx, &Grant)> {
        let listed = self.by_party_resource.get(&(party, resource)).map_or(&[][..], Vec::as_slice);
        listed.iter().filter_map(|ix| Some((*ix, self.grants.get(ix.at())?)))
    }

    /// Items of an unconditional resource that are clear: levels L1 and L2.
    pub fn open_clear(&self, resource: ResourceIx) -> ItemSet {
        self.open_clear.get(resource.at()).copied().unwrap_or_default()
    }

    /// Limits where a grant sets none.
    pub fn default_limits(&self) -> Limits {
        self.default_limits
    }

    /// A party of this snapshot. An index of another snapshot may give `None`.
    pub fn party(&self, ix: PartyIx) -> Option<&Party> {
        self.parties.get(ix.at())
    }

    /// A system of this snapshot.
    pub fn system(&self, ix: SystemIx) -> Option<&System> {
        self.systems.get(ix.at())
    }

    /// A resource of this snapshot.
    pub fn resource(&self, ix: ResourceIx) -> Option<&Resource> {
        self.resources.get(ix.at())
    }

    /// A purpose of this snapshot.
    pub fn purpose(&self, ix: PurposeIx) -> Option<&Purpose> {
        self.purposes.get(ix.at())
    }

    /// A grant of this snapshot.
    pub fn grant(&self, ix: GrantIx) -> Option<&Grant> {
        self.grants.get(ix.at())
    }
}
