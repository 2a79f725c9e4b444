//! The records of the workflows. The consumer's side is `party`, the provider's `peer`, so that each side finds its
//! own in one index.

use sluice_domain::grant::GrantState;
use sluice_domain::workflow::{Application, Correction, Entry, Exception, IssuedGrant, NotSharedRequest};

use crate::record::{Keys, Record};

impl Record for Application {
    const NOUN: &'static str = "application";

    fn keys(&self) -> Keys<'_> {
        Keys {
            id: self.id().to_string(),
            party: Some(self.consumer()),
            peer: Some(self.provider()),
            state: self.state(),
            due: self.clock().map(|clock| clock.due().day),
            claims: vec![format!("grant {}", self.grant())],
        }
    }
}

impl Record for IssuedGrant {
    const NOUN: &'static str = "grant";

    fn keys(&self) -> Keys<'_> {
        let state = match self.state() {
            GrantState::Active => "active",
            GrantState::Suspended => "suspended",
            GrantState::Revoked => "revoked",
            GrantState::Expired => "expired",
        };
        Keys {
            id: self.id().to_string(),
            party: Some(self.consumer()),
            peer: Some(self.provider()),
            state,
            due: Some(self.scope().valid_until),
            claims: Vec::new(),
        }
    }
}

impl Record for Entry {
    const NOUN: &'static str = "resource";

    /// One record for each version, and one version in force (D08-3).
    fn keys(&self) -> Keys<'_> {
        let state = self.standing().as_str();
        let in_force = (state == "published").then(|| format!("{} in force", self.code()));
        Keys {
            id: format!("{}@{}", self.code(), self.version()),
            party: Some(self.provider()),
            peer: None,
            state,
            due: None,
            claims: in_force.into_iter().collect(),
        }
    }
}

impl Record for NotSharedRequest {
    const NOUN: &'static str = "not_shared_request";

    fn keys(&self) -> Keys<'_> {
        Keys {
            id: self.id().to_string(),
            party: Some(self.consumer()),
            peer: Some(self.provider()),
            state: self.standing().as_str(),
            due: Some(self.clock().due().day),
            claims: Vec::new(),
        }
    }
}

impl Record for Exception {
    const NOUN: &'static str = "statutory_exception";

    fn keys(&self) -> Keys<'_> {
        Keys {
            id: self.grant().to_string(),
            party: Some(self.consumer()),
            peer: Some(self.provider()),
            state: if self.is_countersigned() { "countersigned" } else { "proposed" },
            due: None,
            claims: Vec::new(),
        }
    }
}

impl Record for Correction {
    const NOUN: &'static str = "correction";

    fn keys(&self) -> Keys<'_> {
        Keys {
            id: self.id().to_string(),
            party: Some(self.raised_by()),
            peer: Some(&self.doubt().provider),
            state: self.standing().as_str(),
            due: Some(self.clock().due().day),
            claims: Vec::new(),
        }
    }
}
