//! The written form of a catalogue file: what an administrator types and what the exchange writes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sluice_contract::spec::RestSpec;
use sluice_domain::catalogue::{Gate, ItemType, Level, Mode, ProvisionMode, Semantic, ShareType};
use sluice_domain::grant::{GrantState, Limits};
use sluice_domain::party::{HandlerState, PartyState};

use crate::catalogue::operations::{FilesEntry, OperationEntry};

/// The tables of a catalogue file. Several files are merged; any table may stand in any file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogueFile {
    /// `[[parties]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parties: Vec<PartyEntry>,
    /// `[[systems]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<SystemEntry>,
    /// `[[purposes]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<PurposeEntry>,
    /// `[[resources]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceEntry>,
    /// `[[grants]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantEntry>,
    /// `[[rest]]`: bindings to departmental systems by HTTP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<RestSpec>,
}

impl CatalogueFile {
    /// Names of the tables.
    pub(crate) const TABLES: [&'static str; 6] = ["parties", "systems", "purposes", "resources", "grants", "rest"];

    /// The text of a catalogue file that reads back as this value.
    ///
    /// # Errors
    /// When a value has no form in TOML, which the types of this crate rule out.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The same in JSON.
    ///
    /// # Errors
    /// When a value has no form in JSON, which the types of this crate rule out.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// A party with its handlers (D02-1, X03).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyEntry {
    /// Short key, such as `mz`.
    pub key: String,
    /// 统一社会信用代码.
    pub uscc: String,
    /// Full name.
    pub name: String,
    /// Kind, such as 行政机关.
    pub kind: String,
    /// Default active.
    #[serde(default)]
    pub state: PartyState,
    /// Registered people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handlers: Vec<HandlerEntry>,
}

/// A registered person of a party.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandlerEntry {
    /// Id within the party; never a citizen's id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Post, such as 经办.
    #[serde(default)]
    pub post: String,
    /// Default active.
    #[serde(default)]
    pub state: HandlerState,
}

/// A registered system: what a client certificate stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemEntry {
    /// Id, such as `mz.main`.
    pub id: String,
    /// Key of its party.
    pub party: String,
    /// PEM files of its client certificates; two at once while renewing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<PathBuf>,
    /// SHA-256 of further certificates (DER) in hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<String>,
}

/// A purpose of the exchange's list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurposeEntry {
    /// ASCII code.
    pub code: String,
    /// Name.
    pub name: String,
}

/// A published catalogue entry (发改高技〔2017〕1272号; D08-2, D17-1, D19-1, D20).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceEntry {
    /// 信息资源代码, such as `101001001/000001`.
    pub code: String,
    /// Version of the entry. Default 1.
    #[serde(default = "first_version")]
    pub version: u32,
    /// Name.
    pub name: String,
    /// Abstract (信息资源摘要).
    #[serde(default)]
    pub r#abstract: String,
    /// Key of the providing party.
    pub provider: String,
    /// Share type.
    pub share_type: ShareType,
    /// How the provider supplies it. Default docking (D19-2).
    #[serde(default = "docking")]
    pub provision: ProvisionMode,
    /// Modes offered.
    #[serde(default)]
    pub modes: Vec<Mode>,
    /// Update cycle (更新周期), as the catalogue words it.
    pub update_cycle: String,
    /// Whether calls must name a case number.
    #[serde(default)]
    pub matter_required: bool,
    /// What an answer waits for beside its own disk. Default `local`; `local+witness` needs witnesses of the ledger.
    #[serde(default, skip_serializing_if = "is_local")]
    pub gate: Gate,
    /// Sets of key items by which a subject or a filter may be given.
    #[serde(default)]
    pub key_sets: Vec<Vec<String>>,
    /// Statute of a not-shared resource (D17-4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
    /// Use requirements (使用要求).
    #[serde(default)]
    pub use_requirements: String,
    /// Interpretation (业务解读).
    #[serde(default)]
    pub business_notes: String,
    /// What to say beside the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Date of a local copy's data (D19-4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// Must be false: state secrets are never shared here (D03-1).
    #[serde(default)]
    pub secret: bool,
    /// Format (信息资源格式).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Whether it is open to the public (开放类型).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_type: Option<String>,
    /// How it is open to the public (开放方式).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_method: Option<String>,
    /// Day of publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Conditions of a conditional resource (D17-3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ConditionEntry>,
    /// The authority's confirmation that base data is not unconditional (D17-2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<ConfirmationEntry>,
    /// Items in catalogue order.
    pub items: Vec<ItemEntry>,
    /// Operations of the provider's system that the mode `call` reaches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationEntry>,
    /// Sealed files, reached in the mode `call` as the operation `files`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<FilesEntry>,
}

