//! Catalogue entries and their versions (D08-3): `draft → submitted → returned | approved → published → superseded`,
//! `withdrawn`. A version that was handed in never changes; what changes is a new version.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::not_shared::ShareTypeOrder;
use super::scope::{Condition, Offer};
use super::{Actor, History, Needed, Occasion, Operation, Refused, given};
use crate::catalogue::{Item, Mode, ProvisionMode, ShareType};
use crate::ids::{OperationId, PartyKey, ResourceCode, UserId};

/// The class digit of base data (基础信息资源), which article 17 lists as unconditional (D17-2).
const BASE_CLASS: char = '1';

/// An entry's contents: the eleven elements of the catalogue guide (D08-2), and what the exchange needs beside them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elements {
    /// Name (信息资源名称).
    pub name: String,
    /// Abstract (信息资源摘要).
    pub r#abstract: String,
    /// 类别: class, item and so on in words.
    pub category: String,
    /// 责任方: the office that answers for it.
    pub responsible: String,
    /// 格式.
    pub format: String,
    /// 属性: the items.
    pub items: Vec<Item>,
    /// 更新周期.
    pub update_cycle: String,
    /// 共享类型.
    pub share_type: ShareType,
    /// 共享方式: how it is provided …
    pub provision: ProvisionMode,
    /// … and used.
    pub modes: BTreeSet<Mode>,
    /// 开放类型.
    pub open_type: String,
    /// 开放方式.
    pub open_mode: String,
    /// 使用要求.
    pub use_requirements: String,
    /// 业务解读.
    pub business_notes: String,
    /// Operations of the mode `call`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub operations: BTreeSet<OperationId>,
    /// Conditions of a conditional resource.
    #[serde(default)]
    pub condition: Condition,
    /// The provision of a not-shared resource (D17-4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
    /// Whether it is a state secret (涉密): refused at once (D03-1).
    #[serde(default)]
    pub secret: bool,
}

impl Elements {
    /// The first of the eleven elements that says nothing.
    pub fn missing(&self) -> Option<&'static str> {
        let texts = [
            ("category", &self.category),
            ("responsible", &self.responsible),
            ("format", &self.format),
            ("update_cycle", &self.update_cycle),
            ("open_type", &self.open_type),
            ("open_mode", &self.open_mode),
            ("use_requirements", &self.use_requirements),
            ("business_notes", &self.business_notes),
            ("name", &self.name),
        ];
        let blank = texts.into_iter().find(|(_, text)| text.trim().is_empty()).map(|(name, _)| name);
        blank.or_else(|| self.items.is_empty().then_some("items")).or_else(|| self.modes.is_empty().then_some("modes"))
    }

    fn check(&self) -> Result<(), Refused> {
        if self.secret {
            return Err(Refused::Secret);
        }
        if let Some(element) = self.missing() {
            return Err(Refused::Missing(Needed::Element(element)));
        }
        if self.share_type == ShareType::NotShared {
            given(self.legal_basis.as_deref().unwrap_or_default(), Needed::LegalBasis)?;
        }
        Ok(())
    }
}

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Being written.
    Draft,
    /// Before the authority.
    Submitted,
    /// Sent back with a reason.
    Returned,
    /// May be published.
    Approved,
    /// In force.
    Published,
    /// A later version is in force.
    Superseded,
    /// Taken back.
    Withdrawn,
}

impl Standing {
    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::Returned => "returned",
            Self::Approved => "approved",
            Self::Published => "published",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// One version of a catalogue entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    code: ResourceCode,
    version: u32,
    provider: PartyKey,
    elements: Elements,
    standing: Standing,
    /// Version and share type of what it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    follows: Option<(u32, ShareType)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    submitted_by: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<ShareTypeOrder>,
    /// The authority confirmed that base data is not unconditional (D17-2).
    base_confirmed: bool,
    /// Why it was returned or withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    history: History,
}

