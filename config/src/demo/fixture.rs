//! The sample city's files as they are written: Chinese words of the catalogue workbook, parties by
//! key. Members that the exchange does not need are left alone, so regenerated files may have more.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use sluice_domain::grant::Limits;

/// A JSON object in the order of the file.
#[derive(Debug)]
pub(super) struct Ordered<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Ordered<T>, A::Error> {
                let mut read = Vec::new();
                while let Some(member) = members.next_entry()? {
                    read.push(member);
                }
                Ok(Ordered(read))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

#[derive(Deserialize)]
pub(super) struct City {
    pub(super) departments: Ordered<Department>,
    pub(super) purposes: Ordered<String>,
    pub(super) catalog: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Department {
    pub(super) uscc: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) state: Option<String>,
    #[serde(default)]
    pub(super) handlers: Vec<Person>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) post: String,
    pub(super) state: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Entry {
    pub(super) code: String,
    pub(super) version: Option<u32>,
    pub(super) name: String,
    pub(super) provider_key: String,
    #[serde(rename = "abstract", default)]
    pub(super) summary: String,
    pub(super) format: Option<String>,
    pub(super) share_type: String,
    pub(super) provision_mode: String,
    #[serde(default)]
    pub(super) services: Vec<String>,
    pub(super) update_cycle: String,
    pub(super) items: Vec<Item>,
    #[serde(default)]
    pub(super) key_sets: Vec<Vec<String>>,
    #[serde(default)]
    pub(super) matter_required: bool,
    #[serde(default)]
    pub(super) secret: bool,
    #[serde(default)]
    pub(super) interim_local_copy: bool,
    pub(super) as_of: Option<String>,
    pub(super) legal_basis: Option<String>,
    pub(super) open_type: Option<String>,
    pub(super) open_method: Option<String>,
    pub(super) published: Option<String>,
    #[serde(default)]
    pub(super) use_requirements: String,
    #[serde(default)]
    pub(super) business_notes: String,
    pub(super) share_condition: Option<Condition>,
    pub(super) conditional_confirmation: Option<Confirmation>,
}

#[derive(Deserialize)]
pub(super) struct Item {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) r#type: String,
    #[serde(default)]
    pub(super) length: u32,
    pub(super) level: String,
    pub(super) semantic: Option<String>,
    #[serde(default)]
    pub(super) key: bool,
    #[serde(default)]
    pub(super) out: bool,
}

#[derive(Deserialize)]
pub(super) struct Condition {
    pub(super) purposes: Option<Vec<String>>,
    pub(super) departments: Option<Vec<String>>,
    #[serde(default)]
    pub(super) verify_only: bool,
    pub(super) row_scope: Option<String>,
    #[serde(alias = "rows_per_call")]
    pub(super) max_rows: Option<u32>,
    pub(super) per_day: Option<u32>,
    pub(super) per_second: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct Confirmation {
    #[serde(default)]
    pub(super) by: String,
    #[serde(default)]
    pub(super) document: String,
    #[serde(default)]
    pub(super) why: String,
}

#[derive(Deserialize)]
pub(super) struct Grant {
    pub(super) id: String,
    pub(super) party: String,
    pub(super) resource: String,
    pub(super) modes: Vec<String>,
    pub(super) fields: Vec<String>,
    pub(super) clear_level: Option<String>,
    #[serde(default)]
    pub(super) clear_fields: Vec<String>,
    pub(super) purposes: Vec<String>,
    pub(super) state: Option<String>,
    pub(super) valid_from: String,
    pub(super) valid_until: String,
    #[serde(default)]
    pub(super) limits: Limits,
    pub(super) second_approver: Option<String>,
    pub(super) impact_assessment: Option<String>,
}
