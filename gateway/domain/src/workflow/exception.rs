//! A grant on a not-shared resource because a statute says so (X05): proposed by the provider with the provision and
//! the document, countersigned by the authority. Anything else on a not-shared resource stays refused (D17-4).

use serde::{Deserialize, Serialize};

use super::grant::{Basis, Warrant};
use super::scope::{Offer, Scope};
use super::{Actor, Event, History, Needed, Occasion, Operation, Refused, given};
use crate::catalogue::ShareType;
use crate::ids::{GrantId, PartyKey, ResourceCode};

/// What the provider proposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The id its grant will have.
    pub grant: GrantId,
    /// Who may use it.
    pub consumer: PartyKey,
    /// What it covers.
    pub scope: Scope,
    /// The provision of a law.
    pub legal_basis: String,
    /// Number of the document.
    pub document_no: String,
}

/// A proposed or countersigned exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    proposal: Proposal,
    provider: PartyKey,
    resource: ResourceCode,
    proposed: Event,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    countersigned: Option<Event>,
    history: History,
}

impl Exception {
    /// The provider proposes it.
    ///
    /// # Errors
    /// When the actor may not, the resource is shared, more is proposed than it holds, or the provision or the document
    /// number is missing.
    pub fn propose(actor: &Actor, proposal: Proposal, offer: &Offer, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        actor.may(Operation::ExceptionPropose, &offer.provider)?;
        if offer.share_type != ShareType::NotShared {
            return Err(Refused::ShareType(offer.share_type.as_str()));
        }
        proposal.scope.check(offer)?;
        let legal_basis = given(&proposal.legal_basis, Needed::LegalBasis)?;
        let document_no = given(&proposal.document_no, Needed::DocumentNo)?;
        let mut history = History::default();
        let proposed = history.add(Operation::ExceptionPropose, actor, occasion.now_s)?;
        Ok(Self {
            proposal: Proposal { legal_basis, document_no, ..proposal },
            provider: offer.provider.clone(),
            resource: offer.resource.clone(),
            proposed,
            countersigned: None,
            history,
        })
    }

    /// The authority countersigns: another person of another party than the provider's.
    ///
    /// # Errors
    /// When the actor may not, belongs to the provider, or it is countersigned already.
    pub fn countersign(&self, actor: &Actor, occasion: &Occasion<'_>) -> Result<(Self, Warrant), Refused> {
        actor.may(Operation::ExceptionCountersign, &self.provider)?;
        if self.countersigned.is_some() {
            return Err(Refused::State { operation: Operation::ExceptionCountersign, state: "countersigned" });
        }
        if actor.party == self.provider {
            return Err(Refused::SameParty);
        }
        let mut next = self.clone();
        let countersigned = next.history.add(Operation::ExceptionCountersign, actor, occasion.now_s)?;
        next.countersigned = Some(countersigned.clone());
        let basis = Basis::StatutoryException {
            legal_basis: self.proposal.legal_basis.clone(),
            document_no: self.proposal.document_no.clone(),
            proposed: self.proposed.clone(),
            countersigned,
        };
        let warrant = Warrant::excepted(&next, basis);
        Ok((next, warrant))
    }

    /// Whether the authority has countersigned it.
    pub fn is_countersigned(&self) -> bool {
        self.countersigned.is_some()
    }

    /// Id of its grant, which exists once it is countersigned.
    pub fn grant(&self) -> &GrantId {
        &self.proposal.grant
    }

    /// Who may use it.
    pub fn consumer(&self) -> &PartyKey {
        &self.proposal.consumer
    }

    /// Who provides.
    pub fn provider(&self) -> &PartyKey {
        &self.provider
    }

    /// The resource.
    pub fn resource(&self) -> &ResourceCode {
        &self.resource
    }

    /// What it covers.
    pub fn scope(&self) -> &Scope {
        &self.proposal.scope
    }
}