impl Entry {
    /// Drafts the first version of a code, or the one after its latest version, for the actor's party. What was
    /// withdrawn is followed as well, so that a share type is not changed by taking an entry back and writing it anew
    /// (D21-8).
    ///
    /// # Errors
    /// When the actor may not, the data is secret, or the latest version is another code's or still on its way.
    pub fn draft(
        actor: &Actor,
        code: ResourceCode,
        elements: Elements,
        before: Option<&Entry>,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        let provider = before.map_or(&actor.party, |before| &before.provider);
        actor.may(Operation::EntryDraft, provider)?;
        if elements.secret {
            return Err(Refused::Secret);
        }
        let follows = |before: &&Entry| {
            before.code == code && matches!(before.standing, Standing::Published | Standing::Withdrawn)
        };
        if let Some(before) = before.filter(|before| !follows(before)) {
            return Err(Refused::State { operation: Operation::EntryDraft, state: before.standing.as_str() });
        }
        let mut history = History::default();
        history.add(Operation::EntryDraft, actor, occasion.now_s)?;
        Ok(Self {
            code,
            version: before.map_or(1, |before| before.version.saturating_add(1)),
            provider: provider.clone(),
            elements,
            standing: Standing::Draft,
            follows: before.map(|before| (before.version, before.elements.share_type)),
            submitted_by: None,
            order: None,
            base_confirmed: false,
            reason: None,
            history,
        })
    }

    /// Catalogue code.
    pub fn code(&self) -> &ResourceCode {
        &self.code
    }

    /// Version, counted from 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Who provides it.
    pub fn provider(&self) -> &PartyKey {
        &self.provider
    }

    /// Its contents.
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Why it was returned or withdrawn.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The steps taken.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Whether it is base data that article 17 wants unconditional and this entry does not (D17-2).
    pub fn needs_confirmation(&self) -> bool {
        self.code.as_str().starts_with(BASE_CLASS) && self.elements.share_type != ShareType::Unconditional
    }

    /// What it offers to applicants while it is in force.
    pub fn offer(&self) -> Offer {
        Offer {
            resource: self.code.clone(),
            version: self.version,
            provider: self.provider.clone(),
            share_type: self.elements.share_type,
            modes: self.elements.modes.clone(),
            operations: self.elements.operations.clone(),
            items: self.elements.items.iter().map(|item| (item.code.clone(), item.level)).collect::<BTreeMap<_, _>>(),
            condition: self.elements.condition.clone(),
        }
    }

    /// Writes a draft or a returned version anew.
    ///
    /// # Errors
    /// When it was handed in, or the data is secret.
    pub fn rewrite(&self, actor: &Actor, elements: Elements, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let mut next = self.step(Operation::EntryDraft, actor, &[Standing::Draft, Standing::Returned])?;
        if elements.secret {
            return Err(Refused::Secret);
        }
        next.history.add(Operation::EntryDraft, actor, occasion.now_s)?;
        (next.elements, next.standing) = (elements, Standing::Draft);
        Ok(next)
    }

    /// Hands it in. Where a not-shared resource is to become shared, the authority's order goes with it (D21-8).
    ///
    /// # Errors
    /// When it was handed in, an element is missing, a not-shared resource names no provision, or the order is
    /// missing, another's, or the actor may not carry it out.
    pub fn submit(
        &self,
        actor: &Actor,
        order: Option<&ShareTypeOrder>,
        occasion: &Occasion<'_>,
    ) -> Result<Self, Refused> {
        let mut next = self.step(Operation::EntrySubmit, actor, &[Standing::Draft, Standing::Returned])?;
        next.elements.check()?;
        let loosened =
            matches!(self.follows, Some((_, ShareType::NotShared))) && next.elements.share_type != ShareType::NotShared;
        if loosened {
            let fits =
                |order: &&ShareTypeOrder| *order.resource() == next.code && order.to() == next.elements.share_type;
            let order = order.filter(fits).ok_or(Refused::Missing(Needed::Order))?;
            order.check_executor(actor)?;
            next.order = Some(order.clone());
        }
        next.history.add(Operation::EntrySubmit, actor, occasion.now_s)?;
        next.submitted_by = Some(actor.user.clone());
        (next.standing, next.reason) = (Standing::Submitted, None);
        Ok(next)
    }