/// The usual gate is left out where entries are written.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_local(gate: &Gate) -> bool {
    *gate == Gate::Local
}

fn first_version() -> u32 {
    1
}

fn docking() -> ProvisionMode {
    ProvisionMode::Docking
}

/// A data item (信息项).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemEntry {
    /// Code, unique in the resource.
    pub code: String,
    /// Name.
    pub name: String,
    /// Data type, one letter.
    pub r#type: ItemType,
    /// Longest value in characters. Default 0: not bounded.
    #[serde(default)]
    pub length: u32,
    /// Sensitivity.
    pub level: Level,
    /// Meaning of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semantic: Option<Semantic>,
    /// Whether it can stand in a key set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key: bool,
    /// An answer code that the provider makes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub out: bool,
}

/// Which records a caller may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowScope {
    /// Only those of a person whose citizen id is given.
    BySubject,
}

/// Conditions that a provider set (D17-3).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConditionEntry {
    /// Purposes it may be granted for; absent is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purposes: Option<Vec<String>>,
    /// Parties it may be granted to; absent is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub departments: Option<Vec<String>>,
    /// Only verification may be granted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub verify_only: bool,
    /// Which records may be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_scope: Option<RowScope>,
    /// Records of one answer and its whole chain of cursors; also written `max_rows`.
    #[serde(alias = "max_rows", skip_serializing_if = "Option::is_none")]
    pub rows_per_call: Option<u32>,
    /// Calls in a day of Asia/Shanghai.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u32>,
    /// Calls in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
}

/// An authority's confirmation of a share type (D17-2).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmationEntry {
    /// The authority.
    pub by: String,
    /// Number of its document.
    pub document: String,
    /// Its reason.
    pub why: String,
}

/// A grant (D21-4).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantEntry {
    /// Id, such as `G-0001`; the lowest that covers a call is used.
    pub id: String,
    /// Key of the party that was granted.
    pub party: String,
    /// Code of the resource.
    pub resource: String,
    /// Modes granted.
    pub modes: Vec<Mode>,
    /// Operations that the mode `call` names; `files` for sealed files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
    /// Items granted.
    pub fields: Vec<String>,
    /// Highest level shown in clear without being named. Default L2.
    #[serde(default = "low_sensitivity")]
    pub clear_level: Level,
    /// Items named to be shown in clear (X01).
    #[serde(default)]
    pub clear_fields: Vec<String>,
    /// The law that the grant rests on, at most 256 bytes; recorded with every call by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<String>,
    /// Purposes granted.
    pub purposes: Vec<String>,
    /// Standing. Default active.
    #[serde(default = "active")]
    pub state: GrantState,
    /// First day of validity.
    pub valid_from: String,
    /// Last day of validity.
    pub valid_until: String,
    /// Second approver of clear L4 items (X01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_approver: Option<String>,
    /// Number of the impact assessment behind clear L4 items (X01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact_assessment: Option<String>,
    /// Limits.
    #[serde(default)]
    pub limits: Limits,
}

fn low_sensitivity() -> Level {
    Level::L2
}

fn active() -> GrantState {
    GrantState::Active
}
