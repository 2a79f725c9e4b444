//! Catalogue entries: what a resource is, who provides it, how it is shared and which items it has
//! (D08-2, D17-1, D19-1, D20).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::grant::Limits;
use crate::ids::{ItemCode, ResourceCode};
use crate::items::ItemSet;
use crate::operation::Operation;
use crate::policy::{PartyIx, PurposeIx};

/// Share type of a resource (D17-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareType {
    /// 无条件共享.
    Unconditional,
    /// 有条件共享: only with a grant.
    Conditional,
    /// 不予共享: always refused, with the legal basis (D17-4).
    NotShared,
}

impl ShareType {
    /// All, in the regulation's order.
    pub const ALL: [Self; 3] = [Self::Unconditional, Self::Conditional, Self::NotShared];

    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unconditional => "unconditional",
            Self::Conditional => "conditional",
            Self::NotShared => "not_shared",
        }
    }
}

/// How a department uses a resource (D20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// 验证服务: compare, never reveal.
    Verify,
    /// 查询服务.
    Query,
    /// 数据推送.
    Push,
    /// A declared operation of a docked system.
    Call,
}

impl Mode {
    /// All.
    pub const ALL: [Self; 4] = [Self::Verify, Self::Query, Self::Push, Self::Call];

    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Query => "query",
            Self::Push => "push",
            Self::Call => "call",
        }
    }
}

/// A set of modes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes(u8);

impl Modes {
    /// Whether the mode is in the set.
    pub fn contains(self, mode: Mode) -> bool {
        self.0 & (1 << mode as u8) != 0
    }

    /// Modes in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The modes in their fixed order.
    pub fn iter(self) -> impl Iterator<Item = Mode> {
        Mode::ALL.into_iter().filter(move |mode| self.contains(*mode))
    }
}

impl FromIterator<Mode> for Modes {
    fn from_iter<I: IntoIterator<Item = Mode>>(modes: I) -> Self {
        Self(modes.into_iter().fold(0, |bits, mode| bits | (1 << mode as u8)))
    }
}

impl fmt::Debug for Modes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Sensitivity level of an item: L1 不敏感 … L4 敏感 (DB33/T 2351-2021).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the four levels are explained at the type")]
pub enum Level {
    L1,
    L2,
    L3,
    L4,
}

impl Level {
    /// `L1` … `L4`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
            Self::L4 => "L4",
        }
    }

    /// 1–4, as the access record stores it.
    pub fn grade(self) -> u8 {
        self as u8 + 1
    }
}

/// Data type of an item (发改高技〔2017〕1272号: C N Y D T L M G B I F).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ItemType {
    /// 字符.
    C,
    /// 数值.
    N,
    /// 货币.
    Y,
    /// 日期.
    D,
    /// 日期时间.
    T,
    /// 逻辑.
    L,
    /// 备注.
    M,
    /// 通用 (file references).
    G,
    /// 双精度.
    B,
    /// 整型.
    I,
    /// 浮点.
    F,
}

impl ItemType {
    /// The letter of the standard.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::C => "C",
            Self::N => "N",
            Self::Y => "Y",
            Self::D => "D",
            Self::T => "T",
            Self::L => "L",
            Self::M => "M",
            Self::G => "G",
            Self::B => "B",
            Self::I => "I",
            Self::F => "F",
        }
    }

    /// Whether values are JSON numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Self::N | Self::Y | Self::B | Self::I | Self::F)
    }

    /// Whether values are JSON booleans.
    pub fn is_boolean(self) -> bool {
        matches!(self, Self::L)
    }
}

/// What an item's value means: decides its mask, its check digits and whether it names a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Semantic {
    /// 姓名.
    PersonName,
    /// 公民身份号码, GB 11643.
    CnId18,
    /// 统一社会信用代码, GB 32100.
    Uscc,
    /// 手机.
    Mobile,
    /// 座机.
    Landline,
    /// 银行卡号.
    BankCard,
    /// 地址.
    Address,
    /// 出生日期.
    BirthDate,
    /// 车牌.
    Plate,
    /// 邮箱.
    Email,
    /// 金额.
    Money,
    /// 证件号码 other than the citizen id.
    CertificateNumber,
    /// 匹配度代码 of a provider's comparison.
    MatchCode,
    /// A sealed file (GB/T 38540, GB/T 33190).
    SealedFile,
}