    /// The authority sends it back with a reason.
    ///
    /// # Errors
    /// When it is not before the authority, or no reason is given.
    pub fn return_with(&self, actor: &Actor, reason: &str, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let mut next = self.step(Operation::EntryReview, actor, &[Standing::Submitted])?;
        next.reason = Some(given(reason, Needed::Reason)?);
        next.history.add(Operation::EntryReview, actor, occasion.now_s)?;
        next.standing = Standing::Returned;
        Ok(next)
    }

    /// The authority approves it (D08-3); for base data that is not unconditional it says so on purpose (D17-2).
    ///
    /// # Errors
    /// When it is not before the authority, the confirmation is missing, or the actor handed it in.
    pub fn approve(&self, actor: &Actor, confirms_base: bool, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let mut next = self.step(Operation::EntryReview, actor, &[Standing::Submitted])?;
        if self.needs_confirmation() && !confirms_base {
            return Err(Refused::Missing(Needed::Confirmation));
        }
        if self.submitted_by.as_ref() == Some(&actor.user) {
            return Err(Refused::SamePerson);
        }
        next.history.add(Operation::EntryReview, actor, occasion.now_s)?;
        next.base_confirmed = self.needs_confirmation();
        next.standing = Standing::Approved;
        Ok(next)
    }

    /// The provider publishes an approved version; the version in force is superseded in the same step.
    ///
    /// # Errors
    /// When it is not approved, or follows another version than the one in force.
    pub fn publish(
        &self,
        actor: &Actor,
        in_force: Option<&Entry>,
        occasion: &Occasion<'_>,
    ) -> Result<(Self, Option<Self>), Refused> {
        let operation = Operation::EntryPublish;
        let mut next = self.step(operation, actor, &[Standing::Approved])?;
        let follows = |entry: &Entry| {
            entry.code == self.code && self.follows.is_some_and(|(version, _)| version == entry.version)
        };
        if !in_force.is_none_or(follows) {
            return Err(Refused::State { operation, state: "behind the version in force" });
        }
        next.history.add(operation, actor, occasion.now_s)?;
        next.standing = Standing::Published;
        let superseded = match in_force {
            None => None,
            Some(entry) => {
                let mut old = entry.step(operation, actor, &[Standing::Published])?;
                old.history.add(operation, actor, occasion.now_s)?;
                old.standing = Standing::Superseded;
                Some(old)
            }
        };
        Ok((next, superseded))
    }

    /// The provider or the authority takes it back.
    ///
    /// # Errors
    /// When it is superseded or withdrawn already, or no reason is given.
    pub fn withdraw(&self, actor: &Actor, reason: &str, occasion: &Occasion<'_>) -> Result<Self, Refused> {
        let open = [Standing::Draft, Standing::Submitted, Standing::Returned, Standing::Approved, Standing::Published];
        let mut next = self.step(Operation::EntryWithdraw, actor, &open)?;
        next.reason = Some(given(reason, Needed::Reason)?);
        next.history.add(Operation::EntryWithdraw, actor, occasion.now_s)?;
        next.standing = Standing::Withdrawn;
        Ok(next)
    }

    fn step(&self, operation: Operation, actor: &Actor, from: &[Standing]) -> Result<Self, Refused> {
        actor.may(operation, &self.provider)?;
        if from.contains(&self.standing) {
            Ok(self.clone())
        } else {
            Err(Refused::State { operation, state: self.standing.as_str() })
        }
    }
}
