//! A not-shared resource that is really needed (D21-7): asked of the authority, which has it argued and decides; if it
//! can be shared, the provider changes the share type on the authority's order and not without (D21-8): two persons of
//! two parties.

use serde::{Deserialize, Serialize};

use super::dispute::{Opinion, View};
use super::{Actor, Event, History, Needed, Occasion, Operation, Refused, given};
use crate::catalogue::ShareType;
use crate::deadline::{Clock, Measured};
use crate::ids::{PartyKey, RecordId, ResourceCode};
use crate::workflow::scope::Offer;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Received by the authority.
    Submitted,
    /// Being argued (论证).
    Deliberating,
    /// It can be shared: the provider has its order.
    Ordered,
    /// It cannot.
    Refused,
}

impl Standing {
    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Deliberating => "deliberating",
            Self::Ordered => "ordered",
            Self::Refused => "refused",
        }
    }
}

/// A request for a not-shared resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotSharedRequest {
    id: RecordId,
    resource: ResourceCode,
    provider: PartyKey,
    consumer: PartyKey,
    legal_basis: String,
    statement: String,
    standing: Standing,
    opinions: Vec<Opinion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    clock: Clock,
    history: History,
}

/// The authority's order to change a share type. Its fields are private: only a decision makes one, and
/// [`super::entry`] asks for it where a not-shared entry is to become shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareTypeOrder {
    request: RecordId,
    resource: ResourceCode,
    provider: PartyKey,
    to: ShareType,
    document_no: String,
    ordered: Event,
}

impl NotSharedRequest {
    /// Asks the authority.
    ///
    /// # Errors
    /// When the actor may not, the resource is shared already, or the provision or the need is not stated.
    pub fn submit(
        actor: &Actor,
        id: RecordId,
        (legal_basis, statement): (&str, &str),
        offer: &Offer,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        actor.may(Operation::NotSharedAsk, &actor.party)?;
        if offer.share_type != ShareType::NotShared {
            return Err(Refused::ShareType(offer.share_type.as_str()));
        }
        let profile = occasion.newest_profile()?;
        let mut history = History::default();
        history.add(Operation::NotSharedAsk, actor, occasion.now_s)?;
        Ok(Self {
            id,
            resource: offer.resource.clone(),
            provider: offer.provider.clone(),
            consumer: actor.party.clone(),
            legal_basis: given(legal_basis, Needed::LegalBasis)?,
            statement: given(statement, Needed::Grounds)?,
            standing: Standing::Submitted,
            opinions: Vec::new(),
            reason: None,
            clock: Clock::start(profile, Measured::Deliberation, occasion.today(), occasion.calendar)?,
            history,
        })
    }

    /// Id.
    pub fn id(&self) -> &RecordId {
        &self.id
    }

    /// The resource.
    pub fn resource(&self) -> &ResourceCode {
        &self.resource
    }

    /// Who asks.
    pub fn consumer(&self) -> &PartyKey {
        &self.consumer
    }

    /// Whose resource it is.
    pub fn provider(&self) -> &PartyKey {
        &self.provider
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The clock of the deliberation.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What departments have said.
    pub fn opinions(&self) -> &[Opinion] {
        &self.opinions
    }

    /// Why it was refused.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The authority opens the deliberation.
    ///
    /// # Errors
    /// When the actor may not, or it was opened already.
    pub fn deliberate(&self, actor: &Actor, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let mut next = self.step(Operation::NotSharedDecide, actor, Standing::Submitted)?;
        next.history.add(Operation::NotSharedDecide, actor, occasion.now_s)?;
        next.standing = Standing::Deliberating;
        Ok(next)
    }

    /// A department states its view; any department may be heard.
    ///
    /// # Errors
    /// When the actor may not, says nothing, or there is no deliberation.
    pub fn state_view(&self, actor: &Actor, view: View, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        actor.may(Operation::NotSharedState, &actor.party)?;
        let mut next = self.standing_at(Operation::NotSharedState, Standing::Deliberating)?;
        let text = given(&view.text, Needed::Opinion)?;
        let by = next.history.add(Operation::NotSharedState, actor, occasion.now_s)?;
        next.opinions.push(Opinion { by, view: View { text, ..view } });
        Ok(next)
    }

    /// The authority decides that it can be shared, and how.
    ///
    /// # Errors
    /// When the actor may not or belongs to the provider, nobody was heard, the document number is missing, or the
    /// order is for no share type.
    pub fn order(
        &self,
        actor: &Actor,
        to: ShareType,
        document_no: &str,
        occasion: &Occasion<'_>,
    ) -> Result<(Self, ShareTypeOrder), Refused> {
        let mut next = self.step(Operation::NotSharedDecide, actor, Standing::Deliberating)?;
        if actor.party == self.provider {
            return Err(Refused::SameParty);
        }
        if next.opinions.is_empty() {
            return Err(Refused::Missing(Needed::Opinion));
        }
        if to == ShareType::NotShared {
            return Err(Refused::ShareType(to.as_str()));
        }
        let document_no = given(document_no, Needed::DocumentNo)?;
        let ordered = next.history.add(Operation::NotSharedDecide, actor, occasion.now_s)?;
        next.standing = Standing::Ordered;
        let (request, resource, provider) = (self.id.clone(), self.resource.clone(), self.provider.clone());
        Ok((next, ShareTypeOrder { request, resource, provider, to, document_no, ordered }))
    }

    /// The authority decides that it cannot be shared.
    ///
    /// # Errors
    /// When the actor may not, nobody was heard, or no reason is given.
    pub fn refuse(&self, actor: &Actor, reason: &str, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let mut next = self.step(Operation::NotSharedDecide, actor, Standing::Deliberating)?;
        if next.opinions.is_empty() {
            return Err(Refused::Missing(Needed::Opinion));
        }
        next.reason = Some(given(reason, Needed::Reason)?);
        next.history.add(Operation::NotSharedDecide, actor, occasion.now_s)?;
        next.standing = Standing::Refused;
        Ok(next)
    }

    fn step(&self, operation: Operation, actor: &Actor, at: Standing) -> Result<Self, Refused> {
        actor.may(operation, &self.provider)?;
        self.standing_at(operation, at)
    }

    fn standing_at(&self, operation: Operation, at: Standing) -> Result<Self, Refused> {
        if self.standing == at {
            Ok(self.clone())
        } else {
            Err(Refused::State { operation, state: self.standing.as_str() })
        }
    }
}

impl ShareTypeOrder {
    /// The resource it is for.
    pub fn resource(&self) -> &ResourceCode {
        &self.resource
    }

    /// The share type it orders.
    pub fn to(&self) -> ShareType {
        self.to
    }

    /// Number of the decision.
    pub fn document_no(&self) -> &str {
        &self.document_no
    }

    /// Who decided and when.
    pub fn ordered(&self) -> &Event {
        &self.ordered
    }

    /// Whether the actor may carry it out: a person of the provider, and not the one who ordered.
    ///
    /// # Errors
    /// When it is another party's, or the same person's or party's as the order.
    pub fn check_executor(&self, actor: &Actor) -> Result<(), Refused> {
        actor.may(Operation::ShareTypeExecute, &self.provider)?;
        if actor.user == self.ordered.user {
            return Err(Refused::SamePerson);
        }
        if actor.party == self.ordered.party {
            return Err(Refused::SameParty);
        }
        Ok(())
    }
}