/// How the provider supplies the resource (D19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProvisionMode {
    /// 系统对接.
    Docking,
    /// 数据下发接口 of a superior authority.
    Issuance,
    /// 电子表单.
    Form,
}

impl ProvisionMode {
    /// Stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docking => "docking",
            Self::Issuance => "issuance",
            Self::Form => "form",
        }
    }
}

/// A data item (信息项).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Code, unique in the resource.
    pub code: ItemCode,
    /// Name.
    pub name: String,
    /// Data type.
    #[serde(rename = "type")]
    pub kind: ItemType,
    /// Longest value in characters; 0 where the catalogue gives none.
    #[serde(default)]
    pub length: u32,
    /// Sensitivity.
    pub level: Level,
    /// Meaning of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semantic: Option<Semantic>,
    /// Whether it can stand in a key set.
    #[serde(default)]
    pub key: bool,
    /// An answer code that the provider makes (匹配度代码): never claimed.
    #[serde(default)]
    pub out: bool,
}

/// Conditions a provider set for a conditional resource (D17-3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareCondition {
    /// Purposes it may be granted for; `None` is any.
    pub purposes: Option<Vec<PurposeIx>>,
    /// Parties it may be granted to; `None` is any.
    pub departments: Option<Vec<PartyIx>>,
    /// Only verification may be granted.
    pub verify_only: bool,
    /// The subject's citizen id is mandatory in the key.
    pub by_subject: bool,
    /// Limits that no grant exceeds.
    pub limits: Limits,
}

/// What the record of an access must have reached before the access is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gate {
    /// The disk of this gateway.
    #[default]
    #[serde(rename = "local")]
    Local,
    /// That, and a checkpoint over it that a quorum of witnesses cosigned: for data of the highest grade.
    #[serde(rename = "local+witness")]
    Witness,
}

/// A published catalogue entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Catalogue code.
    pub code: ResourceCode,
    /// Version of the entry.
    pub version: u32,
    /// Name.
    pub name: String,
    /// Abstract (信息资源摘要).
    pub r#abstract: String,
    /// Who provides it.
    pub provider: PartyIx,
    /// Share type.
    pub share_type: ShareType,
    /// How the provider supplies it.
    pub provision: ProvisionMode,
    /// Modes offered.
    pub modes: Modes,
    /// Update cycle, as the catalogue words it.
    pub update_cycle: String,
    /// Items in catalogue order.
    pub items: Vec<Item>,
    /// Sets of key items by which a subject or a filter may be given.
    pub key_sets: Vec<ItemSet>,
    /// Whether calls must name a case number.
    pub matter_required: bool,
    /// What an answer waits for beside its own disk.
    pub gate: Gate,
    /// Conditions of a conditional resource.
    pub condition: ShareCondition,
    /// Statute of a not-shared resource (D17-4).
    pub legal_basis: Option<String>,
    /// Use requirements (使用要求).
    pub use_requirements: String,
    /// Interpretation (业务解读).
    pub business_notes: String,
    /// What to say beside the entry, such as an interim way of supply.
    pub note: Option<String>,
    /// Date of a local copy's data, where one stands in (D19-4).
    pub as_of: Option<String>,
    /// What may be called of the provider's system in the mode `call`, its sealed files included.
    pub operations: Vec<Operation>,
}

impl Resource {
    /// Position and entry of an item by its code.
    pub fn item(&self, code: &str) -> Option<(usize, &Item)> {
        self.items.iter().enumerate().find(|(_, item)| item.code.as_str() == code)
    }

    /// The items of a set, in item order.
    pub fn items_of<'a>(&'a self, set: &'a ItemSet) -> impl Iterator<Item = (usize, &'a Item)> {
        self.items.iter().enumerate().filter(|(at, _)| set.contains(*at))
    }

    /// Codes of a set joined by `, `, for texts.
    pub fn codes_of(&self, set: &ItemSet) -> String {
        self.items_of(set).map(|(_, item)| item.code.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Highest level in a set; L1 when it is empty.
    pub fn highest_level(&self, set: &ItemSet) -> Level {
        self.items_of(set).map(|(_, item)| item.level).max().unwrap_or(Level::L1)
    }
}
