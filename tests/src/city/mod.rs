//! A city as the fixtures describe one: read from the embedded copies, or made up anew so that
//! nothing can be hard-wired to the sample.

mod fixtures;
mod random;
pub mod small;

use std::collections::BTreeMap;

pub use fixtures::written_record;

/// A department.
#[derive(Debug, Clone)]
pub struct Party {
    /// Key.
    pub key: String,
    /// 统一社会信用代码.
    pub uscc: String,
    /// Whether the exchange has suspended it.
    pub suspended: bool,
    /// Its handlers, and whether each is active.
    pub handlers: Vec<(String, bool)>,
}

/// A data item.
#[derive(Debug, Clone)]
pub struct Item {
    /// Code.
    pub code: String,
    /// Type, one letter.
    pub kind: String,
    /// Longest value, 0 for any.
    pub length: u64,
    /// 1–4.
    pub level: u8,
    /// Meaning.
    pub semantic: Option<String>,
    /// Whether it may stand in a key set.
    pub key: bool,
    /// Whether the provider makes it when it compares.
    pub out: bool,
}

/// A catalogue entry.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Catalogue code.
    pub code: String,
    /// Key of the provider.
    pub provider: String,
    /// `unconditional`, `conditional`, `not_shared`.
    pub share: &'static str,
    /// Modes offered.
    pub modes: Vec<&'static str>,
    /// Items in order.
    pub items: Vec<Item>,
    /// Sets of key items.
    pub key_sets: Vec<Vec<String>>,
    /// Whether a case number is mandatory.
    pub matter: bool,
    /// Purposes that may be granted; `None` for any.
    pub purposes: Option<Vec<String>>,
    /// Parties that may be granted; `None` for any.
    pub departments: Option<Vec<String>>,
    /// Only verification may be granted.
    pub verify_only: bool,
    /// Only by citizen id.
    pub by_subject: bool,
    /// Records of a chain.
    pub rows: Option<u32>,
    /// Calls in a day.
    pub per_day: Option<u32>,
    /// Calls in a second.
    pub per_second: Option<u32>,
    /// Statute of a not-shared resource.
    pub legal_basis: Option<String>,
    /// Date of the data.
    pub as_of: Option<String>,
}

/// A grant.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Id.
    pub id: String,
    /// Party key.
    pub party: String,
    /// Catalogue code.
    pub resource: String,
    /// Modes.
    pub modes: Vec<&'static str>,
    /// Items.
    pub fields: Vec<String>,
    /// 1–3.
    pub clear_level: u8,
    /// Items clear by name.
    pub clear_fields: Vec<String>,
    /// Purposes.
    pub purposes: Vec<String>,
    /// `active`, `expired`, `revoked`, `suspended`.
    pub state: String,
    /// First day.
    pub valid_from: String,
    /// Last day.
    pub valid_until: String,
    /// Calls in a second.
    pub per_second: Option<u32>,
    /// Calls in a day.
    pub per_day: Option<u32>,
    /// Records of a chain.
    pub rows: Option<u32>,
}

/// A record of a departmental system: items and their values as JSON texts.
pub type Record = Vec<(String, String)>;

/// The whole city.
#[derive(Debug, Clone, Default)]
pub struct City {
    /// Departments.
    pub parties: Vec<Party>,
    /// Purpose codes.
    pub purposes: Vec<String>,
    /// Catalogue.
    pub resources: Vec<Resource>,
    /// Grants.
    pub grants: Vec<Grant>,
    /// Records by catalogue code.
    pub records: BTreeMap<String, Vec<Record>>,
}

impl City {
    /// A resource by its code.
    pub fn resource(&self, code: &str) -> &Resource {
        self.resources.iter().find(|resource| resource.code == code).unwrap_or_else(|| panic!("no resource {code}"))
    }

    /// A party by its key.
    pub fn party(&self, key: &str) -> &Party {
        self.parties.iter().find(|party| party.key == key).unwrap_or_else(|| panic!("no party {key}"))
    }

    /// Records of a resource.
    pub fn records_of(&self, code: &str) -> &[Record] {
        self.records.get(code).map_or(&[], Vec::as_slice)
    }

    /// An active handler of a party.
    pub fn handler(&self, party: &str) -> &str {
        let active = self.party(party).handlers.iter().find(|(_, active)| *active);
        active.map_or_else(|| panic!("{party} has no active handler"), |(id, _)| id.as_str())
    }
}

impl Resource {
    /// An item by its code.
    pub fn item(&self, code: &str) -> &Item {
        self.items.iter().find(|item| item.code == code).unwrap_or_else(|| panic!("no item {code}"))
    }

    /// Codes of all items.
    pub fn codes(&self) -> Vec<String> {
        self.items.iter().map(|item| item.code.clone()).collect()
    }
}
